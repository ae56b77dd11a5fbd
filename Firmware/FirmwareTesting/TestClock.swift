// Virtual time and executed instructions, from a timer that the firmware under test leaves alone.
//
// QEMU's `-icount shift=S` makes every instruction take 2^S ns, so a timer counts instructions. These timers belong to the emulator:
// on silicon nRF51's TIMER2 has 16 bits, QEMU's has 32 (nRF51 Series Reference Manual v3.0, section 18).
import Startup
import _Volatile

#if MCU_STM32L4
import MCU
#endif

enum TestClock {
    nonisolated(unsafe) private static var shift: UInt32 = 0

    static func start(shift: UInt32) {
        self.shift = shift
        Hardware.start()
    }

    static var ticks: UInt32 { Hardware.ticks }

    /// The exception of the alarm, which nobody handles, so that it comes to `testFault`.
    static var alarmException: UInt32 { 16 + Hardware.alarmInterrupt }

    /// Instructions that take `ticks`, rounded to the nearest.
    static func instructions(_ ticks: UInt32) -> UInt32 {
        let picoseconds = UInt64(ticks) &* Hardware.picosecondsPerTick
        // An overflown stack may have overwritten it.
        let instruction = UInt64(1000) << UInt64(min(shift, 20))
        return UInt32(truncatingIfNeeded: (picoseconds + instruction / 2) / instruction)
    }

    /// Ends the test as timed out after `milliseconds` from now.
    static func alarm(milliseconds: UInt32) { Hardware.alarm(milliseconds: milliseconds) }
}

/// Ticks of a counter of 32 bits.
private func ticks(_ milliseconds: UInt32, _ perMillisecond: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: min(UInt64(milliseconds) * perMillisecond, 0xFFFF_0000))
}

private func register(_ address: UInt) -> VolatileMappedRegister<UInt32> { .init(unsafeBitPattern: address) }

#if MCU_nRF51
/// TIMER2 (reference manual section 18): 16 MHz, free running; compare 0 is the alarm, capture 1 reads.
private enum Hardware {
    static let base: UInt = 0x4000_A000
    static let alarmInterrupt: UInt32 = 10
    static let picosecondsPerTick: UInt64 = 62_500

    static func start() {
        register(base + 0x508).store(3)  // BITMODE: 32 bits
        register(base + 0x510).store(0)  // PRESCALER
        register(base + 0x00C).store(1)  // TASKS_CLEAR
        register(base + 0x000).store(1)  // TASKS_START
        register(0xE000_E100).store(1 << 10)  // NVIC ISER, IRQ 10
    }

    static var ticks: UInt32 {
        register(base + 0x044).store(1)  // TASKS_CAPTURE[1]
        return register(base + 0x544).load()
    }

    static func alarm(milliseconds: UInt32) {
        register(base + 0x540).store(ticks &+ FirmwareTesting.ticks(milliseconds, 16_000))  // CC[0]
        register(base + 0x140).store(0)  // EVENTS_COMPARE[0]: set since the start, when counter and CC[0] were both 0
        register(base + 0x304).store(1 << 16)  // INTENSET: COMPARE[0]
    }
}
#elseif MCU_MPS2
/// The dual timer (Arm CMSDK Technical Reference Manual, 4.4), at 25 MHz: timer 1 runs freely, timer 2 is the alarm.
private enum Hardware {
    static let base: UInt = 0x4000_2000
    static let alarmInterrupt: UInt32 = 10
    static let picosecondsPerTick: UInt64 = 40_000

    static func start() {
        register(base).store(.max)  // TIMER1LOAD
        register(base + 0x08).store(0x82)  // TIMER1CONTROL: enable, 32 bits
        register(0xE000_E100).store(1 << 10)  // NVIC ISER, IRQ 10
    }

    static var ticks: UInt32 { .max &- register(base + 0x04).load() }

    static func alarm(milliseconds: UInt32) {
        register(base + 0x28).store(0)
        register(base + 0x20).store(FirmwareTesting.ticks(milliseconds, 25_000))  // TIMER2LOAD
        register(base + 0x28).store(0xA3)  // TIMER2CONTROL: enable, interrupt, 32 bits, one shot
    }
}
#elseif MCU_STM32L4
/// QEMU models no timer of the chip: the system timer, which the firmware under test may use but not stop, with its interrupt every
/// millisecond (some thirty instructions of 15,625 are its own).
private enum Hardware {
    /// LCD, which this chip has not (RM0351 13.3, table 57).
    static let alarmInterrupt: UInt32 = 78
    nonisolated(unsafe) static var picosecondsPerTick: UInt64 = 62_500

    static func start() {
        let clock = startClocks().system
        picosecondsPerTick = 1_000_000_000_000 / UInt64(clock)
        _ = SystemTimer(clock: clock)
    }

    static var ticks: UInt32 { UInt32(truncatingIfNeeded: SystemTimer.ticks) }

    static func alarm(milliseconds: UInt32) { SystemTimer.setAlarm(milliseconds: milliseconds, interrupt: alarmInterrupt) }
}
#else
#error("FirmwareTesting knows no spare timer of this MCU: add one to TestClock.swift")
#endif
