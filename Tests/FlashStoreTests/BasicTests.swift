// What the store does when nothing goes wrong.

import FlashStore
import HAL
import SimulatedNOR
import Testing

let microbitLayout = StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: 228)

func microbitFlash() -> SimulatedNOR<4> { SimulatedNOR(pages: Array(repeating: 1024, count: 16)) }

/// The store in `flash`, as a start of the board finds it.
func mounted(_ flash: SimulatedNOR<4>) throws -> FlashStore<SimulatedNOR<4>> {
    var store = FlashStore(flash, layout: microbitLayout)
    try store.mount()
    return store
}

extension FlashStore where Flash: ~Copyable {
    func bytes(_ key: UInt8) throws(StoreError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 240)
        var span = bytes.mutableSpan
        guard let count = try read(key, into: &span) else { return nil }
        return Array(bytes[0..<count])
    }
    mutating func put(_ key: UInt8, _ value: [UInt8], secret: Bool = false) throws(StoreError) {
        try put(key, value.span, secret: secret)
    }

    /// Begins an entry, in a new page when that is needed.
    mutating func log(_ sequence: UInt64, signer: UInt8 = 0, summary: [UInt8] = []) throws(StoreError) -> UInt32 {
        let application = [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: Int(layout.intentBytes))
        if !needsPage {
            do { return try begin(sequence: sequence, signer: signer, application: application.span) } catch {
                if error != .pageFull { throw error }
            }
        }
        try openPage(summary: summary.span)
        return try begin(sequence: sequence, signer: signer, application: application.span)
    }
}

@Suite("The flash store")
struct BasicTests {
    @Test("a blank part becomes an empty store")
    func blank() throws {
        let flash = microbitFlash()
        let store = try mounted(flash)
        #expect(try store.bytes(1) == nil)
        #expect(try store.nextEntry(from: 0) == nil)
    }

    @Test("values are read back after a mount")
    func putAndRead() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [1, 2, 3])
        try store.put(2, [])
        try store.put(1, Array(0..<240))
        try store.put(3, [9])
        try store.remove(3)
        store = try mounted(flash)
        #expect(try store.bytes(1) == Array(0..<240))
        #expect(try store.bytes(2) == [])
        #expect(try store.bytes(3) == nil)
        for round in 0..<200 { try store.put(4, Array(repeating: UInt8(round), count: 33)) }
        #expect(try store.bytes(4) == Array(repeating: 199, count: 33))
        #expect(try store.bytes(1) == Array(0..<240))
        #expect(flash.violations.isEmpty)
    }

    @Test("a batch is applied as a whole")
    func batch() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [1])
        var batch = RecordBatch<64>()
        try batch.put(2, ([2, 2] as [UInt8]).span, secret: true)
        try batch.remove(1)
        try batch.put(3, ([3] as [UInt8]).span)
        try store.apply(batch)
        try store.mount()
        #expect(try store.bytes(1) == nil)
        #expect(try store.bytes(2) == [2, 2])
        #expect(try store.bytes(3) == [3])
        try store.apply(batch)
        #expect(try store.bytes(2) == [2, 2])
        #expect(flash.violations.isEmpty)
    }

    @Test("a counter only goes up")
    func counter() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        #expect(try store.counter(5) == 0)
        try store.raise(5, to: 1 << 50)
        let programs = flash.programs
        try store.raise(5, to: 7)
        #expect(flash.programs == programs)
        try store.mount()
        #expect(try store.counter(5) == 1 << 50)
    }

    @Test("what does not fit is refused and costs no erase")
    func full() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        for key in 0..<4 { try store.put(UInt8(key), Array(repeating: 1, count: 224)) }
        let erases = flash.erases
        do {
            try store.put(9, Array(repeating: 1, count: 224))
            Issue.record("a full store took a value")
        } catch { #expect(error == .full) }
        #expect(flash.erases == erases)
        #expect(try store.bytes(3) == Array(repeating: 1, count: 224))
    }

    @Test("the journal keeps intents and outcomes, and says what is overwritten")
    func journal() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        #expect(store.needsPage == true)
        var last: UInt32 = 0
        for number in 1...2000 as ClosedRange<UInt64> {
            last = try store.log(number << 40, signer: 7, summary: [UInt8(truncatingIfNeeded: number), 1, 2])
            if number % 2 == 0 {
                try store.complete(last, outcome: ([1, 2, 3, 4, 5, UInt8(truncatingIfNeeded: number)] as [UInt8]).span)
            }
        }
        store = try mounted(flash)
        #expect(last == 1999)
        #expect(store.nextJournalIndex == 2000)
        let oldest = try store.oldestJournalIndex()
        #expect(oldest > 1000 && oldest < 1600)
        var index: UInt32 = 0
        var count: UInt32 = 0
        while let entry = try store.nextEntry(from: index) {
            #expect(entry.isReadable)
            #expect(entry.sequence == UInt64(entry.index + 1) << 40)
            #expect(entry.signer == 7)
            #expect(entry.outcome == (entry.index % 2 == 1 ? .recorded : .none))
            if entry.outcome == .recorded { #expect(entry.outcomeBytes[5] == UInt8(truncatingIfNeeded: entry.index + 1)) }
            index = entry.index + 1
            count += 1
        }
        #expect(count == 2000 - oldest)
        var summary = [UInt8](repeating: 0, count: 228)
        var span = summary.mutableSpan
        #expect(try store.readSummary(into: &span) == 3)
        #expect(summary[0] == UInt8(truncatingIfNeeded: store.newestPageIndex + 1))
        #expect(flash.violations.isEmpty)
    }
}
