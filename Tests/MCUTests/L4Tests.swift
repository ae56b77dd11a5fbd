// STM32L475: the flash driver against the model of its registers, the clock tree, and time.

import HAL
import RegisterModels
import STM32L4
import Testing

@Suite("The flash interface of the STM32L4")
struct L4FlashTests {
    let memory = L4MemoryModel()
    let interface: L4FlashModel

    init() { interface = L4FlashModel(memory: memory, pagesPerBank: 256) }

    private typealias Part = PageFlash<ModelBlock, ModelBlock>
    private func part(_ first: Int, _ count: Int) -> Part {
        Part(registers: interface.block, memory: memory.block, firstPage: first, count: count, pagesPerBank: 256)
    }

    private func expectOrder() {
        #expect(interface.violations + memory.violations == [])
        #expect(interface.isLocked)
    }

    @Test("double words are programmed where they belong, and the interface is locked again", arguments: [0, 224, 255, 256, 511])
    func programs(page: Int) throws {
        #expect(Part.writeUnit == 8)
        var flash = part(page, 1)
        let end = flash.pageSize(0) - 16
        #expect(flash.fault(programming: 0, end, [1, 2, 0x1234_5678, 0x9ABC_DEF0]) == nil)
        #expect(memory.load(UInt32(page * 2048 + end + 8)) == 0x1234_5678)
        #expect(memory.load(UInt32(page * 2048 + end + 12)) == 0x9ABC_DEF0)
        #expect(memory.programmed == 2)
        let bytes = try flash.bytes(page: 0, end + 9, count: 5)
        #expect(bytes == [0x56, 0x34, 0x12, 0xF0, 0xDE])
        expectOrder()
    }

    @Test("an erase takes one page of the right bank, and resets the data cache")
    func erases() {
        var flash = part(255, 3)
        for page in 0..<3 { #expect(flash.fault(programming: page, 0, [0, 0]) == nil) }
        #expect(flash.fault(erasing: 1) == nil)
        #expect(interface.erased == [256])
        #expect([255, 256, 257].map { memory.load($0 * 2048) } == [0, .max, 0])
        #expect(interface.cacheResets == 1)
        #expect(interface[0].bit(10), "the data cache is on again")
        expectOrder()
    }

    @Test("in a part of 512 KB with two banks, page 224 is the second bank's 96th")
    func smallPart() {
        let memory = L4MemoryModel(), interface = L4FlashModel(memory: memory, pagesPerBank: 128)
        interface[0x20] = 1 << 21  // DUALBANK
        let pages = FlashInterface.pagesPerBank(interface.block, kilobytes: 512)
        #expect(pages == 128)
        var flash = Part(registers: interface.block, memory: memory.block, firstPage: 224, count: 32, pagesPerBank: pages)
        #expect(flash.fault(erasing: 0) == nil)
        #expect(interface.erased == [224])
        #expect(interface.violations == [])
        interface[0x20] = 0
        #expect(FlashInterface.pagesPerBank(interface.block, kilobytes: 512) == 256)
        #expect(FlashInterface.pagesPerBank(interface.block, kilobytes: 1024) == 256)
    }

    @Test("a double word that is programmed already is reported, and stays as it was")
    func twice() {
        var flash = part(1, 1)
        #expect(flash.fault(programming: 0, 0, [0xFFFF_FFFF, 0xFFFF_0000]) == nil)
        #expect(flash.fault(programming: 0, 0, [0x0000_FFFF, 0xFFFF_0000]) == .programFailed)
        #expect(memory.load(2048) == 0xFFFF_FFFF)
        #expect(flash.fault(programming: 0, 0, [0, 0]) == nil, "zeros may always be programmed")
        expectOrder()
    }

    @Test("a page that keeps a zero is reported")
    func worn() {
        memory.stuck = [4092: 1]
        var flash = part(1, 1)
        #expect(flash.fault(erasing: 0) == .eraseFailed)
        expectOrder()
    }

    @Test("a protected page is reported, and the error does not stay")
    func protection() {
        interface.protected = [2]
        var flash = part(1, 2)
        expectOnlySecondProtected(&flash, unit: [0, 0])
        expectOrder()
    }

    @Test("each error of the interface fails the operation", arguments: [1, 3, 5, 6, 7, 8, 9, 14] as [UInt32])
    func errors(bit: UInt32) {
        var flash = part(1, 1)
        interface.failWith = 1 << bit
        #expect(flash.fault(programming: 0, 0, [0, 0]) == .programFailed)
        interface.failWith = 1 << bit
        #expect(flash.fault(erasing: 0) == .eraseFailed)
        #expect(flash.fault(erasing: 0) == nil)
        expectOrder()
    }

    @Test("what leaves the page or is no whole double word never reaches the interface")
    func bounds() {
        var flash = part(6, 2)
        #expect(flash.fault(programming: 0, 2040, [0, 0, 0, 0]) == .outOfBounds)
        #expect(flash.fault(programming: 2, 0, [0, 0]) == .outOfBounds)
        #expect(flash.fault(programming: -1, 0, [0, 0]) == .outOfBounds)
        #expect(flash.fault(programming: 0, -8, [0, 0]) == .outOfBounds)
        #expect(flash.fault(programming: 0, 4, [0, 0]) == .unaligned)
        #expect(flash.fault(programming: 0, 0, [0]) == .unaligned)
        #expect(flash.fault(erasing: 2) == .outOfBounds)
        #expect(memory.programmed == 0 && interface.erased == [])
        expectOrder()
    }
}

/// RCC as far as the driver goes (RM0351 6.4), and the flash's wait states.
private final class L4ClockModel: RegisterModel, @unchecked Sendable {
    let flash = RegisterModel()
    var oscillatorStarts = true, pllLocks = true, switches = true
    /// Hertz of the CPU.
    var system = 4_000_000

