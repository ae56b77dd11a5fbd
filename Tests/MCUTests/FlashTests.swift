// The driver of the STM32F4's flash against the model of its registers: order, errors, protection, bounds.

import HAL
import RegisterModels
import STM32F4
import Testing

@Suite("The flash interface of the STM32F4")
struct FlashTests {
    let memory = MainMemoryModel()
    let interface: FlashModel

    init() {
        interface = FlashModel(memory: memory)
    }

    private func part(_ first: Int, _ count: Int) -> SectorFlash<ModelBlock, ModelBlock> {
        SectorFlash(registers: interface.block, memory: memory.block, firstSector: first, count: count)
    }

    private func expectOrder() {
        #expect(interface.violations + memory.violations == [])
        #expect(interface.isLocked)
    }

    @Test("readback protection is level 1, set once, and no other option is touched")
    func readbackProtection() {
        var protection = ReadProtection(registers: interface.block)
        let before = protection.isSet
        protection.set()
        let after = protection.isSet
        #expect(!before && after && interface.readProtection == 0x55)
        protection.set()
        #expect(interface.violations == [])
        #expect(interface.load(0x14).bit(0), "locked again")
    }

    @Test("pages are the sectors of the manual")
    func geometry() {
        let flash = part(0, 8)
        #expect((0..<8).map { flash.pageSize($0) / 1024 } == [16, 16, 16, 16, 64, 128, 128, 128])
        #expect(FlashModel.starts.map { FlashInterface.sector(at: $0) } == Array(0...8))
    }

    @Test("words are programmed where they belong, and the interface is locked again", arguments: 0..<8)
    func programs(sector: Int) throws {
        var flash = part(sector, 1)
        let end = flash.pageSize(0) - 8
        #expect(flash.fault(programming: 0, end, [0x1234_5678, 0x9ABC_DEF0]) == nil)
        #expect(memory.load(UInt32(FlashModel.starts[sector + 1] - 8)) == 0x1234_5678)
        #expect(memory.load(UInt32(FlashModel.starts[sector + 1] - 4)) == 0x9ABC_DEF0)
        #expect(memory.programmed == 2)
        let bytes = try flash.bytes(page: 0, end + 1, count: 5)
        #expect(bytes == [0x56, 0x34, 0x12, 0xF0, 0xDE])
        expectOrder()
    }

    @Test("an erase takes one sector, and resets the data cache")
    func erases() {
        var flash = part(3, 3)
        for page in 0..<3 { #expect(flash.fault(programming: page, 0, [0]) == nil) }
        #expect(flash.fault(erasing: 1) == nil)
        #expect(interface.erased == [4])
        #expect([0xC000, 0x10000, 0x20000].map { memory.load($0) } == [0, .max, 0])
        #expect(interface.cacheResets == 1)
        #expect(interface[0].bit(10), "the data cache is on again")
        expectOrder()
    }

    @Test("a bit that is to be set again is reported")
    func zeroToOne() {
        var flash = part(1, 1)
        #expect(flash.fault(programming: 0, 0, [0xFFFF_0000]) == nil)
        #expect(flash.fault(programming: 0, 0, [0x0000_FFFF]) == .programFailed)
        expectOrder()
    }

    @Test("a sector that keeps a zero is reported")
    func worn() {
        memory.stuck = [0x7FFC: 1]
        var flash = part(1, 1)
        #expect(flash.fault(erasing: 0) == .eraseFailed)
        expectOrder()
    }

    @Test("a protected sector is reported, and the error does not stay")
    func protection() {
        interface.protected = [2]
        var flash = part(1, 2)
        expectOnlySecondProtected(&flash, unit: [0])
        expectOrder()
    }

    @Test("each error of the interface fails the operation", arguments: [1, 5, 6, 7, 8] as [UInt32])
    func errors(bit: UInt32) {
        var flash = part(1, 1)
        interface.failWith = 1 << bit
        #expect(flash.fault(programming: 0, 0, [0]) == .programFailed)
        interface.failWith = 1 << bit
        #expect(flash.fault(erasing: 0) == .eraseFailed)
        #expect(flash.fault(erasing: 0) == nil)
        expectOrder()
    }

    @Test("what leaves the sector or is not aligned never reaches the interface")
    func bounds() {
        var flash = part(6, 2)
        #expect(flash.fault(programming: 0, 128 * 1024 - 4, [0, 0]) == .outOfBounds)
        #expect(flash.fault(programming: 2, 0, [0]) == .outOfBounds)
        #expect(flash.fault(programming: -1, 0, [0]) == .outOfBounds)
        #expect(flash.fault(programming: 0, -4, [0]) == .outOfBounds)
        #expect(flash.fault(programming: 0, 2, [0]) == .unaligned)
        #expect(flash.fault(erasing: 2) == .outOfBounds)
        #expect(memory.programmed == 0 && interface.erased == [])
        expectOrder()
    }
}
