// Pulse-width modulation: the chip has no modulator, but TIMER2 (RM 18) can toggle a pin through GPIOTE (RM 14) and PPI (RM 16)
// without the CPU.

import HAL

/// Registers of the interconnect (RM 16).
private enum PPI {
    static var enableSet: UInt32 { 0x504 }  // CHENSET
    static var enableClear: UInt32 { 0x508 }  // CHENCLR
    @inline(__always) static func event(_ channel: UInt32) -> UInt32 { 0x510 + channel * 8 }  // CH[n].EEP
    @inline(__always) static func task(_ channel: UInt32) -> UInt32 { 0x514 + channel * 8 }  // CH[n].TEP
}

extension Base {
    /// TIMER2 (RM 18), which makes PWM.
    public static var timer2: UInt { 0x4000_A000 }
    /// The programmable peripheral interconnect (RM 16).
    public static var ppi: UInt { 0x4001_F000 }
}

/// One pin on GPIOTE channel 0 and PPI channels 0 and 1: COMPARE[3] ends a period and raises the pin, COMPARE[0] lowers it. At 0 and
/// full duty the pin stands still. A change restarts the period.
public struct PWM<Registers: SharedRegisterBlock>: PWMChannel, BitwiseCopyable, Sendable {
    private let timer: Registers
    private let gpiote: Registers
    private let ppi: Registers
    private let pin: UInt32
    /// Addresses that PPI needs: of TIMER2 and of GPIOTE.
    private let timerBase: UInt32
    private let gpioteBase: UInt32
    private var duty: UInt16 = 0
    private var period: UInt32 = 1000
    private var prescaler: UInt32 = 4

    /// Touches nothing: the first `setDuty` starts it, at 1 kHz. The bases are the addresses of `timer` and `gpiote`, which PPI is
    /// told.
    @inline(__always)
    public init(timer: Registers, gpiote: Registers, ppi: Registers, timerBase: UInt32, gpioteBase: UInt32, pin: UInt32) {
        self.timer = timer
        self.gpiote = gpiote
        self.ppi = ppi
        self.timerBase = timerBase
        self.gpioteBase = gpioteBase
        self.pin = pin
    }

    /// 16…50,000 Hz; slower is taken for 16.
    public mutating func setFrequency(hertz: UInt32) {
        prescaler = 0
        let ticks = 16_000_000 / max(16, hertz)
        while ticks >> prescaler > 0xFFFF { prescaler += 1 }
        period = max(2, ticks >> prescaler)
        setDuty(duty)
    }

    public mutating func setDuty(_ duty: UInt16) {
        self.duty = duty
        timer.store(TimerRegister.stop, 1)
        ppi.store(PPI.enableClear, 3)
        let high = duty == .max ? period : (period * UInt32(duty)) >> 16
        // A task that toggles, the pin first at its level; disconnected and connected again, or OUTINIT has no effect (RM 14.1.1).
        gpiote.store(GPIOTERegister.configuration(0), 0)
        gpiote.store(GPIOTERegister.configuration(0), 3 | pin << 8 | 3 << 16 | (high > 0 ? 1 << 20 : 0))
        if high == 0 || high == period { return }
        timer.store(TimerRegister.mode, 0)
        timer.store(TimerRegister.bitMode, 0)
        timer.store(TimerRegister.prescaler, prescaler)
        timer.store(TimerRegister.compare(0), high)
        timer.store(TimerRegister.compare(3), period)
        timer.store(TimerRegister.shortcuts, 1 << 3)
        ppi.store(PPI.event(0), timerBase + TimerRegister.compared(0))
        ppi.store(PPI.event(1), timerBase + TimerRegister.compared(3))
        ppi.store(PPI.task(0), gpioteBase)  // TASKS_OUT[0]
        ppi.store(PPI.task(1), gpioteBase)
        ppi.store(PPI.enableSet, 3)
        timer.store(TimerRegister.clear, 1)
        timer.store(TimerRegister.start, 1)
    }
}

extension PWM where Registers == Peripheral {
    /// On TIMER2. Configure the pin as an output first.
    @inline(__always) public init(pin: UInt32) {
        self.init(
            timer: Peripheral(Base.timer2), gpiote: Peripheral(Base.gpiote), ppi: Peripheral(Base.ppi),
            timerBase: UInt32(truncatingIfNeeded: Base.timer2), gpioteBase: UInt32(truncatingIfNeeded: Base.gpiote), pin: pin)
    }
}
