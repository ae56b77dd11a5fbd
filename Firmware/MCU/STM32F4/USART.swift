// The serial port (RM 19).

import HAL

extension Base {
    /// USART1 (RM 19); clock: APB2ENR bit 4.
    public static var usart1: UInt { 0x4001_1000 }
}

/// One port.
public struct USART<Registers: SharedRegisterBlock>: SerialController, Sendable {
    public static var status: UInt32 { 0x00 }  // SR: 3 ORE, 5 RXNE, 7 TXE
    public static var transmit: UInt32 { 0x04 }  // DR
    public static var baudRate: UInt32 { 0x08 }  // BRR
    public static var control1: UInt32 { 0x0C }  // CR1: 2 RE, 3 TE, 5 RXNEIE, 13 UE
    public static var isOn: UInt32 { 1 << 13 }  // UE

    public let registers: Registers
    /// Touches nothing: `configure` sets the speed and turns the port on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// For the interrupt handler: the byte received, if any, and whether one before it was lost. Reading SR then DR clears ORE.
    public func receive() -> (byte: UInt8?, lostOne: Bool) {
        let status = registers.load(Self.status)
        if status & (1 << 5 | 1 << 3) == 0 { return (nil, false) }
        let byte = UInt8(truncatingIfNeeded: registers.load(Self.transmit))
        return (status & (1 << 5) != 0 ? byte : nil, status & (1 << 3) != 0)
    }
}
