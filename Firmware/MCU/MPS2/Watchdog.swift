// The CMSDK APB watchdog (CMSDK 4.6). Its first expiry raises the non-maskable interrupt, which reports a fault; the second, as
// long again after it, resets the chip.

import HAL

private enum Watch {
    static let base: UInt = 0x4000_8000
    static let load = Register(base + 0x000)  // WDOGLOAD
    static let control = Register(base + 0x008)  // WDOGCONTROL: bit 0 INTEN counts, bit 1 RESEN resets
    static let interruptClear = Register(base + 0x00C)  // WDOGINTCLR: any write reloads
    static let lock = Register(base + 0xC00)  // WDOGLOCK
    static let unlock: UInt32 = 0x1ACC_E551
}

/// Its registers are locked (WDOGLOCK) but for the moments in which it is started or fed.
public struct WatchdogTimer: Watchdog {
    /// Touches nothing: `start` sets the watchdog up.
    public init() {}

    /// `timeoutMilliseconds` up to 171,000 until the interrupt, twice that until the reset.
    public mutating func start(timeoutMilliseconds: UInt32) {
        Watch.lock.store(Watch.unlock)
        Watch.load.store(min(timeoutMilliseconds, 171_000) &* (clockHertz / 1000))
        Watch.control.store(3)
        Watch.lock.store(0)
    }

    public mutating func feed() {
        Watch.lock.store(Watch.unlock)
        Watch.interruptClear.store(1)
        Watch.lock.store(0)
    }
}
