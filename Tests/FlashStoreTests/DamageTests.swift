// Flipped bits, and parts that wear out: damage is put right or reported, never taken for something else.

import FlashStore
import HAL
import SimulatedNOR
import Testing

/// A store that has lived: provisioned, bound, its log grown, pages of the journal turned.
struct Populated<let unit: Int> {
    let flash: SimulatedNOR<unit>
    let layout: StoreLayout
    private(set) var model = Model()

    init(pages: [Int], layout: StoreLayout, entries: Int = 30, upTo count: Int = .max) throws {
        flash = SimulatedNOR(pages: pages)
        self.layout = layout
        var bench = Bench(flash, layout)
        try bench.store.mount()
        for step in scenario(entries: entries, outcomeBytes: Int(layout.outcomeBytes)).prefix(count) {
            model.apply(step, index: try bench.perform(step, model))
        }
    }

    /// What is wrong with what a damaged part shows. `corrects`: everything must still be readable.
    func faults(_ story: String, corrects: Bool) -> [String] {
        var bench = Bench(flash, layout)
        do throws(StoreError) { try bench.store.mount() } catch {
            let isReport = error == .damagedRecords || error == .damagedJournal || error == .layoutMismatch
            if corrects || !isReport { return ["\(story): mount throws \(error)"] }
            if error != .damagedJournal { return [] }
        }
        for key in testKeys {
            do throws(StoreError) {
                let value = try bench.store.bytes(key)
                if value != model.records[key] {
                    return ["\(story): key \(key) reads \(value ?? []), not \(model.records[key] ?? [])"]
                }
            } catch {
                if corrects || error != .unreadable { return ["\(story): key \(key) throws \(error)"] }
            }
        }
        do throws(StoreError) {
            let seen = try bench.observe()
            if seen.mark != model.mark { return ["\(story): mark \(seen.mark)"] }
            let history = model.log.filter { $0.index >= seen.oldest }
            guard seen.log.count == history.count else {
                return corrects ? ["\(story): \(seen.log.count) of \(history.count) entries"] : []
            }
            for (line, expected) in zip(seen.log, history) {
                var line = line
                if line.outcome == nil { line.outcome = expected.outcome }
                if line != expected { return ["\(story): \(line), not \(expected)"] }
            }
        } catch {
            if corrects { return ["\(story): \(error)"] }
        }
        return []
    }
}

