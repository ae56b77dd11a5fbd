// The 10-bit analog-to-digital converter (RM 31), full scale the supply voltage.

import HAL

/// Registers of the converter (RM 31).
private enum Offset {
    static var start: UInt32 { 0x000 }  // TASKS_START
    static var stop: UInt32 { 0x004 }  // TASKS_STOP
    static var end: UInt32 { 0x100 }  // EVENTS_END
    static var enable: UInt32 { 0x500 }
    static var configuration: UInt32 { 0x504 }  // CONFIG: 1:0 RES, 4:2 INPSEL, 6:5 REFSEL, 15:8 PSEL
    static var result: UInt32 { 0x508 }
}

extension Base {
    /// The analog-to-digital converter (RM 31).
    public static var adc: UInt { 0x4000_7000 }
}

/// A pin that the converter reaches (RM 31.3, table 345). Other pins have no name here.
public enum AnalogPin: UInt32, BitwiseCopyable, Sendable {
    case p26 = 0
    case p27, p01, p02, p03, p04, p05, p06
}

/// One input. Disconnect the pin's digital buffer first.
public struct ADCInput<Registers: SharedRegisterBlock>: AnalogInput, BitwiseCopyable, Sendable {
    let registers: Registers
    private let pin: AnalogPin

    /// Touches nothing: each `read` sets the converter up for its own pin.
    @inline(__always) public init(_ registers: Registers, _ pin: AnalogPin) {
        self.registers = registers
        self.pin = pin
    }

    /// 68 µs (Product Specification 8.14). The converter is on only meanwhile.
    public mutating func read() -> UInt16? {
        // 10 bits; the input and the supply divided by three, so that they compare whole.
        registers.store(Offset.configuration, 2 | 2 << 2 | 3 << 5 | 1 << (8 + pin.rawValue))
        registers.store(Offset.enable, 1)
        registers.store(Offset.end, 0)
        registers.store(Offset.start, 1)
        let isDone = registers.wait(Offset.end, 1, is: 1, patience: 2000)
        registers.store(Offset.stop, 1)
        registers.store(Offset.enable, 0)
        if !isDone { return nil }
        let value = registers.load(Offset.result) & 0x3FF
        return UInt16(truncatingIfNeeded: value << 6 | value >> 4)
    }
}
