// Interrupts from pins of the STM32F4 and L4 (RM0383 10, RM0351 14: lines 0 to 15), used to count edges.

import HAL

/// Registers of EXTI (RM0383 10, RM0351 14).
private enum Offset {
    static var mask: UInt32 { 0x00 }  // IMR
    static var rising: UInt32 { 0x08 }  // RTSR
    static var falling: UInt32 { 0x0C }  // FTSR
    static var pending: UInt32 { 0x14 }  // PR, cleared by writing 1
}

/// Which edges count.
public enum Edge: UInt8, Sendable {
    case rising = 1
    case falling = 2
    case both = 3
}

/// The sixteen lines: line n is pin n of one of the ports.
public struct EXTI<Registers: SharedRegisterBlock, System: SharedRegisterBlock>: Sendable {
    let registers: Registers
    let system: System

    /// `registers` are those of EXTI, `syscfg` those of SYSCFG, which choose the port of each line.
    @inline(__always) public init(_ registers: Registers, syscfg: System) {
        self.registers = registers
        system = syscfg
    }

    /// Port 0 is A, 1 B, 2 C… SYSCFG's clock must be on.
    public func configure(line: UInt32, port: UInt32, edge: Edge) {
        let shift = (line & 3) * 4
        system.modify(0x08 + (line >> 2) * 4, clear: 0xF << shift, set: port << shift)  // EXTICR1…4
        let bit: UInt32 = 1 << line
        registers.modify(Offset.rising, clear: bit, set: edge.rawValue & 1 != 0 ? bit : 0)
        registers.modify(Offset.falling, clear: bit, set: edge.rawValue & 2 != 0 ? bit : 0)
        registers.store(Offset.pending, bit)
        registers.modify(Offset.mask, set: bit)
    }

    /// For the interrupt handler: forgets the edge of `line`; true if there was one.
    public func take(line: UInt32) -> Bool {
        if registers.load(Offset.pending) & (1 << line) == 0 { return false }
        registers.store(Offset.pending, 1 << line)
        return true
    }
}
