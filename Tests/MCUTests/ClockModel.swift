// RCC with its oscillators and PLL (RM 6), the regulator (RM 5.4) and the flash's wait states (RM 3.4.1).

import RegisterModels

/// What may be broken.
struct ClockFaults {
    var crystalStarts = true
    var pllLocks = true
    var switches = true
    /// Reads of a ready bit until it rises.
    var startReads = 50
}

final class ClockModel: RegisterModel, @unchecked Sendable {
    let faults: ClockFaults
    let crystalHertz: UInt32
    let flash = RegisterModel()
    lazy var power = PowerModel(self)
    private var crystalReads = 0
    private var pllReads = 0

    init(crystalHertz: UInt32, _ faults: ClockFaults = ClockFaults()) {
        self.faults = faults
        self.crystalHertz = crystalHertz
        super.init()
        self[0x00] = 0x83  // CR after reset: HSION, HSIRDY, trimming
        self[0x04] = 0x2400_3010
    }

    override func load(_ offset: UInt32) -> UInt32 {
        if offset == 0x00 { advance() }
        return super.load(offset)
    }

    private func advance() {
        if self[0].bit(16) { crystalReads += 1 } else { crystalReads = 0 }
        let crystalIsReady = faults.crystalStarts && crystalReads > faults.startReads
        self[0] = self[0] & ~(1 << 17) | (crystalIsReady ? 1 << 17 : 0)
        if self[0].bit(24) { pllReads += 1 } else { pllReads = 0 }
        let pllIsReady = faults.pllLocks && pllReads > faults.startReads
        self[0] = self[0] & ~(1 << 25) | (pllIsReady ? 1 << 25 : 0)
    }

    override func store(_ offset: UInt32, _ value: UInt32) {
        switch offset {
        case 0x00:
            let readyBits: UInt32 = 1 << 1 | 1 << 17 | 1 << 25
            if value.bit(24) && !self[0].bit(24) { checkPLL() }
            if !value.bit(0) { violations.append("HSI switched off") }
            if self[0x08].bits(3, 2) == 2 && !value.bit(24) { violations.append("PLL switched off while the CPU runs on it") }
            self[0] = value & ~readyBits | self[0] & readyBits
        case 0x04:
            if self[0].bit(24) { violations.append("PLLCFGR written while the PLL is on") }
            self[4] = value
        case 0x08:
            self[8] = value & ~0xC | self[8] & 0xC
            if faults.switches { select(value & 3) }
        default: super.store(offset, value)
        }
    }

    private func checkPLL() {
        let source = self[4].bit(22)
        if source && !self[0].bit(17) { violations.append("PLL started from a crystal that is not ready") }
        if !(1_000_000...2_000_000).contains(pllInput) { violations.append("PLL input \(pllInput) Hz outside of 1…2 MHz") }
        if !(100_000_000...432_000_000).contains(oscillator) { violations.append("VCO \(oscillator) Hz outside of 100…432 MHz") }
        if pllOutput > 84_000_000 && power[0].bits(15, 14) != 3 { violations.append("more than 84 MHz below regulator scale 1") }
    }

    private func select(_ source: UInt32) {
        if source == 2 && !self[0].bit(25) { violations.append("switched to a PLL that is not locked") }
        self[8] = self[8] & ~0xC | source << 2
        // Table 5, 2.7…3.6 V.
        let limit: [UInt32] = [30_000_000, 64_000_000, 90_000_000, 100_000_000]
        let states = Int(flash[0].bits(3, 0))
        if system > limit[min(states, 3)] { violations.append("\(system) Hz with \(states) wait states") }
        if apb1 > 50_000_000 { violations.append("APB1 at \(apb1) Hz") }
    }

    var pllInput: UInt32 { (self[4].bit(22) ? crystalHertz : 16_000_000) / max(1, self[4].bits(5, 0)) }
    var oscillator: UInt32 { pllInput * self[4].bits(14, 6) }
    var pllOutput: UInt32 { oscillator / ((self[4].bits(17, 16) + 1) * 2) }
    var usb: UInt32 { oscillator / self[4].bits(27, 24) }
    var system: UInt32 {
        switch self[8].bits(3, 2) {
        case 0: 16_000_000
        case 1: crystalHertz
        default: pllOutput
        }
    }
    var apb1: UInt32 {
        let divider = self[8].bits(12, 10)
        return divider < 4 ? system : system >> (divider - 3)
    }
    var apb2: UInt32 {
        let divider = self[8].bits(15, 13)
        return divider < 4 ? system : system >> (divider - 3)
    }
}

/// PWR: deaf until its clock is on.
final class PowerModel: RegisterModel, @unchecked Sendable {
    unowned let rcc: ClockModel
    init(_ rcc: ClockModel) {
        self.rcc = rcc
        super.init()
        self[0] = 0x8000
    }
    override func store(_ offset: UInt32, _ value: UInt32) {
        if rcc[0x40].bit(28) { super.store(offset, value) } else { violations.append("PWR written while its clock is off") }
    }
}
