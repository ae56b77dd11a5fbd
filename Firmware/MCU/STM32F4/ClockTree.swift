// The clock tree (RM 6): 96 MHz from the crystal, from the internal oscillator if the crystal does not start, or plain 16 MHz if
// the PLL does not lock. A board with a broken crystal is slow to notice, never dead.

import HAL

extension Base {
    /// PWR (RM 5); clock: APB1ENR bit 28.
    public static var power: UInt { 0x4000_7000 }
    /// RCC (RM 6): clocks, and why the chip was reset.
    public static var rcc: UInt { 0x4002_3800 }
}

private enum RCC {
    static var control: UInt32 { 0x00 }  // CR: 0 HSION, 1 HSIRDY, 16 HSEON, 17 HSERDY, 24 PLLON, 25 PLLRDY
    static var pll: UInt32 { 0x04 }  // PLLCFGR: 5:0 M, 14:6 N, 17:16 P, 22 PLLSRC, 27:24 Q
    static var configuration: UInt32 { 0x08 }  // CFGR: 1:0 SW, 3:2 SWS, 7:4 HPRE, 12:10 PPRE1, 15:13 PPRE2
    static var apb1Enable: UInt32 { 0x40 }  // APB1ENR: 28 PWREN
}

private let hsiOn: UInt32 = 1 << 0, hsiReady: UInt32 = 1 << 1
private let hseOn: UInt32 = 1 << 16, hseReady: UInt32 = 1 << 17
private let pllOn: UInt32 = 1 << 24, pllReady: UInt32 = 1 << 25

/// What the chip runs on.
public struct ClockTree: Sendable, Equatable {
    /// Where the CPU's clock comes from: the first of these that started.
    public enum Source: UInt8, Sendable {
        /// The crystal through the PLL: 96 MHz, good enough for USB.
        case crystal
        /// The internal oscillator through the PLL: 96 MHz ± 1 %, no USB.
        case internalPLL
        /// The internal oscillator itself: 16 MHz ± 1 %.
        case `internal`
    }
    /// USB needs `crystal`: the internal oscillator is not exact enough.
    public let source: Source
    /// CPU, AHB and APB2 clock in hertz.
    public let system: UInt32
    /// APB1 clock in hertz: at most 50 MHz.
    public let apb1: UInt32
    /// APB2 clock in hertz: not divided.
    public var apb2: UInt32 { system }
    /// Timers run at twice their bus's clock when that is divided (RM 6.2).
    public var timers1: UInt32 { system }

    /// Reads of a ready bit before a source counts as dead: crystals start within 2 ms (DS 6.3.8), some 4000 reads at 16 MHz.
    public static var patience: UInt32 { 20_000 }

    /// Configures it from reset. `crystalHertz`: 4…26 MHz, whole megahertz.
    public static func start<R: SharedRegisterBlock, F: SharedRegisterBlock, P: SharedRegisterBlock>(
        crystalHertz: UInt32, rcc: R, flash: F, power: P
    ) -> ClockTree {
        rcc.modify(RCC.control, set: hsiOn)
        _ = rcc.wait(RCC.control, hsiReady, is: hsiReady, patience: patience)

        rcc.modify(RCC.control, set: hseOn)
        let hasCrystal = rcc.wait(RCC.control, hseReady, is: hseReady, patience: patience)
        if !hasCrystal { rcc.modify(RCC.control, clear: hseOn) }

        // Regulator scale 1, for more than 84 MHz (RM 5.4.1: PWR_CR 15:14 VOS); while the PLL is off.
        rcc.modify(RCC.apb1Enable, set: 1 << 28)
        power.modify(0x00, set: 3 << 14)

        // 1 MHz into the PLL, 192 MHz out of its oscillator, /2 for the CPU, /4 for USB.
        let m = hasCrystal ? crystalHertz / 1_000_000 : 16
        let q: UInt32 = 4
        rcc.store(RCC.pll, q << 24 | (hasCrystal ? 1 << 22 : 0) | 0 << 16 | 192 << 6 | m)
        rcc.modify(RCC.control, set: pllOn)
        let slow = ClockTree(source: .internal, system: 16_000_000, apb1: 16_000_000)
        if !rcc.wait(RCC.control, pllReady, is: pllReady, patience: patience) {
            rcc.modify(RCC.control, clear: pllOn)
            return slow
        }

        // Three wait states for 90…100 MHz at 2.7…3.6 V (RM 3.4.1, table 5), before the clock rises; caches and prefetch on.
        flash.store(0x00, 1 << 10 | 1 << 9 | 1 << 8 | 3)  // FLASH_ACR: DCEN, ICEN, PRFTEN, LATENCY
        if !flash.wait(0x00, 0xF, is: 3, patience: patience) { return slow }
        rcc.modify(RCC.configuration, clear: 0xFFF3, set: 4 << 10 | 2)  // APB1 / 2, SW = PLL
        if !rcc.wait(RCC.configuration, 3 << 2, is: 2 << 2, patience: patience) {
            rcc.modify(RCC.configuration, clear: 0xFFF3)
            return slow
        }
        return ClockTree(source: hasCrystal ? .crystal : .internalPLL, system: 96_000_000, apb1: 48_000_000)
    }
}

/// Lets the clock reach a peripheral (RM 6.3.9…6.3.12).
public enum ClockGate {
    /// `bit` of AHB1ENR: 0 GPIOA, 1 GPIOB, 2 GPIOC…
    public static func ahb1<R: SharedRegisterBlock>(_ bit: UInt32, rcc: R) { open(0x30, bit, rcc) }
    /// `bit` of AHB2ENR: 7 OTG_FS.
    public static func ahb2<R: SharedRegisterBlock>(_ bit: UInt32, rcc: R) { open(0x34, bit, rcc) }
    /// `bit` of APB1ENR: 1 TIM3, 3 TIM5, 21 I2C1…
    public static func apb1<R: SharedRegisterBlock>(_ bit: UInt32, rcc: R) { open(0x40, bit, rcc) }
    /// `bit` of APB2ENR: 4 USART1, 8 ADC1, 14 SYSCFG…
    public static func apb2<R: SharedRegisterBlock>(_ bit: UInt32, rcc: R) { open(0x44, bit, rcc) }

    /// The read back gives the peripheral the two cycles that it needs (ES0287, 2.2.5).
    private static func open<R: SharedRegisterBlock>(_ register: UInt32, _ bit: UInt32, _ rcc: R) {
        rcc.modify(register, set: 1 << bit)
        _ = rcc.load(register)
    }
}
