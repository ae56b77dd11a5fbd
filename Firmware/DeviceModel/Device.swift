// What a driver is (R15).

import Bytes

/// A driver: it turns names and numbers into pins and bus transfers, knows no signature and no wire format, and is a plain value.
public protocol Device {
    /// What it can be told and what it tells, in the form that Interface.swift defines: one text literal, which `lightnode build` reads too,
    /// so that an application's words are checked against it. Method and event indices follow its order.
    static var interface: StaticString { get }
    /// Seconds for which a one-time token is good at this device, 1…255. Then a command needs proof that it is fresh: such a token, or
    /// trusted time. 0: it needs none. A board may say otherwise of its own device.
    static var freshness: UInt8 { get }

    /// It counts what must outlive a reboot (`retained`).
    static var keepsCount: Bool { get }

    /// Obeys method number `method` of the interface, which has it. The arguments are checked and complete.
    mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value
    /// The state as last set or measured. Cheap: it is asked for before and after each call
    /// and poll, to notice a change.
    var state: Value { get }
    /// Goes to the state that harms nobody: at boot, when a right expires, on a fault. Called with interrupts off after a fault.
    mutating func enterSafeState()
    /// Does what time demands. Called from the main loop every few milliseconds; returns the number of an event, if one happened.
    mutating func poll(_ now: Instant) -> UInt8?
    /// A number that outlives a reboot, or nil. Whoever owns the flash stores it now and then.
    var retained: Int32? { get }
    /// Given back once after a boot.
    mutating func restore(_ retained: Int32)
}

extension Device {
    @inline(__always) public static var freshness: UInt8 { 0 }
    @inline(__always) public static var keepsCount: Bool { false }
    @inline(__always) public mutating func poll(_ now: Instant) -> UInt8? { nil }
    @inline(__always) public mutating func enterSafeState() {}
    @inline(__always) public var retained: Int32? { nil }
    @inline(__always) public mutating func restore(_ retained: Int32) {}
    @inline(__always) public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value
    {
        .none
    }
}

/// What a board says of one device.
public struct Declaration: Sendable {
    /// What owners write: at most 16 bytes of a–z, 0–9 and hyphen.
    public let name: FlashText
    /// The driver's `interface`, to be taken apart on demand.
    public let interface: Interface
    /// Seconds for which a one-time token is good at this device; 0: it demands none.
    public let freshness: UInt8

    /// - Parameters:
    ///   - name: what owners write: at most 16 bytes of a–z, 0–9 and hyphen.
    ///   - freshness: in place of the driver's own.
    @inline(__always)
    public init<D: Device>(_ name: StaticString, _ driver: D.Type, freshness: UInt8? = nil) {
        self.name = FlashText(name)
        interface = Interface(FlashText(D.interface))
        self.freshness = freshness ?? D.freshness
    }

    /// A command needs proof that it is fresh: a one-time token, or trusted time.
    @inline(__always) public var demandsFreshness: Bool { freshness > 0 }
}

/// What happened in a device.
public struct DeviceEvent: Sendable {
    /// `kind` of an event that every device has: its state changed.
    public static let changed: UInt8 = 255
    /// Index in the board's table.
    public let device: UInt8
    /// Index among the interface's events, or `changed`.
    public let kind: UInt8
    /// The state after it.
    public let value: Value
}

/// The queue of a board: eight events.
public typealias EventQueue = EventRing<8>

/// Events that nobody has fetched yet: the `capacity` newest, a power of two. What is lost is counted, so that a gap shows.
public struct EventRing<let capacity: Int>: Sendable {
    // In two arrays of words, so that an empty queue is a constant and costs no code at boot.
    private var sources = InlineArray<capacity, UInt32>(repeating: 0)
    private var integers = InlineArray<capacity, Int32>(repeating: 0)
    private var first: UInt8 = 0
    /// Events that wait, 0…`capacity`.
    public private(set) var count: UInt8 = 0
    /// Events dropped since reset because nobody fetched them.
    public private(set) var lost: UInt32 = 0

    /// Empty, with nothing lost.
    @inline(__always) public init() {}

    mutating func append(_ event: DeviceEvent) {
        if count == capacity {
            _ = next()
            lost &+= 1
        }
        let at = Int(first &+ count) & (capacity - 1)
        sources[at] = UInt32(event.device) | UInt32(event.kind) << 8 | UInt32(event.value.kind.rawValue) << 16
        integers[at] = event.value.integer
        count &+= 1
    }

    /// The oldest event.
    public mutating func next() -> DeviceEvent? {
        if count == 0 { return nil }
        let at = Int(first)
        first = (first &+ 1) & UInt8(truncatingIfNeeded: capacity - 1)
        count &-= 1
        let source = sources[at]
        let kind = Value.Kind(rawValue: UInt8(truncatingIfNeeded: source >> 16)) ?? .none
        return DeviceEvent(
            device: UInt8(truncatingIfNeeded: source), kind: UInt8(truncatingIfNeeded: source >> 8),
            value: Value(kind: kind, integer: integers[at]))
    }
}
