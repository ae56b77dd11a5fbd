// Tasks and events of pins (RM 14): edges counted by interrupt.

import HAL

extension Base {
    /// GPIOTE (RM 14): tasks and events of pins.
    public static var gpiote: UInt { 0x4000_6000 }
}

/// Registers of GPIOTE (RM 14).
enum GPIOTERegister {
    @inline(__always) static func event(_ channel: UInt32) -> UInt32 { 0x100 + channel * 4 }  // EVENTS_IN[n]
    static var interruptEnableSet: UInt32 { 0x304 }  // INTENSET
    /// CONFIG[n]: 1:0 MODE (1 event, 3 task), 12:8 PSEL, 17:16 POLARITY (1 rising, 2 falling, 3 both), 20 OUTINIT.
    @inline(__always) static func configuration(_ channel: UInt32) -> UInt32 { 0x510 + channel * 4 }
}

/// Which edges count.
public enum Edge: UInt32, Sendable {
    case rising = 1, falling, both
}

/// The four channels. A channel is an edge counter or a PWM output, not both.
public struct GPIOTE<Registers: SharedRegisterBlock>: Sendable {
    let registers: Registers
    /// Touches nothing. The registers are those of GPIOTE.
    @inline(__always) public init(_ registers: Registers) { self.registers = registers }

    /// Events of `pin` on `channel` 0…3 raise the interrupt.
    public func configure(channel: UInt32, pin: UInt32, edge: Edge) {
        registers.store(GPIOTERegister.configuration(channel), 1 | pin << 8 | edge.rawValue << 16)
        registers.store(GPIOTERegister.event(channel), 0)
        registers.store(GPIOTERegister.interruptEnableSet, 1 << channel)
    }

    /// For the interrupt handler: forgets the edge of `channel`; true if there was one.
    public func take(_ channel: UInt32) -> Bool {
        if registers.load(GPIOTERegister.event(channel)) == 0 { return false }
        registers.store(GPIOTERegister.event(channel), 0)
        return true
    }
}
