// Who observes what (RFC 7641): docs/protocol.md, "Observing".

import CoAP
import HAL
import LightNode

/// The registrations of a node: the newest ones of device states, and the newest of events, each in places of their own, so that clients who
/// observe many states do not drive out the owner who observes events.
///
/// Times are uptimes in steps of 1.024 ms that wrap; they are compared by their difference.
struct Observers: ~Copyable {
    static var capacity: Int { 5 }
    /// The first places are for states, the rest for events.
    static var statePlaces: Int { 3 }
    /// ACK_TIMEOUT and MAX_RETRANSMIT (RFC 7252, section 4.8).
    private static var timeout: UInt32 { 2000 }
    private static var retransmissions: UInt8 { 4 }
    /// Whoever observes hears something before its knowledge is older than Max-Age's default, 60 s.
    private static var heartbeat: UInt32 { 48_000 }
    /// Between two notifications of one registration.
    private static var pauseOfState: UInt32 { 100 }
    private static var pauseOfEvents: UInt32 { 1000 }

    private struct Registration {
        var token = CoAPToken()
        var resource = Resource(number: 0)
        /// Where it came from, and notifications go.
        var wire = WireNumber.serial
        var isUsed = false
        /// There is news that it has not been told.
        var hasNews = false
        /// How often the last notification was sent; 0 once it was acknowledged.
        var sent: UInt8 = 0
        /// The message id of the last one.
        var id: UInt16 = 0
        /// When it was registered.
        var since: UInt32 = 0
        /// Before this nothing is sent; when an acknowledgement is awaited, then it is sent again.
        var next: UInt32 = 0
    }

    private let inMemory = InMemory()
    private var registrations = InlineArray<5, Registration>(repeating: Registration())

    /// Registers `token` of a wire, anew if it is there already; in place of the oldest when there is no room.
    @inline(never)
    mutating func add(_ token: CoAPToken, _ resource: Resource, wire: WireNumber, now: UInt32) {
        let isEvents = resource == .events
        remove(token, wire: wire)
        var place = isEvents ? Observers.statePlaces : 0
        for index in place..<(isEvents ? Observers.capacity : Observers.statePlaces) {
            if age(index, now) > age(place, now) { place = index }
        }
        registrations[place] = Registration()
        registrations[place].token = token
        registrations[place].resource = resource
        registrations[place].wire = wire
        registrations[place].isUsed = true
        registrations[place].since = now
        registrations[place].next = now
    }

    /// A free place is older than any registration.
    private func age(_ index: Int, _ now: UInt32) -> UInt32 {
        registrations[index].isUsed ? now &- registrations[index].since : .max
    }

    private func isOf(_ index: Int, _ token: CoAPToken, _ wire: WireNumber) -> Bool {
        registrations[index].token == token && registrations[index].wire == wire
    }

    @inline(never)
    mutating func remove(_ token: CoAPToken, wire: WireNumber) {
        for index in 0..<Observers.capacity where isOf(index, token, wire) { registrations[index].isUsed = false }
    }

    /// The client has acknowledged the notification with this id, or reset it.
    @inline(never)
    mutating func answered(_ id: UInt16, isReset: Bool, now: UInt32) {
        for index in 0..<Observers.capacity where registrations[index].id == id && registrations[index].sent > 0 {
            registrations[index].sent = 0
            let isEvents = registrations[index].resource == .events
            registrations[index].next = now &+ (isEvents ? Observers.pauseOfEvents : Observers.pauseOfState)
            if isReset { registrations[index].isUsed = false }
        }
    }

    /// Something happened in `device`.
    @inline(never)
    mutating func note(device: UInt8) {
        for index in 0..<Observers.capacity
        where registrations[index].resource == .events || registrations[index].resource.device == device {
            registrations[index].hasNews = true
        }
    }

    /// A registration that is to be told something now.
    @inline(never)
    mutating func due(now: UInt32) -> Int? {
        for index in 0..<Observers.capacity where registrations[index].isUsed {
            let wait = Int32(bitPattern: registrations[index].next &- now)
            if registrations[index].sent > 0 {
                if wait > 0 { continue }
                if registrations[index].sent <= Observers.retransmissions { return index }
                registrations[index].isUsed = false
            } else if registrations[index].hasNews ? wait <= 0 : wait <= -Int32(Observers.heartbeat) {
                return index
            }
        }
        return nil
    }

    func token(_ index: Int) -> CoAPToken { registrations[index].token }
    func wire(_ index: Int) -> WireNumber { registrations[index].wire }
    func resource(_ index: Int) -> Resource { registrations[index].resource }

    /// A notification is sent to a registration: what is not acknowledged is told again, then with the state of that moment.
    @inline(never)
    mutating func noteSent(_ index: Int, id: UInt16, now: UInt32) {
        registrations[index].id = id
        registrations[index].hasNews = false
        registrations[index].next = now &+ Observers.timeout << UInt32(registrations[index].sent)
        registrations[index].sent &+= 1
    }
}
