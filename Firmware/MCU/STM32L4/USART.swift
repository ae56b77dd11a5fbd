// The serial port (RM 40).

import HAL

/// Register offsets (RM 40.8).
enum USARTRegister {
    static var control1: UInt32 { 0x00 }  // CR1: 0 UE, 2 RE, 3 TE, 5 RXNEIE
    static var baudRate: UInt32 { 0x0C }  // BRR
    static var status: UInt32 { 0x1C }  // ISR: 3 ORE, 5 RXNE, 7 TXE
    static var clear: UInt32 { 0x20 }  // ICR: 3 ORECF
    static var received: UInt32 { 0x24 }  // RDR
    static var transmit: UInt32 { 0x28 }  // TDR
}

/// One port, of which `receive` is for the interrupt and `write` for the main loop. Its clock must be on.
public struct USART<Registers: SharedRegisterBlock>: Sendable {
    let registers: Registers
    /// Touches nothing: `configure` sets the speed and turns the port on.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// 8N1; receive interrupts on. `clock` is that of the port's bus.
    public func configure(clock: UInt32, baud: UInt32 = 115_200) {
        registers.store(USARTRegister.control1, 0)
        registers.store(USARTRegister.baudRate, (clock + baud / 2) / baud)  // 16-fold oversampling (RM 40.5.4)
        registers.store(USARTRegister.control1, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 5)
    }

    /// Waits for room, at most a hundred times the length of a byte at 9600 baud and 80 MHz; a port that is off loses the byte.
    public func write(_ byte: UInt8) {
        if registers.wait(USARTRegister.status, 1 << 7, is: 1 << 7, patience: 1_000_000) {
            registers.store(USARTRegister.transmit, UInt32(byte))
        }
    }

    /// For the interrupt handler: the byte received, if any, and whether one after it was lost (RM 40.5.3, overrun error).
    public func receive() -> (byte: UInt8?, lostOne: Bool) {
        let status = registers.load(USARTRegister.status)
        if status & (1 << 3) != 0 { registers.store(USARTRegister.clear, 1 << 3) }
        let byte = status & (1 << 5) != 0 ? UInt8(truncatingIfNeeded: registers.load(USARTRegister.received)) : nil
        return (byte, status & (1 << 3) != 0)
    }
}
