// The CMSDK APB watchdog (CMSDK 4.6). Its first expiry raises the non-maskable interrupt, which reports a fault; the second, as
// long again after it, resets the chip.

import HAL

extension Base {
    /// APB watchdog (CMSDK 4.6).
    public static var watchdog: UInt { 0x4000_8000 }
}

/// Registers of the watchdog (CMSDK 4.6).
private enum Offset {
    static var load: UInt32 { 0x000 }  // WDOGLOAD
    static var control: UInt32 { 0x008 }  // WDOGCONTROL: bit 0 INTEN counts, bit 1 RESEN resets
    static var interruptClear: UInt32 { 0x00C }  // WDOGINTCLR: any write reloads
    static var lock: UInt32 { 0xC00 }  // WDOGLOCK
}

private let unlock: UInt32 = 0x1ACC_E551

/// Its registers are locked (WDOGLOCK) but for the moments in which it is started or fed.
public struct WatchdogTimer: Watchdog {
    /// Touches nothing: `start` sets the watchdog up.
    public init() {}

    private var watchdog: Peripheral { Peripheral(Base.watchdog) }

    /// `timeoutMilliseconds` up to 171,000 until the interrupt, twice that until the reset.
    public mutating func start(timeoutMilliseconds: UInt32) {
        watchdog.store(Offset.lock, unlock)
        watchdog.store(Offset.load, min(timeoutMilliseconds, 171_000) &* (clockHertz / 1000))
        watchdog.store(Offset.control, 3)
        watchdog.store(Offset.lock, 0)
    }

    public mutating func feed() {
        watchdog.store(Offset.lock, unlock)
        watchdog.store(Offset.interruptClear, 1)
        watchdog.store(Offset.lock, 0)
    }
}
