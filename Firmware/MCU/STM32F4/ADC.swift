// The 12-bit analog-to-digital converter (RM 11), one conversion at a time.

import HAL

extension Base {
    /// ADC1 (RM 11), and the common registers from offset 0x300; clock: APB2ENR bit 8.
    public static var adc1: UInt { 0x4001_2000 }
}

private enum Offset {
    static var status: UInt32 { 0x00 }  // SR: 1 EOC
    static var control2: UInt32 { 0x08 }  // CR2: 0 ADON, 30 SWSTART
    static var sampleTime1: UInt32 { 0x0C }  // SMPR1: channels 10…18
    static var sampleTime2: UInt32 { 0x10 }  // SMPR2: channels 0…9
    static var sequence1: UInt32 { 0x2C }  // SQR1: 23:20 L
    static var sequence3: UInt32 { 0x34 }  // SQR3: 4:0 SQ1
    static var data: UInt32 { 0x4C }  // DR
    static var common: UInt32 { 0x304 }  // CCR: 17:16 ADCPRE, 23 TSVREFE
}

/// One channel, 0…18, of ADC1. Its pin must be analog.
public struct ADCInput<Registers: SharedRegisterBlock>: AnalogInput, BitwiseCopyable, Sendable {
    let registers: Registers
    private let channel: UInt32

    /// Touches nothing: `configure` turns the converter on. The registers are those of ADC1, its clock on.
    @inline(__always) public init(_ registers: Registers, channel: UInt32) {
        self.registers = registers
        self.channel = channel
    }

    /// Turns the converter on, at a quarter of 96 MHz (DS 6.3.20: at most 36 MHz), sampling for 480 cycles so that sources of up to
    /// 50 kΩ settle.
    public func configure() {
        registers.modify(Offset.common, clear: 3 << 16, set: 1 << 16 | (channel >= 16 ? 1 << 23 : 0))
        let register = channel < 10 ? Offset.sampleTime2 : Offset.sampleTime1
        registers.modify(register, set: 7 << ((channel < 10 ? channel : channel - 10) * 3))
        registers.modify(Offset.control2, set: 1)
    }

    /// 20 µs.
    public mutating func read() -> UInt16? {
        registers.store(Offset.sequence1, 0)
        registers.store(Offset.sequence3, channel)
        registers.store(Offset.status, 0)
        registers.modify(Offset.control2, set: 1 << 30)
        if !registers.wait(Offset.status, 1 << 1, is: 1 << 1, patience: 10_000) { return nil }
        let value = registers.load(Offset.data) & 0xFFF
        return UInt16(truncatingIfNeeded: value << 4 | value >> 8)
    }
}
