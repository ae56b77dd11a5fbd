// The watchdog timer (RM 20). QEMU does not model it: there it never bites.

import HAL

private enum WDT {
    static let base: UInt = 0x4001_0000
    static let start = Register(base + 0x000)  // TASKS_START
    static let counterReload = Register(base + 0x504)  // CRV, in 1/32768 s
    static let reloadEnable = Register(base + 0x508)  // RREN
    static let configuration = Register(base + 0x50C)  // CONFIG: bit 0 runs in sleep, bit 3 runs while a debugger halts
    static let reload = Register(base + 0x600)  // RR[0]
    static let reloadRequest: UInt32 = 0x6E52_4635
}

/// Runs through sleep, pauses while a debugger holds the CPU.
public struct WatchdogTimer: Watchdog {
    /// Touches nothing: `start` sets the watchdog up.
    public init() {}

    /// `timeoutMilliseconds` up to 131,071,999.
    public mutating func start(timeoutMilliseconds: UInt32) {
        let ticks = (timeoutMilliseconds / 1000) &* 32768 &+ (timeoutMilliseconds % 1000) &* 32768 / 1000
        WDT.configuration.store(1)
        WDT.counterReload.store(max(ticks, 15))
        WDT.reloadEnable.store(1)
        WDT.start.trigger()
    }

    public mutating func feed() { WDT.reload.store(WDT.reloadRequest) }
}
