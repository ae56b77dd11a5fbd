// Time as drivers need it: coarse, cheap on a CPU without division, and safe when it wraps.

/// A moment, in steps of 1.024 ms (microseconds shifted right by ten). Wraps after 50 days; compare by `elapsed`, never by size.
public struct Instant: Sendable {
    let ticks: UInt32
    /// From a clock's microseconds since reset; the ten lowest bits are dropped.
    @inline(__always) public init(microseconds: UInt64) { ticks = UInt32(truncatingIfNeeded: microseconds >> 10) }
    @inline(__always) init(ticks: UInt32) { self.ticks = ticks }
}

/// A length of time up to 24 days, in milliseconds.
public struct TimeSpan: Sendable {
    /// Not negative.
    public let milliseconds: Int32
    /// `count` must not be negative.
    @inline(__always) public static func milliseconds(_ count: Int32) -> TimeSpan { TimeSpan(milliseconds: count) }
    /// At most 2,147,483 s, which is 24 days.
    @inline(__always) public static func seconds(_ count: Int32) -> TimeSpan { TimeSpan(milliseconds: count * 1000) }
    /// At most 35,791 min, which is 24 days.
    @inline(__always) public static func minutes(_ count: Int32) -> TimeSpan { TimeSpan(milliseconds: count * 60_000) }

    /// In steps of `Instant`, rounded up: 1000/1024 = 125/128, in two parts that cannot overflow.
    @inline(__always) var ticks: UInt32 {
        let count = UInt32(bitPattern: milliseconds)
        return (count >> 7) &* 125 &+ ((count & 127) &* 125 &+ 127) >> 7
    }
}

/// One deadline of a driver. Started without knowing the time: it runs from the next poll, so it is late by a poll at most.
public struct DeviceTimer: Sendable {
    private enum Phase: UInt8 {
        case idle
        case started
        case running
    }
    private var phase = Phase.idle
    /// The span while started, the moment it ends while running.
    private var ticks: UInt32 = 0

    /// Not started: it never fires.
    @inline(__always) public init() {}

    /// Begins anew, whether or not it was running; the old deadline is forgotten.
    public mutating func start(_ span: TimeSpan) {
        ticks = span.ticks
        phase = .started
    }

    /// Keeps it from firing. Harmless when it is not running.
    public mutating func stop() { phase = .idle }
    /// True from `start` until it has fired or is stopped.
    public var isActive: Bool { phase != .idle }

    /// True once, when the span has passed.
    public mutating func hasFired(at now: Instant) -> Bool {
        switch phase {
        case .idle: return false
        case .started:
            ticks = now.ticks &+ ticks
            phase = .running
            return false
        case .running:
            if Int32(bitPattern: now.ticks &- ticks) < 0 { return false }
            phase = .idle
            return true
        }
    }
}
