// Power cuts at every flash operation of every step, with torn writes, and again at every operation of the recovery.

import FlashStore
import HAL
import SimulatedNOR
import Testing

/// Walks through a scenario and cuts the power wherever it can be cut.
struct Explorer<let unit: Int> {
    let layout: StoreLayout
    let pages: [Int]
    /// Ways in which the operation at a cut is left, besides not begun.
    var tears: [UInt64] = [1, 2, 3]
    /// Of the operations of a recovery every how manyth is cut.
    var recoveryStride = 1
    private(set) var cutPoints = 0
    private(set) var failures: [String] = []

    init(layout: StoreLayout, pages: [Int]) {
        self.layout = layout
        self.pages = pages
    }

    mutating func explore(_ steps: [Step]) throws {
        let flash = SimulatedNOR<unit>(pages: pages)
        var model = Model()
        try exploreFormat()
        for (number, step) in steps.enumerated() {
            let before = flash.snapshot
            var bench = Bench(flash, layout)
            try bench.store.mount()
            let operationsOfMount = flash.operations
            let index = try bench.perform(step, model)
            let operations = flash.operations - operationsOfMount
            let after = flash.snapshot
            var next = model
            next.apply(step, index: index)
            let seen = try bench.observe()
            if !seen.shows(next, oldestAtMost: seen.oldest) { failures.append("step \(number) \(step): \(seen), not \(next)") }
            for secret in model.wiped(in: next) where flash.holdsPart(of: secret) {
                failures.append("step \(number) leaves a secret")
            }
            for cut in 0..<operations {
                for torn in [nil] + tears.map(Optional.init) {
                    flash.restore(before)
                    var bench = Bench(flash, layout)
                    try bench.store.mount()
                    flash.powerUp(.cut(at: cut, torn: torn))
                    do {
                        _ = try bench.perform(step, model)
                        failures.append("step \(number): no cut at \(cut)")
                    } catch {}
                    recover(flash, model, next, limit: seen.oldest, "step \(number) \(step) cut at \(cut) torn \(torn ?? 0)")
                }
            }
            flash.restore(after)
            model = next
            if failures.count > 5 { return }
        }
        failures += flash.violations
    }

    /// The very first mount, which formats.
    private mutating func exploreFormat() throws {
        let flash = SimulatedNOR<unit>(pages: pages)
        let blank = flash.snapshot
        var bench = Bench(flash, layout)
        try bench.store.mount()
        let operations = flash.operations
        for cut in 0..<operations {
            for torn in [nil] + tears.map(Optional.init) {
                flash.restore(blank, faults: .cut(at: cut, torn: torn))
                var bench = Bench(flash, layout)
                try? bench.store.mount()
                recover(flash, Model(), Model(), limit: 0, "format cut at \(cut) torn \(torn ?? 0)", depth: 2)
            }
        }
    }

    /// Mounts after a cut, with a cut at each operation of that, and expects the state before or after. `depth` more cuts follow each other.
    private mutating func recover(
        _ flash: SimulatedNOR<unit>, _ before: Model, _ after: Model, limit: UInt32, _ story: String, depth: Int = 1
    ) {
        cutPoints += 1
        let torn = flash.snapshot
        flash.powerUp()
        let operations = expectEither(flash, before, after, limit: limit, story)
        guard depth > 0 else { return }
        for cut in stride(from: cutPoints % recoveryStride, to: operations, by: recoveryStride) {
            for tear in [nil, 7 + UInt64(cut)] as [UInt64?] {
                flash.restore(torn, faults: .cut(at: cut, torn: tear))
                var bench = Bench(flash, layout)
                do {
                    try bench.store.mount()
                    failures.append("\(story): no cut at \(cut) of the mount")
                } catch {}
                recover(flash, before, after, limit: limit, "\(story), then at \(cut) torn \(tear ?? 0)", depth: depth - 1)
            }
        }
    }

