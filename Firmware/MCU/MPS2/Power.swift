// Why the chip started (CMSDK 3.4.2, system controller RSTINFO).

import HAL

extension Base {
    /// System controller (CMSDK 3.4).
    public static var systemController: UInt { 0x4001_F000 }
}

/// Reads the reason once and forgets it, so that the next reset tells its own. QEMU does not model the register: it says `power`.
public func takeResetReason() -> ResetReason {
    let controller = Peripheral(Base.systemController)
    let bits = controller.load(0x10)
    controller.store(0x10, bits)
    if bits & (1 << 2) != 0 { return .lockup }  // LOCKUPRESET
    if bits & (1 << 1) != 0 { return .watchdog }  // WDOGRESETREQ
    if bits & 1 != 0 { return .software }  // SYSRESETREQ
    return .power
}
