// Time since reset, from CMSDK APB timer 0 (CMSDK 4.4), a 32-bit down-counter at 25 MHz that reloads every 2^26 µs.

#if hasFeature(Embedded)
import HAL
import Synchronization

private var clock: Peripheral { Peripheral(Base.timer0) }
private var alarm: Peripheral { Peripheral(Base.timer1) }
private let clockInterrupt: UInt32 = 8
private let alarmInterrupt: UInt32 = 9

/// 25 ticks to the microsecond, and 2^26 µs to the period.
private let ticksPerPeriod: UInt32 = 25 << 26

/// Periods that the interrupt has seen end. Only the interrupt writes it.
private let periods = Atomic<UInt32>(0)

/// Timer 0 has reloaded: counts the period of 2^26 µs.
@c(IRQ8_Handler)
public func timer0Interrupt() {
    clock.store(TimerRegister.interrupt, 1)
    periods.store(periods.load(ordering: .relaxed) &+ 1, ordering: .releasing)
}

/// Timer 1 only wakes the CPU.
@c(IRQ9_Handler)
public func timer1Interrupt() {
    alarm.store(TimerRegister.control, 0)
    alarm.store(TimerRegister.interrupt, 1)
}

/// Microseconds since `init`.
public struct Timer0Clock: MonotonicClock {
    /// Starts timer 0 from 0, and enables the interrupts of it and of timer 1. Make one only.
    public init() {
        clock.store(TimerRegister.control, 0)
        clock.store(TimerRegister.reload, ticksPerPeriod - 1)
        clock.store(TimerRegister.interrupt, 1)
        clock.store(TimerRegister.control, 1 << 0 | 1 << 3)
        NVIC.enable(clockInterrupt)
        NVIC.enable(alarmInterrupt)
    }

    /// Also right while interrupts are masked, for less than a period: a reload not yet counted shows in the status register.
    @export(interface) public mutating func microseconds() -> UInt64 {
        while true {
            let before = periods.load(ordering: .acquiring)
            var value = clock.load(TimerRegister.value)
            var count = before
            if clock.load(TimerRegister.interrupt) & 1 != 0 {
                value = clock.load(TimerRegister.value)
                count &+= 1
            }
            if periods.load(ordering: .acquiring) != before { continue }
            return UInt64(count) << 26 | UInt64((ticksPerPeriod - 1 &- value) / 25)
        }
    }

    /// Wakes the CPU from `wfi` in `microseconds` (at most 171 s) unless another interrupt does so first.
    public mutating func wake(inMicroseconds microseconds: UInt32) {
        alarm.store(TimerRegister.control, 0)
        alarm.store(TimerRegister.reload, max(min(microseconds, 171_000_000), 10) &* 25)  // sets VALUE as well
        alarm.store(TimerRegister.control, 1 << 0 | 1 << 3)
    }
}
#endif
