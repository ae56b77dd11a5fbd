// Time since reset, from TIMER0 (RM 18): the part has no SysTick. A 32-bit counter at 1 MHz wraps every 71.6 minutes; an
// interrupt at each half period counts the rest.

#if hasFeature(Embedded)
import HAL
import Synchronization

extension Base {
    /// TIMER0 (RM 18), here the clock of the system.
    public static var timer0: UInt { 0x4000_8000 }
}

private var timer: Peripheral { Peripheral(Base.timer0) }
private let interrupt: UInt32 = 8

/// Which compare register does what.
private enum Compare {
    static var wrap: UInt32 { 0 }
    static var half: UInt32 { 1 }
    static var alarm: UInt32 { 2 }
    static var reading: UInt32 { 3 }
}

/// Registers of CLOCK (RM 12).
private enum ClockRegister {
    static var startCrystal: UInt32 { 0x000 }  // TASKS_HFCLKSTART
    static var crystalStarted: UInt32 { 0x100 }  // EVENTS_HFCLKSTARTED
}

/// Half periods (2^31 µs) that the interrupt has seen end. Only the interrupt writes it.
private let halfPeriods = Atomic<UInt32>(0)

/// COMPARE[0] just after the wrap, COMPARE[1] half way, COMPARE[2] only to wake the CPU.
@c(IRQ8_Handler)
public func timer0Interrupt() {
    for n in Compare.wrap...Compare.half where timer.hasHappened(TimerRegister.compared(n)) {
        timer.forget(TimerRegister.compared(n))
        halfPeriods.store(halfPeriods.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }
    timer.forget(TimerRegister.compared(Compare.alarm))
}

/// Microseconds since `init`, from the 16 MHz clock (crystal: ±40 ppm or better on the boards here).
public struct Timer0Clock: MonotonicClock {
    /// Starts the crystal oscillator (RM 12.1.1), which the UART's baud rate needs too, then the timer.
    public init() {
        let clock = Peripheral(Base.clock)
        clock.forget(ClockRegister.crystalStarted)
        clock.trigger(ClockRegister.startCrystal)
        // The crystal needs less than 2 ms (Product Specification 8.1.2); without it the chip goes on with its RC oscillator.
        var patience = 10_000
        while !clock.hasHappened(ClockRegister.crystalStarted) && patience > 0 { patience -= 1 }

        timer.store(TimerRegister.mode, 0)
        timer.store(TimerRegister.bitMode, 3)  // 32 bits
        timer.store(TimerRegister.prescaler, 4)  // 16 MHz / 2^4
        timer.trigger(TimerRegister.clear)
        timer.store(TimerRegister.compare(Compare.wrap), 1)
        timer.store(TimerRegister.compare(Compare.half), 0x8000_0000)
        timer.trigger(TimerRegister.start)
        // The start passes the wrap's mark too. (Not 0: QEMU takes a mark at 0 for reached as long as the counter stands there.)
        repeat {
            timer.trigger(TimerRegister.capture(Compare.reading))
        } while timer.load(TimerRegister.compare(Compare.reading)) <= 1
        for n in Compare.wrap...Compare.alarm { timer.forget(TimerRegister.compared(n)) }
        timer.store(TimerRegister.interruptEnableSet, 7 << 16)
        NVIC.enable(interrupt)
    }

    /// Also right while interrupts are masked, for up to half a period: the counter's top bit tells an interrupt not yet taken.
    @export(interface) public mutating func microseconds() -> UInt64 {
        while true {
            let before = halfPeriods.load(ordering: .acquiring)
            timer.trigger(TimerRegister.capture(Compare.reading))
            let count = timer.load(TimerRegister.compare(Compare.reading))
            if halfPeriods.load(ordering: .acquiring) != before { continue }
            let late = (before ^ (count >> 31)) & 1
            return UInt64(before &+ late) << 31 | UInt64(count & 0x7FFF_FFFF)
        }
    }

    /// Wakes the CPU from `wfi` in `microseconds` (at least 10) unless another interrupt does so first.
    public mutating func wake(inMicroseconds microseconds: UInt32) {
        let length = max(microseconds, 10)
        var start: UInt32
        // A mark that the counter has passed before it is set would be reached an hour later.
        repeat {
            timer.trigger(TimerRegister.capture(Compare.reading))
            start = timer.load(TimerRegister.compare(Compare.reading))
            timer.store(TimerRegister.compare(Compare.alarm), start &+ length)
            timer.trigger(TimerRegister.capture(Compare.reading))
        } while timer.load(TimerRegister.compare(Compare.reading)) &- start >= length
    }
}
#endif