    /// Mounts, compares, and checks that the store goes on working. Returns the operations of the mount.
    private mutating func expectEither(
        _ flash: SimulatedNOR<unit>, _ before: Model, _ after: Model, limit: UInt32, _ story: String
    ) -> Int {
        var operations = 0
        do {
            var bench = Bench(flash, layout)
            try bench.store.mount()
            operations = flash.operations
            let seen = try bench.observe()
            let isAfter = seen.shows(after, oldestAtMost: limit)
            if !isAfter && !seen.shows(before, oldestAtMost: limit) {
                failures.append("\(story): \(seen) is neither \(before) nor \(after)")
            }
            if isAfter && seen.records != before.records {
                for secret in before.wiped(in: after) where flash.holdsPart(of: secret) {
                    failures.append("\(story): leaves a secret")
                }
            }
            var model = isAfter ? after : before
            for step in [
                Step.change(Change(key: 5, value: [1, 2, 3, 4, 5, 6, 7])), .begin(model.mark + 1, signer: 3),
                .complete(Array(repeating: 6, count: Int(layout.outcomeBytes))),
            ] {
                model.apply(step, index: try bench.perform(step, model))
            }
            try bench.store.mount()
            let then = try bench.observe()
            if !then.shows(model, oldestAtMost: .max) { failures.append("\(story), going on: \(then), not \(model)") }
        } catch {
            failures.append("\(story): \(error)")
        }
        failures += flash.violations.map { "\(story): \($0)" }
        return operations
    }
}

extension SimulatedNOR {
    /// Eight bytes in a row of `secret` are somewhere in the part.
    func holdsPart(of secret: [UInt8]) -> Bool {
        stride(from: 0, through: max(0, secret.count - 8), by: 4).contains {
            find(Array(secret[$0..<min($0 + 8, secret.count)])) != nil
        }
    }
}

