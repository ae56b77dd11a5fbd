// Readback protection of the STM32L475: the option byte RDP (RM0351, 3.5.1 and 3.4.2).

import HAL
import STM32

/// Level 1 keeps a debugger out of the flash until the whole chip is erased.
public struct ReadProtection<Registers: RegisterBlock>: ~Copyable {
    var registers: Registers

    private static var optionKey: UInt32 { 0x0C }  // OPTKEYR
    private static var optionStart: UInt32 { 1 << 17 }  // CR.OPTSTRT
    private static var optionLock: UInt32 { 1 << 30 }  // CR.OPTLOCK
    private static var level: UInt32 { 0xFF }  // OPTR.RDP
    private static var none: UInt32 { 0xAA }
    /// Anything but 0xAA and 0xCC is level 1. Never 0xCC: level 2 kills the debugger for ever.
    private static var level1: UInt32 { 0x55 }

    /// `registers` is the flash interface.
    public init(registers: Registers) { self.registers = registers }

    /// True at level 1 or 2, as the option byte says; a level set since power-on counts as well.
    public var isSet: Bool { registers.load(FlashInterface.options) & Self.level != Self.none }

    /// Sets level 1, if no level is set; in force from the next power-on.
    public mutating func set() {
        if isSet { return }
        registers.store(FlashInterface.key, FlashBit.key1)
        registers.store(FlashInterface.key, FlashBit.key2)
        registers.store(Self.optionKey, 0x0819_2A3B)
        registers.store(Self.optionKey, 0x4C5D_6E7F)
        waitWhileBusy()
        let value = registers.load(FlashInterface.options) & ~Self.level | Self.level1
        registers.store(FlashInterface.options, value)
        registers.set(FlashInterface.control, Self.optionStart)
        waitWhileBusy()
        registers.set(FlashInterface.control, Self.optionLock | FlashBit.lock)
    }

    /// As long as a page's erase (DS10969, 6.3.10), with room.
    private func waitWhileBusy() {
        for _ in 0..<10_000_000 where registers.load(FlashInterface.status) & FlashBit.busy == 0 { return }
    }
}
