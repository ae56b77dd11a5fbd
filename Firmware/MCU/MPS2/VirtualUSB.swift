// A USB device controller made of a byte stream: QEMU models none, so the packets of a full-speed bus go over a spare UART to a
// host controller in a program, and only this file stands where a board has its controller's registers.
//
// Each frame is `kind:u8 endpoint:u8 length:u16 data[length] end:u8`, low byte first, length at most 1024. `endpoint` is bEndpointAddress where
// one applies, else 0. `end` is 0xA5, or the frame was cut off and is none.
//
//     from the host   0x01 RESET   0x02 SETUP, 8 bytes, always DATA0   0x03 OUT: toggle 0 or 1, then 0…64 bytes   0x04 IN   0x05 ACK of IN's data
//                     0x06 SUSPEND   0x07 RESUME   0x08 HELLO, answered by CONNECT   0x09 DETACHED: the cable was pulled
//                     0x0A SYNC, answered by SYNCED
//     to the host     0x81 DATA: toggle, then 0…64 bytes   0x82 HANDSHAKE: 0x02 ACK, 0x0A NAK, 0x0E STALL, or 0 for no answer
//                     0x83 READY: this endpoint, which answered NAK, would not any more   0x84 CONNECT: 1 shown on the bus, 0 not
//                     0x85 REMOTE_WAKEUP   0x86 STARTED: the chip was reset   0x87 SYNCED: as CONNECT
//
// Each SETUP, OUT and IN gets exactly one answer, DATA or HANDSHAKE, in order; READY, CONNECT and REMOTE_WAKEUP come unasked. Whatever is
// no frame is skipped: bytes of 0 between frames, and what is longer than 1024 bytes. A chip that is reset loses bytes of both directions. It
// fills up a frame that it had begun with zeros and says STARTED; the host fills up its own, says SYNC, and hears nothing until SYNCED.
// The wire is one cable to one device, so tokens carry no device address: the host keeps it.

import HAL

/// The byte stream.
public protocol VirtualUSBLine: ~Copyable {
    /// The next byte from the host, or nil when there is none yet.
    mutating func readByte() -> UInt8?
    /// Sends a byte to the host, in order and without waiting; it is lost when there is no `room`.
    mutating func writeByte(_ byte: UInt8)
    /// Bytes that `writeByte` takes now.
    var room: Int { get }
}

private enum Kind {
    static var reset: UInt8 { 0x01 }
    static var setup: UInt8 { 0x02 }
    static var out: UInt8 { 0x03 }
    static var `in`: UInt8 { 0x04 }
    static var acknowledge: UInt8 { 0x05 }
    static var suspend: UInt8 { 0x06 }
    static var resume: UInt8 { 0x07 }
    static var hello: UInt8 { 0x08 }
    static var detached: UInt8 { 0x09 }
    static var sync: UInt8 { 0x0A }
    static var data: UInt8 { 0x81 }
    static var handshake: UInt8 { 0x82 }
    static var ready: UInt8 { 0x83 }
    static var connect: UInt8 { 0x84 }
    static var remoteWakeup: UInt8 { 0x85 }
    static var started: UInt8 { 0x86 }
    static var synced: UInt8 { 0x87 }
}

private enum Handshake: UInt8 {
    case none = 0x00, acknowledge = 0x02, busy = 0x0A, stall = 0x0E
}

/// The last byte of every frame.
private var endOfFrame: UInt8 { 0xA5 }

/// One direction of an endpoint.
private struct Channel {
    var isOpen = false
    var isStalled = false
    /// Of the next packet: 0 or 1.
    var toggle: UInt8 = 0
    /// IN: a packet is loaded. OUT: one may come.
    var isArmed = false
    /// The host was told NAK: tell it when that changes.
    var owesReady = false
    var packet = InlineArray<64, UInt8>(repeating: 0)
    var count = 0

    mutating func open(toggle: UInt8) {
        isOpen = true
        isStalled = false
        isArmed = false
        owesReady = false
        self.toggle = toggle
    }
}

/// A controller with four endpoints in each direction. Call `start` before anything else.
public struct VirtualUSB<Line: VirtualUSBLine & ~Copyable>: USBDeviceController, ~Copyable {
    private let inMemory = InMemory()
    /// For the interrupt that drains it; only this controller writes to it.
    public var line: Line
    /// OUT 0…3, then IN 0…3: more than any device here has.
    private var channels = InlineArray<8, Channel>(repeating: Channel())
    /// Header and data of the frame that is coming in; only the first bytes of data are kept.
    private var frame = InlineArray<80, UInt8>(repeating: 0)
    private var frameCount = 0
    private var isConnected = false
    /// The host has reset the bus since the device was connected: packets are heard.
    private var isListening = false
    private var isSuspended = false
    /// The IN channel whose data the host may acknowledge next.
    private var awaited: Int?
    /// What the host has given the device; 0 after a reset of the bus.
    public private(set) var address: UInt8 = 0
    private var nextAddress: UInt8?

