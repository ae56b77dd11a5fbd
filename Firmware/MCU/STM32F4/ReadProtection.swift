// Readback protection of the STM32F411's flash, level 1: a debugger reads nothing, and going back erases everything (RM0383, 3.6.3).

import HAL
import STM32

/// The option byte RDP in the option control register FLASH_OPTCR (RM0383, 3.8.6).
public struct ReadProtection<Registers: RegisterBlock>: ~Copyable {
    var registers: Registers

    static var optionKey: UInt32 { 0x08 }  // OPTKEYR
    static var optionControl: UInt32 { 0x14 }  // OPTCR
    private static var lock: UInt32 { 1 << 0 }  // OPTLOCK
    private static var start: UInt32 { 1 << 1 }  // OPTSTRT
    private static var level: UInt32 { 0xFF << 8 }  // RDP
    private static var none: UInt32 { 0xAA << 8 }
    /// Anything but 0xAA and 0xCC is level 1. Never 0xCC: level 2 kills the debugger for ever.
    private static var level1: UInt32 { 0x55 << 8 }

    /// `registers` is the flash interface.
    public init(registers: Registers) { self.registers = registers }

    /// True at level 1 or 2, as the option byte says; a level set since power-on counts as well.
    public var isSet: Bool { registers.load(Self.optionControl) & Self.level != Self.none }

    /// Sets level 1, if no level is set; in force from the next power-on.
    public mutating func set() {
        if isSet { return }
        registers.store(Self.optionKey, 0x0819_2A3B)
        registers.store(Self.optionKey, 0x4C5D_6E7F)
        waitWhileBusy()
        let value = registers.load(Self.optionControl) & ~(Self.level | Self.lock) | Self.level1
        registers.store(Self.optionControl, value)
        registers.store(Self.optionControl, value | Self.start)
        waitWhileBusy()
        registers.store(Self.optionControl, value | Self.lock)
    }

    /// Changing the option bytes takes at most 2 s (DS10314, 6.3.12, as a sector's erase).
    private func waitWhileBusy() {
        for _ in 0..<50_000_000
        where registers.load(FlashInterface.status) & FlashBit.busy == 0 { return }
    }
}