    override func store(_ offset: UInt32, _ value: UInt32) {
        self[offset] = value
        switch offset {
        case 0x00:
            self[0] =
                value & ~(1 << 10 | 1 << 25)
                | (value.bit(8) && oscillatorStarts ? 1 << 10 : 0) | (value.bit(24) && pllLocks ? 1 << 25 : 0)
        case 0x0C: if self[0].bit(24) { violations.append("the PLL is configured while it is on") }
        case 0x08 where switches:
            self[8] = value & ~0xC | (value & 3) << 2
            let pll = self[0x0C]
            let vco = 16_000_000 / (Int(pll.bits(6, 4)) + 1) * Int(pll.bits(14, 8))
            switch value & 3 {
            case 1: system = 16_000_000
            case 3 where pll.bits(1, 0) == 2 && pll.bit(24): system = vco / (2 * (Int(pll.bits(26, 25)) + 1))
            default: system = 0
            }
            if !(64_000_000...344_000_000).contains(vco), value & 3 == 3 {
                violations.append("the PLL's oscillator at \(vco) Hz")
            }
            if system > 16_000_000 * (Int(flash[0] & 7) + 1) { violations.append("too few wait states for \(system) Hz") }
        default: break
        }
    }

    func start() -> ClockTree { ClockTree.start(rcc: block, flash: flash.block) }
}

@Suite("The clocks of the STM32L4")
struct L4ClockTests {
    @Test("the chip runs at 80 MHz, with wait states before the clock rises")
    func fast() {
        let model = L4ClockModel()
        let clocks = model.start()
        #expect(clocks.source == .internalPLL)
        #expect(model.system == 80_000_000 && clocks.system == 80_000_000)
        #expect(model.violations == [])
        #expect(model.start() == clocks, "a second call changes nothing")
        #expect(model.violations == [])
    }

    @Test("with a PLL that does not lock, or wait states that nobody confirms, it stays at 16 MHz", arguments: [true, false])
    func plain(pllLocks: Bool) {
        final class Deaf: RegisterModel, @unchecked Sendable {
            override func store(_ offset: UInt32, _ value: UInt32) {}
        }
        let model = L4ClockModel()
        model.pllLocks = pllLocks
        let clocks = pllLocks ? ClockTree.start(rcc: model.block, flash: Deaf().block) : model.start()
        #expect(clocks.system == 16_000_000 && model.system == 16_000_000)
        #expect(!model[0].bit(24))
    }

    @Test(
        "with an oscillator that does not start, or a switch that does not switch, it stays at 4 MHz", arguments: [true, false])
    func slow(switches: Bool) {
        let model = L4ClockModel()
        model.switches = switches
        model.oscillatorStarts = !switches
        #expect(model.start().system == 4_000_000)
        #expect(model.system == 4_000_000)
    }
}

@Suite("The system timer of the STM32L4")
struct L4TimeTests {
    @Test("counts down within a millisecond")
    func within() {
        #expect(systemTime(milliseconds: 7, isPending: false, count: 15_999, reload: 15_999) == (112_000, 7000))
        #expect(systemTime(milliseconds: 7, isPending: false, count: 0, reload: 15_999) == (127_999, 7999))
    }

    @Test("an interrupt that waits counts as a millisecond")
    func pending() {
        #expect(systemTime(milliseconds: 7, isPending: true, count: 15_983, reload: 15_999) == (128_016, 8001))
    }

    @Test("lasts longer than 32 bits of milliseconds")
    func long() {
        #expect(systemTime(milliseconds: 1 << 32, isPending: false, count: 79_999, reload: 79_999).microseconds == 1000 << 32)
    }
}

@Suite("The serial port of the STM32L4")
struct L4SerialTests {
    @Test("115,200 baud at 80 MHz and at 16 MHz, 8N1, receiver interrupt on", arguments: [80_000_000, 16_000_000] as [UInt32])
    func baud(clock: UInt32) {
        let model = RegisterModel()
        USART(model.block).configure(clock: clock)
        #expect(abs(Double(clock) / Double(model[0x0C]) - 115_200) < 115_200 * 0.005)
        #expect(model[0] == 0b101101)
    }

    @Test("a byte is taken, and one that was lost is told once")
    func receive() {
        let model = RegisterModel()
        model[0x1C] = 1 << 5 | 1 << 3
        model[0x24] = 0x41
        let (byte, lostOne) = USART(model.block).receive()
        #expect(byte == 0x41)
        #expect(lostOne)
        #expect(model[0x20] == 1 << 3)
        model[0x1C] = 0
        #expect(USART(model.block).receive() == (nil, false))
    }
}
