// Time since reset, from CMSDK APB timer 0 (CMSDK 4.4), a 32-bit down-counter at 25 MHz that reloads every 2^26 µs.

#if hasFeature(Embedded)
import HAL
import Synchronization

private enum Timer {
    @inline(__always) static func control(_ base: UInt) -> Register { Register(base + 0x0) }  // bit 0 enable, 3 interrupt
    @inline(__always) static func value(_ base: UInt) -> Register { Register(base + 0x4) }
    @inline(__always) static func reload(_ base: UInt) -> Register { Register(base + 0x8) }
    @inline(__always) static func interrupt(_ base: UInt) -> Register { Register(base + 0xC) }  // read: status; write 1: clear
    static let clock: UInt = 0x4000_0000
    static let alarm: UInt = 0x4000_1000
    static let clockInterrupt: UInt32 = 8
    static let alarmInterrupt: UInt32 = 9
}

/// 25 ticks to the microsecond, and 2^26 µs to the period.
private let ticksPerPeriod: UInt32 = 25 << 26

/// Periods that the interrupt has seen end. Only the interrupt writes it.
private let periods = Atomic<UInt32>(0)

/// Timer 0 has reloaded: counts the period of 2^26 µs.
@c(IRQ8_Handler)
public func timer0Interrupt() {
    Timer.interrupt(Timer.clock).store(1)
    periods.store(periods.load(ordering: .relaxed) &+ 1, ordering: .releasing)
}

/// Timer 1 only wakes the CPU.
@c(IRQ9_Handler)
public func timer1Interrupt() {
    Timer.control(Timer.alarm).store(0)
    Timer.interrupt(Timer.alarm).store(1)
}

/// Microseconds since `init`.
public struct Timer0Clock: MonotonicClock {
    /// Starts timer 0 from 0, and enables the interrupts of it and of timer 1. Make one only.
    public init() {
        Timer.control(Timer.clock).store(0)
        Timer.reload(Timer.clock).store(ticksPerPeriod - 1)
        Timer.interrupt(Timer.clock).store(1)
        Timer.control(Timer.clock).store(1 << 0 | 1 << 3)
        NVIC.enable(Timer.clockInterrupt)
        NVIC.enable(Timer.alarmInterrupt)
    }

    /// Also right while interrupts are masked, for less than a period: a reload not yet counted shows in the status register.
    @export(interface) public mutating func microseconds() -> UInt64 {
        while true {
            let before = periods.load(ordering: .acquiring)
            var value = Timer.value(Timer.clock).load()
            var count = before
            if Timer.interrupt(Timer.clock).load() & 1 != 0 {
                value = Timer.value(Timer.clock).load()
                count &+= 1
            }
            if periods.load(ordering: .acquiring) != before { continue }
            return UInt64(count) << 26 | UInt64((ticksPerPeriod - 1 &- value) / 25)
        }
    }

    /// Wakes the CPU from `wfi` in `microseconds` (at most 171 s) unless another interrupt does so first.
    public mutating func wake(inMicroseconds microseconds: UInt32) {
        Timer.control(Timer.alarm).store(0)
        Timer.reload(Timer.alarm).store(max(min(microseconds, 171_000_000), 10) &* 25)  // sets VALUE as well
        Timer.control(Timer.alarm).store(1 << 0 | 1 << 3)
    }
}
#endif
