// STM32F411: the clock tree with whole and broken oscillators, reset reasons, time.

import RegisterModels
import STM32F4
import Testing

private func start(_ model: ClockModel) -> ClockTree {
    ClockTree.start(crystalHertz: model.crystalHertz, rcc: model.block, flash: model.flash.block, power: model.power.block)
}

@Test("With a crystal of any usual frequency the CPU runs at 96 MHz and USB at 48", arguments: [8, 12, 16, 24, 25] as [UInt32])
func crystal(megahertz: UInt32) {
    let model = ClockModel(crystalHertz: megahertz * 1_000_000)
    let clocks = start(model)
    #expect(clocks.source == .crystal)
    #expect(model.system == 96_000_000)
    #expect(model.usb == 48_000_000)
    #expect(clocks.system == model.system && clocks.apb1 == model.apb1 && clocks.apb2 == model.apb2)
    #expect(model.violations + model.power.violations == [])
}

@Test("Without a crystal the internal oscillator feeds the PLL")
func noCrystal() {
    let model = ClockModel(crystalHertz: 25_000_000, ClockFaults(crystalStarts: false))
    let clocks = start(model)
    #expect(clocks.source == .internalPLL)
    #expect(model.system == 96_000_000)
    #expect(clocks.apb1 == model.apb1)
    #expect(!model[0].bit(16), "the dead crystal's driver is switched off")
    #expect(model.violations + model.power.violations == [])
}

/// The chip is told to run on 16 MHz, does so, and says it.
private func expectInternal(_ model: ClockModel) {
    let clocks = start(model)
    #expect(clocks.source == .internal)
    #expect(model.system == clocks.system && model.apb1 == clocks.apb1)
    #expect(model.violations + model.power.violations == [])
}

@Test("With a PLL that does not lock the CPU stays on 16 MHz", arguments: [true, false])
func noPLL(crystalStarts: Bool) {
    expectInternal(ClockModel(crystalHertz: 25_000_000, ClockFaults(crystalStarts: crystalStarts, pllLocks: false)))
}

@Test("With a clock switch that does not switch the CPU stays on 16 MHz")
func noSwitch() {
    expectInternal(ClockModel(crystalHertz: 25_000_000, ClockFaults(switches: false)))
}

@Test("Nothing waits for ever: with everything broken the start ends after a bounded number of reads")
func bounded() {
    let model = ClockModel(crystalHertz: 25_000_000, ClockFaults(crystalStarts: false, pllLocks: false, switches: false))
    _ = start(model)
    #expect(model.loads < 5 * Int(ClockTree.patience))
}

@Test("The reset reason is the one that says most")
func resetReasons() {
    let pin: UInt32 = 1 << 26
    #expect(resetReason(pin) == .pin)
    #expect(resetReason(pin | 1 << 27) == .power)
    #expect(resetReason(pin | 1 << 28) == .software)
    #expect(resetReason(pin | 1 << 29) == .watchdog)
    #expect(resetReason(pin | 1 << 28 | 1 << 29) == .watchdog)
    #expect(resetReason(0) == .power)
}

@Test("Time goes on evenly whether the half period's interrupt is early or late")
func halfPeriods() {
    #expect(extendedTime(halfPeriods: 0, count: 0) == 0)
    #expect(extendedTime(halfPeriods: 0, count: 0x7FFF_FFFF) == 0x7FFF_FFFF)
    for interruptsSeen in [0, 1] as [UInt32] {
        #expect(extendedTime(halfPeriods: interruptsSeen, count: 0x8000_0000) == 0x8000_0000)
    }
    for interruptsSeen in [1, 2] as [UInt32] { #expect(extendedTime(halfPeriods: interruptsSeen, count: 5) == 0x1_0000_0005) }
    #expect(extendedTime(halfPeriods: 3, count: 0x8000_0001) == 0x1_8000_0001)
}
