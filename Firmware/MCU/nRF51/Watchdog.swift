// The watchdog timer (RM 20). QEMU does not model it: there it never bites.

import HAL

extension Base {
    /// WDT (RM 20).
    public static var watchdog: UInt { 0x4001_0000 }
}

/// Registers of the watchdog (RM 20).
private enum Offset {
    static var start: UInt32 { 0x000 }  // TASKS_START
    static var counterReload: UInt32 { 0x504 }  // CRV, in 1/32768 s
    static var reloadEnable: UInt32 { 0x508 }  // RREN
    static var configuration: UInt32 { 0x50C }  // CONFIG: bit 0 runs in sleep, bit 3 runs while a debugger halts
    static var reload: UInt32 { 0x600 }  // RR[0]
}

/// Runs through sleep, pauses while a debugger holds the CPU.
public struct WatchdogTimer: Watchdog {
    /// Touches nothing: `start` sets the watchdog up.
    public init() {}

    private var watchdog: Peripheral { Peripheral(Base.watchdog) }

    /// `timeoutMilliseconds` up to 131,071,999.
    public mutating func start(timeoutMilliseconds: UInt32) {
        let ticks = (timeoutMilliseconds / 1000) &* 32768 &+ (timeoutMilliseconds % 1000) &* 32768 / 1000
        watchdog.store(Offset.configuration, 1)
        watchdog.store(Offset.counterReload, max(ticks, 15))
        watchdog.store(Offset.reloadEnable, 1)
        watchdog.trigger(Offset.start)
    }

    public mutating func feed() { watchdog.store(Offset.reload, 0x6E52_4635) }
}