    public static var controlPacketSize: UInt8 { 64 }
    /// The longest frame to the host.
    private static var longestAnswer: Int { 4 + 1 + 64 + 1 }

    /// Sends nothing yet: off the bus, all endpoints closed.
    public init(_ line: consuming Line) { self.line = line }

    // MARK: Frames

    /// Tells the host that the chip has just been reset. Once, before anything else.
    public mutating func start() {
        // As long as the longest frame that may have been cut off, in fours: a host that skips frames by their length stays aligned.
        for _ in 0..<72 { line.writeByte(0) }
        announce(Kind.started, 0)
    }

    public mutating func connect() { setConnected(true) }
    public mutating func disconnect() { setConnected(false) }

    private mutating func setConnected(_ connected: Bool) {
        isConnected = connected
        isListening = false
        isSuspended = false
        sendConnection()
    }

    private mutating func sendConnection(_ kind: UInt8 = Kind.connect) {
        send(kind, 0, isConnected ? 1 : 0)
        line.writeByte(endOfFrame)
    }

    /// The line has room for whatever a byte from the host may be answered with.
    public var mayHear: Bool { line.room >= 2 * Self.longestAnswer }

    /// Takes bytes until they make something happen. While the line to the host is congested it takes none, and so makes the host wait.
    public mutating func nextEvent() -> USBEvent? {
        while mayHear, let byte = line.readByte() {
            if frameCount < 80 { frame[frameCount] = byte }
            frameCount &+= 1
            if frameCount == 1 && !(Kind.reset...Kind.sync).contains(byte) { frameCount = 0 }
            guard frameCount >= 4 else { continue }
            let length = Int(frame[2]) | Int(frame[3]) << 8
            if length > 1024 { frameCount = 0 }
            guard frameCount == 5 &+ length else { continue }
            frameCount = 0
            guard byte == endOfFrame else { continue }
            if let event = take(kind: frame[0], endpoint: frame[1], length: length) { return event }
        }
        return nil
    }

    @inline(never)
    private mutating func take(kind: UInt8, endpoint: UInt8, length: Int) -> USBEvent? {
        let mayAcknowledge = awaited
        awaited = nil
        switch kind {
        case Kind.reset: return reset()
        case Kind.setup: return takeSetup(endpoint, length)
        case Kind.out: return takeOut(endpoint, length)
        case Kind.in: answerIn(endpoint)
        case Kind.acknowledge:
            if let mayAcknowledge, endpoint & 0xF == UInt8(mayAcknowledge & 3) { return acknowledged(mayAcknowledge) }
        case Kind.suspend where isListening && !isSuspended:
            isSuspended = true
            return .suspended
        case Kind.resume where isSuspended:
            isSuspended = false
            return .resumed
        case Kind.hello: sendConnection()
        case Kind.sync: sendConnection(Kind.synced)
        case Kind.detached:
            isListening = false
            isSuspended = false
            return .detached
        default: break
        }
        return nil
    }

    /// A frame up to its first byte of data; `count` more follow, and the end.
    @inline(never)
    private mutating func send(_ kind: UInt8, _ endpoint: UInt8, _ byte: UInt8, count: Int = 0) {
        line.writeByte(kind)
        line.writeByte(endpoint)
        line.writeByte(UInt8(truncatingIfNeeded: count &+ 1))
        line.writeByte(0)
        line.writeByte(byte)
    }

    private mutating func answer(_ endpoint: UInt8, _ handshake: UInt8) {
        send(Kind.handshake, endpoint, handshake)
        line.writeByte(endOfFrame)
    }

    // MARK: Tokens

    private mutating func reset() -> USBEvent? {
        guard isConnected else { return nil }
        for index in 0..<8 { channels[index] = Channel() }
        channels[0].isOpen = true
        channels[4].isOpen = true
        address = 0
        nextAddress = nil
        isListening = true
        isSuspended = false
        return .reset
    }

    /// The open channel that a token addresses; nil when nothing would answer it.
    private func channel(_ endpoint: UInt8, isIn: Bool) -> Int? {
        let number = Int(endpoint & 0xF)
        guard isListening, !isSuspended, number < 4, (endpoint & 0x80 != 0) == isIn else { return nil }
        let index = isIn ? number &+ 4 : number
        return channels[index].isOpen ? index : nil
    }

    private mutating func takeSetup(_ endpoint: UInt8, _ length: Int) -> USBEvent? {
        guard endpoint == 0, length == 8, channel(0, isIn: false) != nil else {
            answer(endpoint, Handshake.none.rawValue)
            return nil
        }
        channels[0].open(toggle: 1)
        channels[4].open(toggle: 1)
        nextAddress = nil
        answer(endpoint, Handshake.acknowledge.rawValue)
        return .setup(USBSetup(low: word(4), high: word(8)))
    }