/// Everything the executor does: provision, bind, commands, grants, time, release, transfer; filling and compacting the log; turning pages.
func scenario(entries: Int, outcomeBytes: Int = 6) -> [Step] {
    func value(_ seed: UInt64, _ count: Int) -> [UInt8] {
        var random = Random(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    var steps: [Step] = []
    var sequence: UInt64 = 1_700_000_000_000_000
    func command(_ signer: UInt8) {
        sequence += 1_000_003
        steps += [.begin(sequence, signer: signer), .complete(value(sequence, outcomeBytes))]
    }
    // Provision: claim key, identity, ownership.
    steps.append(
        .batch([
            Change(key: 1, value: value(1, 20)), Change(key: 2, value: value(2, 32), secret: true),
            Change(key: 3, value: value(3, 12)),
        ]))
    command(1)
    // Bind.
    steps.append(.batch([Change(key: 3, value: value(4, 24)), Change(key: 4, value: value(5, 8))]))
    for _ in 0..<entries { command(0) }
    steps.append(.prepare)
    // Time, until the log is full.
    for number in 100..<106 as Range<UInt64> { steps.append(.change(Change(key: 4, value: value(number, 8)))) }
    // Grant.
    steps.append(.change(Change(key: 200, value: value(7, 28))))
    command(8)
    steps.append(.change(Change(key: 200, value: nil)))
    // A secret replaced.
    steps.append(.change(Change(key: 2, value: value(9, 32), secret: true)))
    // Release.
    steps.append(.batch([Change(key: 3, value: value(10, 12)), Change(key: 4, value: nil)]))
    steps.append(.compact)
    for _ in 0..<entries { command(0) }
    // A secret removed.
    steps.append(.batch([Change(key: 2, value: nil), Change(key: 0, value: []), Change(key: 255, value: value(11, 3))]))
    return steps
}

@Suite("Power cuts")
struct PowerCutTests {
    private func explore<let unit: Int>(_ explorer: Explorer<unit>, _ name: String, entries: Int) throws {
        var explorer = explorer
        try explorer.explore(scenario(entries: entries, outcomeBytes: Int(explorer.layout.outcomeBytes)))
        print("store.cut_points \(name): \(explorer.cutPoints)")
        #expect(explorer.failures.prefix(3) == [])
        #expect(explorer.cutPoints > 1000)
    }

    private var small: StoreLayout { StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: 12) }

    @Test("a write unit of 1: each cut leaves the state before or after")
    func unit1() throws {
        var explorer = Explorer<1>(layout: small, pages: Array(repeating: 256, count: 5))
        explorer.tears = [1]
        explorer.recoveryStride = 5
        try explore(explorer, "unit 1", entries: 10)
    }

    @Test("a write unit of 4: each cut leaves the state before or after")
    func unit4() throws {
        try explore(Explorer<4>(layout: small, pages: Array(repeating: 256, count: 5)), "unit 4", entries: 20)
    }

    @Test("a write unit of 8: each cut leaves the state before or after")
    func unit8() throws {
        try explore(Explorer<8>(layout: small, pages: Array(repeating: 320, count: 5)), "unit 8", entries: 20)
    }

    @Test("a write unit of 16: each cut leaves the state before or after")
    func unit16() throws {
        try explore(Explorer<16>(layout: small, pages: Array(repeating: 512, count: 5)), "unit 16", entries: 20)
    }

    @Test("banks of several unequal pages, and only two pages of journal: each cut leaves the state before or after")
    func unequal() throws {
        let layout = StoreLayout(recordPages: 2, intentBytes: 8, outcomeBytes: 2, summaryBytes: 16)
        try explore(Explorer<4>(layout: layout, pages: [128, 160, 192, 128, 160, 320]), "unequal pages", entries: 16)
    }

    @Test("pages in the proportions of an STM32F411's small sectors: each cut leaves the state before or after")
    func sectors() throws {
        try explore(Explorer<4>(layout: small, pages: [256, 256, 256, 1024]), "sectors", entries: 30)
    }

    @Test("a page turn cut short in any of many ways leaves whole history, and no false alarm", arguments: [false, true])
    func tornPages(prepares: Bool) throws {
        let flash = SimulatedNOR<4>(pages: Array(repeating: 256, count: 6))
        var model = Model()
        var bench = Bench(flash, small)
        try bench.store.mount()
        // The ring has turned more than once, and the page in use is full.
        while bench.store.nextJournalIndex < 60 || !bench.store.needsPage {
            let step = Step.begin(model.mark + 12345, signer: 1)
            model.apply(step, index: try bench.perform(step, model))
        }
        let full = flash.snapshot
        let step = prepares ? Step.prepare : .begin(model.mark + 1, signer: 2)
        var next = model
        next.apply(step, index: bench.store.nextJournalIndex)
        for seed in 0..<600 as Range<UInt64> {
            flash.restore(full)
            var bench = Bench(flash, small)
            try bench.store.mount()
            // Operation 0 is the marker, 1 the erase.
            flash.powerUp(.cut(at: 1, torn: seed))
            _ = try? bench.perform(step, model)
            #expect(flash.isCut)
            flash.powerUp()
            try bench.store.mount()
            let seen = try bench.observe()
            #expect(seen.shows(model, oldestAtMost: .max), "seed \(seed)")
            let then = Step.begin(model.mark + 1, signer: 2)
            let index = try bench.perform(then, model)
            #expect(index >= next.log.last?.index ?? 0, "seed \(seed)")
            try bench.store.mount()
            #expect(try bench.observe().mark == model.mark + 1)
        }
        #expect(flash.violations.isEmpty)
    }

    @Test("what a cut has left behind the log is decided once: the mount wipes it")
    func tornTail() throws {
        let flash = microbitFlash()
        var store = try mounted(flash)
        try store.put(1, [1, 2, 3])
        let value = (0..<32).map { UInt8(200 - $0 * 3) }
        flash.powerUp(.cut(at: 9, torn: 3))
        try? store.put(2, value)
        #expect(flash.isCut && flash.holdsPart(of: value))
        flash.powerUp()
        try store.mount()
        #expect(try store.bytes(2) == nil)
        #expect(!flash.holdsPart(of: value))
        flash.powerUp()
        try store.mount()
        #expect(flash.operations == 0)
    }
}
