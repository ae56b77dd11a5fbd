// Time since reset, from TIMER0 (RM 18): the part has no SysTick. A 32-bit counter at 1 MHz wraps every 71.6 minutes; an
// interrupt at each half period counts the rest.

#if hasFeature(Embedded)
import HAL
import Synchronization

private enum Timer0 {
    static let base: UInt = 0x4000_8000
    static let start = Register(base + 0x000)  // TASKS_START
    static let clear = Register(base + 0x00C)  // TASKS_CLEAR
    @inline(__always) static func capture(_ n: UInt) -> Register { Register(base + 0x040 + n * 4) }  // TASKS_CAPTURE[n]
    @inline(__always) static func compared(_ n: UInt) -> Register { Register(base + 0x140 + n * 4) }  // EVENTS_COMPARE[n]
    @inline(__always) static func compare(_ n: UInt) -> Register { Register(base + 0x540 + n * 4) }  // CC[n]
    static let interruptEnableSet = Register(base + 0x304)  // INTENSET: bit 16 + n for COMPARE[n]
    static let mode = Register(base + 0x504)
    static let bitMode = Register(base + 0x508)
    static let prescaler = Register(base + 0x510)
    static let interrupt: UInt32 = 8
    /// Which compare register does what.
    static let wrap: UInt = 0, half: UInt = 1, alarm: UInt = 2, reading: UInt = 3
}

/// Half periods (2^31 µs) that the interrupt has seen end. Only the interrupt writes it.
private let halfPeriods = Atomic<UInt32>(0)

/// COMPARE[0] just after the wrap, COMPARE[1] half way, COMPARE[2] only to wake the CPU.
@c(IRQ8_Handler)
public func timer0Interrupt() {
    for n in Timer0.wrap...Timer0.half where Timer0.compared(n).isSet {
        Timer0.compared(n).clear()
        halfPeriods.store(halfPeriods.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }
    Timer0.compared(Timer0.alarm).clear()
}

/// Microseconds since `init`, from the 16 MHz clock (crystal: ±40 ppm or better on the boards here).
public struct Timer0Clock: MonotonicClock {
    /// Starts the crystal oscillator (RM 12.1.1), which the UART's baud rate needs too, then the timer.
    public init() {
        let started = Register(0x4000_0100)  // CLOCK EVENTS_HFCLKSTARTED
        started.clear()
        Register(0x4000_0000).trigger()  // CLOCK TASKS_HFCLKSTART
        // The crystal needs less than 2 ms (Product Specification 8.1.2); without it the chip goes on with its RC oscillator.
        var patience = 10_000
        while !started.isSet && patience > 0 { patience -= 1 }

        Timer0.mode.store(0)
        Timer0.bitMode.store(3)  // 32 bits
        Timer0.prescaler.store(4)  // 16 MHz / 2^4
        Timer0.clear.trigger()
        Timer0.compare(Timer0.wrap).store(1)
        Timer0.compare(Timer0.half).store(0x8000_0000)
        Timer0.start.trigger()
        // The start passes the wrap's mark too. (Not 0: QEMU takes a mark at 0 for reached as long as the counter stands there.)
        repeat { Timer0.capture(Timer0.reading).trigger() } while Timer0.compare(Timer0.reading).load() <= 1
        for n in Timer0.wrap...Timer0.alarm { Timer0.compared(n).clear() }
        Timer0.interruptEnableSet.store(7 << 16)
        NVIC.enable(Timer0.interrupt)
    }

    /// Also right while interrupts are masked, for up to half a period: the counter's top bit tells an interrupt not yet taken.
    @export(interface) public mutating func microseconds() -> UInt64 {
        while true {
            let before = halfPeriods.load(ordering: .acquiring)
            Timer0.capture(Timer0.reading).trigger()
            let count = Timer0.compare(Timer0.reading).load()
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
            Timer0.capture(Timer0.reading).trigger()
            start = Timer0.compare(Timer0.reading).load()
            Timer0.compare(Timer0.alarm).store(start &+ length)
            Timer0.capture(Timer0.reading).trigger()
        } while Timer0.compare(Timer0.reading).load() &- start >= length
    }
}
#endif
