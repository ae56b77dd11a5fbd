// The node's store on the sectors of the STM32F411 that the Black Pill gives it: driver, register model and store together.

import FlashStore
import HAL
import RegisterModels
import STM32F4
import Testing

@Suite("The store on the STM32F411's sectors")
struct SectorStoreTests {
    let memory = MainMemoryModel()
    let interface: FlashModel
    /// As in Boards/blackpill-f411/board.json and Firmware/LightNode/Log.swift.
    let layout = StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: 44)
    private let store = FlashModel.starts[1]..<FlashModel.starts[5]

    init() { interface = FlashModel(memory: memory) }

    private func mounted(first: Int = 1) throws -> FlashStore<SectorFlash<ModelBlock, ModelBlock>> {
        var store = FlashStore(
            SectorFlash(registers: interface.block, memory: memory.block, firstSector: first, count: 4), layout: layout)
        try store.mount()
        return store
    }

    @Test("records and two turns of the log survive a restart, and no other sector is touched")
    func lives() throws {
        let words = stride(from: 0, to: 512 * 1024, by: 4)
        for at in words where !store.contains(at) { memory.preload(at, 0x600D_C0DE) }
        var node = try mounted()
        let identity = (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 1) }
        try node.put(2, identity.span, secret: true)
        let erasesSoFar = interface.erased.count
        let summary = [UInt8](repeating: 7, count: 44)
        let call: [UInt8] = [1, 2, 3, 4]
        let outcome: [UInt8] = [6, 5, 4, 3, 2, 1]
        for number in 1...7000 as ClosedRange<UInt64> {
            if node.needsPage { try node.openPage(summary: summary.span) }
            let index = try node.begin(sequence: number << 8, signer: 1, application: call.span)
            try node.complete(index, outcome: outcome.span)
        }
        #expect(node.nextJournalIndex == 7000)
        // Sectors 3 (16 KB) and 4 (64 KB) in turn.
        #expect(Set(interface.erased.dropFirst(erasesSoFar)) == [3, 4])
        for round in 0..<250 as Range<UInt8> { try node.put(9, [UInt8](repeating: round, count: 100).span) }
        #expect(Set(interface.erased) == [1, 2, 3, 4])
        node = try mounted()
        let found: InlineArray<64, UInt8>? = try node.value(2)
        #expect(found.map { found in (0..<64).allSatisfy { found[$0] == identity[$0] } } == true)
        #expect(node.nextJournalIndex == 7000)
        #expect(try node.nextEntry(from: 6999)?.sequence == 7000 << 8)
        #expect(try node.oldestJournalIndex() < 6900, "a turn of the log leaves the other sector's history")
        #expect(words.allSatisfy { store.contains($0) || memory.load(UInt32($0)) == 0x600D_C0DE })
        #expect(interface.violations + memory.violations == [])
    }

    @Test("pages of 64 and 128 KB do as well")
    func large() throws {
        var node = try mounted(first: 4)
        let (summary, call) = ([UInt8](repeating: 7, count: 44), [1, 2, 3, 4] as [UInt8])
        for number in 1...6000 as ClosedRange<UInt64> {
            if node.needsPage { try node.openPage(summary: summary.span) }
            _ = try node.begin(sequence: number << 8, signer: 1, application: call.span)
        }
        for round in 0..<100 as Range<UInt8> { try node.put(9, [UInt8](repeating: round, count: 100).span) }
        node = try mounted(first: 4)
        #expect(node.nextJournalIndex == 6000)
        #expect(try node.nextEntry(from: 0)?.sequence == 1 << 8, "a page of 128 KB is full, and the next one begun")
        let found: InlineArray<100, UInt8>? = try node.value(9)
        #expect(found?[99] == 99)
        #expect(interface.violations + memory.violations == [])
    }
}
