// The serial port (RM 19).

import HAL

/// Register offsets and bits shared by the port and its interrupt handler.
enum USARTRegister {
    static var status: UInt32 { 0x00 }  // SR: 3 ORE, 5 RXNE, 7 TXE
    static var data: UInt32 { 0x04 }  // DR
    static var baudRate: UInt32 { 0x08 }  // BRR
    static var control1: UInt32 { 0x0C }  // CR1: 2 RE, 3 TE, 5 RXNEIE, 13 UE
}

/// One port, of which `receive` is for the interrupt and `write` for the main loop. Its clock must be on.
public struct USART<Registers: SharedRegisterBlock>: Sendable {
    let registers: Registers
    /// Touches nothing: `configure` sets the speed and turns the port on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// 8N1; receive interrupts on. `clock` is that of the port's bus.
    public func configure(clock: UInt32, baud: UInt32 = 115_200) {
        registers.store(USARTRegister.control1, 0)
        registers.store(USARTRegister.baudRate, (clock + baud / 2) / baud)  // 16-fold oversampling: 12.4 fixed point
        registers.store(USARTRegister.control1, 1 << 13 | 1 << 5 | 1 << 3 | 1 << 2)
    }

    /// Waits for room, at most a hundred times the length of a byte at 9600 baud and 100 MHz; a port that is off loses the byte.
    public func write(_ byte: UInt8) {
        if registers.wait(USARTRegister.status, 1 << 7, is: 1 << 7, patience: 1_000_000) {
            registers.store(USARTRegister.data, UInt32(byte))
        }
    }

    /// For the interrupt handler: the byte received, if any, and whether one before it was lost. Reading SR then DR clears ORE.
    public func receive() -> (byte: UInt8?, lostOne: Bool) {
        let status = registers.load(USARTRegister.status)
        if status & (1 << 5 | 1 << 3) == 0 { return (nil, false) }
        let byte = UInt8(truncatingIfNeeded: registers.load(USARTRegister.data))
        return (status & (1 << 5) != 0 ? byte : nil, status & (1 << 3) != 0)
    }
}
