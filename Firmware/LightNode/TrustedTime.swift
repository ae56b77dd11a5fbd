// What the node knows of the time (R10). It has no clock that it could trust, only signed statements of its owner and its own uptime.
//
// All of it belongs to the epoch: what one owner said of the time is worth nothing to the next. The floor is kept in flash: the time is
// at least that. The time is *known* only when a signed statement answered a token of this boot: then the true time lies between the
// statement and the statement plus what passed since the token was given. Rights that expire are refused while it is not known.
//
// A statement without a token may be old: it raises the floor by a day at most, above what the last statement with one leads to expect,
// and tells nothing where there was none. With a token the owner may set the time back, unless a grant's end depends on it.

import Bytes
import HAL
import Vocabulary

struct TrustedTime: ~Copyable {
    private let inMemory = InMemory()
    /// Seconds since 1970: the time is at least this.
    private(set) var floor: UInt64 = 0
    /// What was last written to flash.
    var savedFloor: UInt64 = 0
    private(set) var isKnown = false
    /// Seconds since 1970 as stated, and the uptime range (microseconds) in which that was true. While the time is not known `statement` is
    /// the floor at boot and `received` 0.
    private var statement: UInt64 = 0
    private var tokenIssued: UInt64 = 0
    private var received: UInt64 = 0

    /// The floor is written again when it has risen by this much: 15 minutes, at most 96 record writes a day.
    static var floorGranularity: UInt64 { 900 }
    /// Seconds by which a statement without a token may run ahead of what is expected.
    static var boundedStep: UInt64 { 86_400 }
    /// Seconds by which two statements may differ without the later one being held for wrong.
    static var tolerance: UInt64 { 60 }

    @inline(never)
    mutating func load(floor: UInt64) {
        (self.floor, savedFloor, statement) = (floor, floor, floor)
    }

    /// Another epoch has begun.
    @inline(never)
    mutating func forget() {
        load(floor: 0)
        (isKnown, received) = (false, 0)
    }

    /// What a statement would do, were it accepted now: nothing changes. `tokenIssued` is the uptime at which the token in it was given, nil when
    /// it had none; `mayGoBack` is false while a grant's end depends on the time.
    @inline(never)
    func judge(_ seconds: UInt64, tokenIssued: UInt64?, mayGoBack: Bool, uptime: UInt64) -> Outcome {
        if tokenIssued == nil { return seconds > floor && seconds <= ceiling(uptime: uptime) ? .done : .timeKept }
        return mayGoBack || seconds &+ TrustedTime.tolerance >= earliest(uptime: uptime) ? .done : .timeHeld
    }

    /// Takes a signed statement. Without `mayGoBack` the time never goes back.
    @inline(never)
    mutating func accept(_ seconds: UInt64, tokenIssued: UInt64?, mayGoBack: Bool, uptime: UInt64) {
        guard let tokenIssued else {
            if seconds <= ceiling(uptime: uptime) { floor = max(floor, seconds) }
            return
        }
        let now = mayGoBack ? seconds : max(seconds, earliest(uptime: uptime))
        (statement, self.tokenIssued, received, isKnown) = (now, tokenIssued, uptime, true)
        floor = now
    }

    /// The highest time that a statement without a token may tell; 0 when nothing is known to measure it by.
    @inline(never)
    private func ceiling(uptime: UInt64) -> UInt64 {
        statement == 0 ? 0 : expected(uptime: uptime) &+ TrustedTime.boundedStep
    }

    /// What the last statement with a token leads to expect by now, in seconds since 1970; while there was none, the floor at boot.
    @inline(never)
    func expected(uptime: UInt64) -> UInt64 { statement &+ (uptime &- received) / 1_000_000 }

    /// The time is at least this, in seconds since 1970.
    @inline(never)
    func earliest(uptime: UInt64) -> UInt64 { isKnown ? max(floor, expected(uptime: uptime)) : floor }

    /// The time is at most this; nil while it is not known.
    @inline(never)
    func latest(uptime: UInt64) -> UInt64? {
        isKnown ? max(floor, statement &+ TrustedTime.seconds(since: tokenIssued, uptime: uptime)) : nil
    }

    /// Seconds since `start`, rounded up; both uptimes in microseconds.
    static func seconds(since start: UInt64, uptime: UInt64) -> UInt64 { (uptime &- start &+ 999_999) / 1_000_000 }

    /// Throws unless a right that ends at `expiry` still holds for certain.
    @inline(never)
    func checkExpiry(_ expiry: UInt64, uptime: UInt64) throws(Refusal) {
        if floor >= expiry { throw .expired }
        guard let latest = latest(uptime: uptime) else { throw .timeUnknown }
        if latest >= expiry { throw .expired }
    }

    /// Throws unless a right that begins at `start` has begun for certain.
    @inline(never)
    func checkStart(_ start: UInt64, uptime: UInt64) throws(Refusal) {
        if earliest(uptime: uptime) < start { throw isKnown ? .notYetValid : .timeUnknown }
    }

    /// The floor, raised by the time that passed since it was known. Saved when `needsSaving`.
    mutating func advance(uptime: UInt64) {
        if isKnown { floor = max(floor, earliest(uptime: uptime)) }
    }

    var needsSaving: Bool { floor >= savedFloor &+ TrustedTime.floorGranularity || floor < savedFloor }
}
