// Why the chip started (RM 11.1.5, RESETREAS).

import HAL

extension Base {
    /// CLOCK (RM 12) and POWER (RM 11).
    public static var clock: UInt { 0x4000_0000 }
}

/// Reads the reason once and forgets it, so that the next reset tells its own.
public func takeResetReason() -> ResetReason {
    let power = Peripheral(Base.clock)
    let bits = power.load(0x400)
    power.store(0x400, bits)
    if bits & (1 << 3) != 0 { return .lockup }  // LOCKUP
    if bits & (1 << 1) != 0 { return .watchdog }  // DOG
    if bits & (1 << 2) != 0 { return .software }  // SREQ
    if bits & (0x7 << 16) != 0 { return .wakeUp }  // OFF, LPCOMP, DIF
    if bits & 1 != 0 { return .pin }  // RESETPIN
    return .power
}
