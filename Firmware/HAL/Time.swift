// Time and supervision as the firmware sees them.

/// A clock that only ever goes forward from reset. It knows nothing of the date.
public protocol MonotonicClock: ~Copyable {
    /// Microseconds since reset. Wraps after 584,000 years.
    mutating func microseconds() -> UInt64
}

/// A watchdog that resets the chip unless it is fed in time.
public protocol Watchdog: ~Copyable {
    /// Starts it; it cannot be stopped again.
    mutating func start(timeoutMilliseconds: UInt32)
    /// Begins the time that `start` was given anew. Without effect before `start`.
    mutating func feed()
}
