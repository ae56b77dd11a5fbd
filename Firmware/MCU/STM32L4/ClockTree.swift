// Reset and clock control (RM 6): from the 4 MHz that the chip starts with to 80 MHz.

import HAL

extension Base {
    /// RCC (RM 6): clocks, and why the chip was reset.
    public static var rcc: UInt { 0x4002_1000 }
}

/// Registers of the RCC, by offset (RM 6.4).
public enum RCC {
    static var control: UInt32 { 0x00 }  // CR
    static var configuration: UInt32 { 0x08 }  // CFGR: 1:0 SW, 3:2 SWS, 13:4 prescalers
    static var pll: UInt32 { 0x0C }  // PLLCFGR
    static var ahb2Enable: UInt32 { 0x4C }  // AHB2ENR
    static var apb1Enable: UInt32 { 0x58 }  // APB1ENR1
    static var apb2Enable: UInt32 { 0x60 }  // APB2ENR
    static var status: UInt32 { 0x94 }  // CSR

    // CR
    static var hsiOn: UInt32 { 1 << 8 }
    static var hsiReady: UInt32 { 1 << 10 }
    static var pllOn: UInt32 { 1 << 24 }
    static var pllReady: UInt32 { 1 << 25 }
}

/// What the chip runs on. All buses run at the CPU's clock.
public struct ClockTree: Sendable, Equatable {
    /// Where the CPU's clock comes from. No crystal is used.
    public enum Source: UInt8, Sendable {
        /// The reset state, 4 MHz; nothing else started.
        case multispeed
        /// The internal oscillator, 16 MHz ± 1 %.
        case `internal`
        /// The internal oscillator through the PLL: 80 MHz ± 1 %.
        case internalPLL
    }
    /// What came of the start: the last step that worked.
    public let source: Source
    /// CPU, AHB, APB1 and APB2 clock in hertz.
    public let system: UInt32

    static let slow = ClockTree(source: .multispeed, system: 4_000_000)
    static let plain = ClockTree(source: .internal, system: 16_000_000)
    static let fast = ClockTree(source: .internalPLL, system: 80_000_000)

    /// Reads of a ready bit before a source counts as dead: the oscillator takes 2 µs, the PLL 40 µs at most (DS 6.3.8, 6.3.9).
    public static var patience: UInt32 { 20_000 }

    /// Configures it; a second call only tells what runs. 80 MHz needs the flash's wait states: a chip, or an emulator, whose flash interface
    /// does not confirm them stays at 16 MHz.
    public static func start<R: SharedRegisterBlock, F: SharedRegisterBlock>(rcc: R, flash: F) -> ClockTree {
        switch rcc.load(RCC.configuration) >> 2 & 3 {
        case 3: return .fast
        case 1: return .plain
        default: break
        }
        rcc.modify(RCC.control, set: RCC.hsiOn)
        guard rcc.wait(RCC.control, RCC.hsiReady, is: RCC.hsiReady, patience: patience), select(1, rcc) else { return .slow }

        // 16 MHz × 10 / 2: M = 1, N = 10, R = 2 and enabled, from HSI16 (RM 6.4.4).
        rcc.store(RCC.pll, 1 << 24 | 0 << 25 | 10 << 8 | 0 << 4 | 2)
        rcc.modify(RCC.control, set: RCC.pllOn)
        // Four wait states up to 80 MHz in regulator range 1, the reset state (RM 3.3.3, table 12); caches and prefetch on.
        flash.store(0x00, 1 << 10 | 1 << 9 | 1 << 8 | 4)  // FLASH_ACR: DCEN, ICEN, PRFTEN, LATENCY
        guard flash.wait(0x00, 7, is: 4, patience: patience),
            rcc.wait(RCC.control, RCC.pllReady, is: RCC.pllReady, patience: patience), select(3, rcc)
        else {
            rcc.modify(RCC.control, clear: RCC.pllOn)
            return .plain
        }
        return .fast
    }

    /// Switches the system clock, all prescalers at 1, and waits until it has switched.
    private static func select<R: SharedRegisterBlock>(_ source: UInt32, _ rcc: R) -> Bool {
        rcc.modify(RCC.configuration, clear: 0x3FF3, set: source)
        return rcc.wait(RCC.configuration, 3 << 2, is: source << 2, patience: patience)
    }
}

/// Lets the clock reach a peripheral (RM 6.4.17…6.4.21).
public enum ClockGate {
    /// `bit` of AHB2ENR: 0 GPIOA, 1 GPIOB…
    public static func ahb2<R: SharedRegisterBlock>(_ bit: UInt32, rcc: R) { open(RCC.ahb2Enable, bit, rcc) }
    /// `bit` of APB2ENR: 0 SYSCFG, 14 USART1.
    public static func apb2<R: SharedRegisterBlock>(_ bit: UInt32, rcc: R) { open(RCC.apb2Enable, bit, rcc) }

    /// The read back gives the peripheral the two cycles that it needs (RM 6.2.18).
    private static func open<R: SharedRegisterBlock>(_ register: UInt32, _ bit: UInt32, _ rcc: R) {
        rcc.modify(register, set: 1 << bit)
        _ = rcc.load(register)
    }
}