    private func word(_ at: Int) -> UInt32 {
        UInt32(frame[at]) | UInt32(frame[at &+ 1]) << 8 | UInt32(frame[at &+ 2]) << 16 | UInt32(frame[at &+ 3]) << 24
    }

    /// 8.6.4: data with the wrong toggle are a repetition, acknowledged and dropped.
    private mutating func takeOut(_ endpoint: UInt8, _ length: Int) -> USBEvent? {
        guard let index = channel(endpoint, isIn: false), length >= 1, length <= 65 else {
            answer(endpoint, Handshake.none.rawValue)
            return nil
        }
        if channels[index].isStalled {
            answer(endpoint, Handshake.stall.rawValue)
        } else if frame[4] != channels[index].toggle {
            answer(endpoint, Handshake.acknowledge.rawValue)
        } else if !channels[index].isArmed {
            channels[index].owesReady = true
            answer(endpoint, Handshake.busy.rawValue)
        } else {
            for at in 0..<(length &- 1) { channels[index].packet[at] = frame[5 &+ at] }
            channels[index].count = length &- 1
            channels[index].isArmed = false
            channels[index].toggle ^= 1
            answer(endpoint, Handshake.acknowledge.rawValue)
            return .received(endpoint)
        }
        return nil
    }

    private mutating func answerIn(_ endpoint: UInt8) {
        guard let index = channel(endpoint, isIn: true) else { return answer(endpoint, Handshake.none.rawValue) }
        if channels[index].isStalled {
            answer(endpoint, Handshake.stall.rawValue)
        } else if !channels[index].isArmed {
            channels[index].owesReady = true
            answer(endpoint, Handshake.busy.rawValue)
        } else {
            let count = channels[index].count
            send(Kind.data, endpoint, channels[index].toggle, count: count)
            for at in 0..<count { line.writeByte(channels[index].packet[at]) }
            line.writeByte(endOfFrame)
            awaited = index
        }
    }

    private mutating func acknowledged(_ index: Int) -> USBEvent? {
        channels[index].toggle ^= 1
        channels[index].isArmed = false
        if index == 4, let next = nextAddress {
            address = next
            nextAddress = nil
        }
        return .sent(0x80 | UInt8(index & 3))
    }

    // MARK: The stack's side

    public mutating func setAddress(_ address: UInt8) { nextAddress = address }

    /// Endpoints beyond those that the controller has never answer.
    private func index(_ address: UInt8) -> Int? {
        let number = Int(address & 0xF)
        return number < 4 ? (address & 0x80 != 0 ? number &+ 4 : number) : nil
    }

    public mutating func open(_ endpoint: USBEndpoint) {
        if let index = index(endpoint.address) { channels[index].open(toggle: 0) }
    }

    public mutating func close(_ address: UInt8) {
        if let index = index(address) { channels[index] = Channel() }
    }

    public mutating func stall(_ address: UInt8) {
        if address & 0xF == 0 {
            stallChannel(0, 0x00)
            stallChannel(4, 0x80)
        } else if let index = index(address) {
            stallChannel(index, address)
        }
    }

    private mutating func stallChannel(_ index: Int, _ address: UInt8) {
        channels[index].isStalled = true
        channels[index].isArmed = false
        announce(index, address)
    }

    private mutating func announce(_ index: Int, _ address: UInt8) {
        guard channels[index].owesReady else { return }
        channels[index].owesReady = false
        announce(Kind.ready, address)
    }

    /// A frame without data.
    private mutating func announce(_ kind: UInt8, _ endpoint: UInt8) {
        line.writeByte(kind)
        line.writeByte(endpoint)
        line.writeByte(0)
        line.writeByte(0)
        line.writeByte(endOfFrame)
    }

    @inline(never)
    public mutating func send(_ address: UInt8, _ packet: RawSpan) {
        guard let index = index(address) else { return }
        let count = min(packet.byteCount, 64)
        for at in 0..<count { channels[index].packet[at] = packet.unsafeLoad(fromByteOffset: at, as: UInt8.self) }
        channels[index].count = count
        channels[index].isArmed = true
        announce(index, address)
    }

    public mutating func accept(_ address: UInt8) {
        guard let index = index(address) else { return }
        channels[index].isArmed = true
        announce(index, address)
    }

    public mutating func read(_ address: UInt8, into packet: inout MutableRawSpan) -> Int {
        guard let index = index(address) else { return 0 }
        let count = min(channels[index].count, packet.byteCount)
        for at in 0..<count { packet.storeBytes(of: channels[index].packet[at], toByteOffset: at, as: UInt8.self) }
        return count
    }

    public mutating func wakeHost() {
        guard isSuspended else { return }
        announce(Kind.remoteWakeup, 0)
    }
}
