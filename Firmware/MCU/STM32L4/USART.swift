// The serial port (RM 40).

import HAL

extension Base {
    /// USART1 (RM 40); clock: APB2ENR bit 14.
    public static var usart1: UInt { 0x4001_3800 }
}

/// One port.
public struct USART<Registers: SharedRegisterBlock>: SerialController, Sendable {
    public static var control1: UInt32 { 0x00 }  // CR1: 0 UE, 2 RE, 3 TE, 5 RXNEIE
    public static var baudRate: UInt32 { 0x0C }  // BRR
    public static var status: UInt32 { 0x1C }  // ISR: 3 ORE, 5 RXNE, 7 TXE
    static var clear: UInt32 { 0x20 }  // ICR: 3 ORECF
    static var received: UInt32 { 0x24 }  // RDR
    public static var transmit: UInt32 { 0x28 }  // TDR
    public static var isOn: UInt32 { 1 << 0 }  // UE

    public let registers: Registers
    /// Touches nothing: `configure` sets the speed and turns the port on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// For the interrupt handler: the byte received, if any, and whether one after it was lost (RM 40.5.3, overrun error).
    public func receive() -> (byte: UInt8?, lostOne: Bool) {
        let status = registers.load(Self.status)
        if status & (1 << 3) != 0 { registers.store(Self.clear, 1 << 3) }
        let byte = status & (1 << 5) != 0 ? UInt8(truncatingIfNeeded: registers.load(Self.received)) : nil
        return (byte, status & (1 << 3) != 0)
    }
}