@Suite("Damage")
struct DamageTests {
    private var small: StoreLayout { StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: 12) }

    private func flipEach<let unit: Int>(_ part: Populated<unit>) throws {
        let whole = part.flash.snapshot
        var failures: [String] = []
        var bits = 0
        for bit in 0..<(part.flash.bytes.count * 8) {
            part.flash.restore(whole)
            part.flash.flip(bit: bit)
            failures += part.faults("bit \(bit)", corrects: true)
            bits += 1
            // The store goes on working.
            var bench = Bench(part.flash, part.layout)
            var model = part.model
            do {
                try bench.store.mount()
                for step in [Step.change(Change(key: 5, value: [1, 2, 3])), .begin(model.mark + 1, signer: 3)] {
                    model.apply(step, index: try bench.perform(step, model))
                }
                try bench.store.mount()
                let seen = try bench.observe()
                if seen.records != model.records || seen.mark != model.mark {
                    failures.append("bit \(bit), going on: \(seen), not \(model)")
                }
            } catch { failures.append("bit \(bit), going on: \(error)") }
            if failures.count > 3 { break }
        }
        failures += part.flash.violations
        print("store.bit_flips unit \(unit): \(bits)")
        #expect(failures == [])
    }

    @Test("each single flipped bit is put right: no value changes, no mark goes down", arguments: [45, 50, 1000])
    func singleFlips(steps: Int) throws {
        try flipEach(Populated<4>(pages: Array(repeating: 256, count: 5), layout: small, upTo: steps))
    }

    @Test("each single flipped bit is put right at a write unit of 16")
    func singleFlipsWide() throws {
        try flipEach(Populated<16>(pages: Array(repeating: 512, count: 4), layout: small))
    }

    @Test("two or three flipped bits are put right or reported: no other value, no lower mark")
    func manyFlips() throws {
        let part = try Populated<4>(pages: Array(repeating: 256, count: 5), layout: small, upTo: 50)
        let whole = part.flash.snapshot
        var random = Random(seed: 1)
        var failures: [String] = []
        for round in 0..<40000 {
            part.flash.restore(whole)
            // Close together, where they meet the same record.
            let start = Int.random(in: 0..<(part.flash.bytes.count * 8 - 400), using: &random)
            for _ in 0..<(2 + round % 2) { part.flash.flip(bit: start + Int.random(in: 0..<400, using: &random)) }
            failures += part.faults("round \(round)", corrects: false)
        }
        #expect(failures == [])
    }

    @Test("a store whose identity is gone is damaged, not new", arguments: [0x00, 0x5A] as [UInt8])
    func lostBank(fill: UInt8) throws {
        let part = try Populated<4>(pages: Array(repeating: 256, count: 5), layout: small)
        part.flash.fill(fill)
        var bench = Bench(part.flash, small)
        do {
            try bench.store.mount()
            Issue.record("a part full of \(fill) was taken for a store")
        } catch { #expect(error == .damagedRecords) }
    }

    @Test("a record that is damaged stays reported through compaction until it is put again")
    func unreadable() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [1, 1, 1, 1])
        let value = (0..<32).map { UInt8(truncatingIfNeeded: $0 &* 29 &+ 5) }
        try store.put(2, value)
        try store.put(3, [3, 3, 3, 3])
        let at = try #require(flash.find(value)) * 8
        for bit in [3, 70, 200] { flash.flip(bit: at + bit) }
        store = FlashStore(flash, layout: microbitLayout)
        try store.mount()
        for _ in 0..<2 {
            do {
                _ = try store.bytes(2)
                Issue.record("a damaged value was read")
            } catch { #expect(error == .unreadable) }
            var named: [UInt8] = []
            try store.forEachUnreadable { named.append($0) }
            #expect(named == [2])
            #expect(try store.bytes(3) == [3, 3, 3, 3])
            try store.compact()
            try store.mount()
        }
        try store.put(2, value)
        #expect(try store.bytes(2) == value)
        #expect(flash.violations.isEmpty)
    }

    @Test("an entry of the newest page that is damaged stops the journal, not the records, until it is restarted")
    func damagedEntry() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [7])
        for number in 1...50 as ClosedRange<UInt64> {
            _ = try store.log(0x1234_5678_9ABC &* number, summary: Array(repeating: 1, count: 44))
        }
        let sequence = 0x1234_5678_9ABC * 48 as UInt64
        let at = try #require(flash.find((0..<4).map { UInt8(truncatingIfNeeded: sequence >> UInt64(8 * $0)) })) * 8
        for bit in [1, 17, 33] { flash.flip(bit: at + bit) }
        store = FlashStore(flash, layout: microbitLayout)
        do {
            try store.mount()
            Issue.record("a damaged journal was mounted")
        } catch { #expect(error == .damagedJournal) }
        #expect(try store.bytes(1) == [7])
        do {
            _ = try store.log(1 << 50)
            Issue.record("a damaged journal took an entry")
        } catch { #expect(error == .damagedJournal) }
        try store.restartJournal(summary: ([9] as [UInt8]).span)
        #expect(try store.log(1 << 50) >= 50)
        try store.mount()
        #expect(try store.nextEntry(from: 0)?.sequence == 1 << 50)
    }

    @Test("a page that cannot be erased any more is passed over by the journal")
    func badPage() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        flash.faults.unerasable = [6, 7]
        for number in 1...2000 as ClosedRange<UInt64> { #expect(try store.log(number) == UInt32(number - 1)) }
        try store.mount()
        let oldest = try store.oldestJournalIndex()
        #expect(oldest > 0 && oldest < 2000 - 10 * 40)
        var index = oldest
        while let entry = try store.nextEntry(from: index) {
            #expect(entry.index == index && entry.sequence == UInt64(index) + 1)
            index += 1
        }
        #expect(index == 2000)
    }

    @Test("a bank that cannot be erased any more leaves the records readable and says so")
    func badBank() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [1, 2, 3, 4], secret: true)
        flash.faults.unerasable = [0]
        do {
            try store.remove(1)
            Issue.record("a secret was called wiped")
        } catch { #expect(error == .flash(.eraseFailed)) }
        #expect(store.wipeFailed == true)
        try store.mount()
        #expect(store.wipeFailed == true)
        #expect(try store.bytes(1) == nil)
        flash.faults = .none
        try store.mount()
        #expect(store.wipeFailed == false)
        #expect(flash.find([1, 2, 3, 4]) == nil)
    }

    @Test("a unit that cannot be programmed fails the operation and the next one goes elsewhere")
    func wornUnit() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [1])
        flash.faults.worn = [[0, 48]]
        do {
            try store.put(2, [2, 2, 2, 2, 2, 2])
            Issue.record("a value was stored in a unit that does not hold it")
        } catch { #expect(error == .flash(.programFailed)) }
        #expect(try store.bytes(2) == nil)
        try store.put(2, [2, 2, 2])
        #expect(try store.bytes(1) == [1])
        try store.mount()
        #expect(try store.bytes(2) == [2, 2, 2])
        #expect(flash.violations.isEmpty)
    }

    @Test("another layout is refused, and so is one that does not fit")
    func layouts() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        store = FlashStore(flash, layout: StoreLayout(recordPages: 1, intentBytes: 8, outcomeBytes: 6, summaryBytes: 44))
        do {
            try store.mount()
            Issue.record("a foreign layout was mounted")
        } catch { #expect(error == .layoutMismatch) }
        store = FlashStore(flash, layout: StoreLayout(recordPages: 8, intentBytes: 8, outcomeBytes: 6, summaryBytes: 44))
        do {
            try store.mount()
            Issue.record("a layout without a journal was mounted")
        } catch { #expect(error == .unusableLayout) }
    }

    @Test("formatting takes everything away and can be repeated after a cut")
    func format() throws {
        let part = try Populated<4>(pages: Array(repeating: 256, count: 5), layout: small)
        let whole = part.flash.snapshot
        for cut in 0..<100 {
            part.flash.restore(whole, faults: .cut(at: cut, torn: UInt64(cut)))
            var bench = Bench(part.flash, small)
            try? bench.store.format()
            let wasCut = part.flash.isCut
            part.flash.powerUp()
            do throws(StoreError) {
                try bench.store.mount()
                // Entirely there, or entirely gone with the marks of the old owner.
                let seen = try bench.observe()
                if !seen.shows(part.model, oldestAtMost: .max) { #expect(seen == Observation()) }
            } catch { #expect(error == .damagedRecords) }
            try bench.store.format()
            #expect(try bench.observe() == Observation())
            if !wasCut { break }
        }
        #expect(part.flash.violations.isEmpty)
    }
}
