// Why the chip started.

/// What made the chip start, as far as it can tell.
public enum ResetReason: UInt8, Sendable {
    /// Power was applied or dipped (also what a chip without a reset-reason register reports).
    case power = 0
    /// The reset pin.
    case pin = 1
    /// The watchdog was not fed in time.
    case watchdog = 2
    /// The firmware asked for it.
    case software = 3
    /// The CPU locked up: a fault inside the fault handler.
    case lockup = 4
    /// Woken from the off state.
    case wakeUp = 5
}
