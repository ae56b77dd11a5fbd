// Pulse-width modulation by a general-purpose timer (RM 13.3.9, PWM mode 1).

import HAL

extension Base {
    /// TIM3 (RM 13), a timer of 16 bits; clock: APB1ENR bit 1.
    public static var tim3: UInt { 0x4000_0400 }
    /// TIM4 (RM 13), a timer of 16 bits; clock: APB1ENR bit 2.
    public static var tim4: UInt { 0x4000_0800 }
}

private enum Offset {
    static var control1: UInt32 { 0x00 }  // CR1: 0 CEN, 7 ARPE
    static var generate: UInt32 { 0x14 }  // EGR: 0 UG
    static var mode: UInt32 { 0x18 }  // CCMR1, CCMR2
    static var enable: UInt32 { 0x20 }  // CCER
    static var prescaler: UInt32 { 0x28 }  // PSC
    static var reload: UInt32 { 0x2C }  // ARR
    static var compare: UInt32 { 0x34 }  // CCR1…CCR4
}

/// What reaches a pin: Firmware/MCU/STM32F4.json lists which of them have a timer (STM32F411xC/E data sheet DS10314, table 9).
public struct TimerPin: Sendable {
    /// Base address of the timer, TIM2…TIM5.
    public let timer: UInt
    /// Channel of the timer, 1…4.
    public let channel: UInt32
    /// Alternate function of the pin.
    public let function: UInt32

    /// `timer`: its base address.
    @inline(__always) public init(_ timer: UInt, _ channel: UInt32) {
        self.timer = timer
        self.channel = channel
        function = 2
    }
}

extension PWM where Registers == Peripheral {
    /// The channel behind `pin`.
    @inline(__always) public init(_ pin: TimerPin, clock: UInt32) {
        self.init(Peripheral(pin.timer), channel: pin.channel, clock: clock)
    }
}

/// One channel, 1…4, of TIM2…TIM5. Its pin must be handed to the timer.
public struct PWM<Registers: SharedRegisterBlock>: PWMChannel, BitwiseCopyable, Sendable {
    let registers: Registers
    private let channel: UInt32
    private let clock: UInt32
    private var duty: UInt16 = 0

    /// `clock`: the timer's clock in hertz.
    @inline(__always) public init(_ registers: Registers, channel: UInt32, clock: UInt32) {
        self.registers = registers
        self.channel = channel - 1
        self.clock = clock
    }

    /// Connects the channel at a duty of 0 and starts the timer, whose other channels take over the frequency.
    public mutating func configure(hertz: UInt32) {
        let shift = (channel & 1) * 8
        // OCxM = 110, OCxPE: compare values take effect at the end of a period.
        registers.modify(Offset.mode + (channel >> 1) * 4, clear: 0xFF << shift, set: 0x68 << shift)
        registers.modify(Offset.enable, set: 1 << (channel * 4))
        setFrequency(hertz: hertz)
        registers.modify(Offset.control1, set: 1 << 7 | 1)
    }

    public mutating func setFrequency(hertz: UInt32) {
        let periods = clock / max(1, hertz)
        let prescaler = periods >> 16
        registers.store(Offset.prescaler, prescaler)
        registers.store(Offset.reload, periods / (prescaler + 1) - 1)
        setDuty(duty)
        registers.store(Offset.generate, 1)
    }

    public mutating func setDuty(_ duty: UInt16) {
        self.duty = duty
        let period = registers.load(Offset.reload) + 1
        let high = duty == .max ? period : (period * UInt32(duty)) >> 16
        registers.store(Offset.compare + channel * 4, min(high, 0xFFFF))
    }
}
