// Random steps with power cuts at random operations, compared with the model. LIGHTNODE_SOAK_SEQUENCES sets how many sequences.

import FlashStore
import Foundation
import HAL
import SimulatedNOR
import Testing

/// Sequences that start from any state of the scenario.
struct Wanderer<let unit: Int> {
    let flash: SimulatedNOR<unit>
    let layout: StoreLayout
    private var starts: [(SimulatedNOR<unit>.Snapshot, Model)] = []
    private(set) var cuts = 0

    init(pages: [Int], layout: StoreLayout) throws {
        flash = SimulatedNOR(pages: pages)
        self.layout = layout
        var bench = Bench(flash, layout)
        try bench.store.mount()
        var model = Model()
        for step in scenario(entries: 20, outcomeBytes: Int(layout.outcomeBytes)) {
            model.apply(step, index: try bench.perform(step, model))
            starts.append((flash.snapshot, model))
        }
    }

    private func value(_ random: inout Random, upTo count: Int) -> [UInt8] {
        (0..<Int.random(in: 0...count, using: &random)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private func change(_ random: inout Random) -> Change {
        let key = testKeys[Int.random(in: 0..<testKeys.count, using: &random)]
        if random.next() % 4 == 0 { return Change(key: key, value: nil) }
        return Change(key: key, value: value(&random, upTo: 14), secret: random.next() % 4 == 0)
    }

    private func step(_ random: inout Random, _ model: Model) -> Step {
        switch random.next() % 10 {
        case 0...2: return .change(change(&random))
        case 3: return .batch((0..<3).map { _ in change(&random) })
        case 4...6: return .begin(model.mark + random.next() % 1000, signer: UInt8(random.next() % 3))
        case 7, 8:
            guard let last = model.log.last, last.outcome == nil else { return .begin(model.mark + 1, signer: 9) }
            return .complete((0..<Int(layout.outcomeBytes)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        default: return random.next() % 2 == 0 ? .compact : .prepare
        }
    }

    /// Runs the sequence of a seed; returns what went wrong.
    mutating func run(_ seed: UInt64) -> String? {
        var random = Random(seed: seed)
        let start = starts[Int.random(in: 0..<starts.count, using: &random)]
        flash.restore(start.0)
        var model = start.1
        var bench = Bench(flash, layout)
        do throws(StoreError) { try bench.store.mount() } catch { return "first mount: \(error)" }
        flash.powerUp(.cut(at: Int(random.next() % 80), torn: random.next() % 4 == 0 ? nil : random.next()))
        for _ in 0..<7 {
            let step = step(&random, model)
            do throws(StoreError) {
                let index = try bench.perform(step, model)
                model.apply(step, index: index)
                continue
            } catch {
                // An outcome whose write was cut short stays unreadable.
                if error == .full || error == .alreadyCompleted { continue }
                guard flash.isCut else { return "\(step): \(error)" }
            }
            cuts += 1
            if let failure = recover(&bench, &model, step, &random) { return failure }
            flash.powerUp(.cut(at: Int(random.next() % 80), torn: random.next()))
        }
        flash.powerUp()
        var next = model
        return check(&bench, &next, nil) ?? flash.violations.first
    }

    private mutating func recover(_ bench: inout Bench<unit>, _ model: inout Model, _ step: Step, _ random: inout Random)
        -> String?
    {
        while random.next() % 3 == 0 {
            flash.powerUp(.cut(at: Int(random.next() % 40), torn: random.next() % 4 == 0 ? nil : random.next()))
            do throws(StoreError) {
                try bench.store.mount()
                break
            } catch {
                guard flash.isCut else { return "mount after \(step): \(error)" }
                cuts += 1
            }
        }
        flash.powerUp()
        return check(&bench, &model, step)
    }

    /// Mounts and expects the model, or the model after `step`.
    private func check(_ bench: inout Bench<unit>, _ model: inout Model, _ step: Step?) -> String? {
        do throws(StoreError) {
            try bench.store.mount()
            let seen = try bench.observe()
            if seen.shows(model, oldestAtMost: .max) { return nil }
            guard let step else { return "\(seen) is not \(model)" }
            var next = model
            next.apply(step, index: seen.log.last?.index ?? 0)
            guard seen.shows(next, oldestAtMost: .max) else { return "after \(step): \(seen) is neither \(model) nor \(next)" }
            model = next
            return nil
        } catch { return "mount: \(error)" }
    }
}

@Suite("Random sequences")
struct RandomTests {
    static var sequences: Int { ProcessInfo.processInfo.environment["LIGHTNODE_SOAK_SEQUENCES"].flatMap { Int($0) } ?? 8000 }

    private func run<let unit: Int>(_ wanderer: Wanderer<unit>, _ count: Int) {
        var wanderer = wanderer
        var failures: [String] = []
        for seed in 0..<UInt64(count) {
            if let failure = wanderer.run(seed) { failures.append("seed \(seed): \(failure)") }
            if failures.count == 3 { break }
        }
        print("store.random_sequences unit \(unit): \(count), cuts: \(wanderer.cuts)")
        #expect(failures == [])
    }

    private var layout: StoreLayout { StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: 12) }

    @Test("random steps and power cuts at a write unit of 4 follow the model")
    func unit4() throws { run(try Wanderer<4>(pages: Array(repeating: 256, count: 5), layout: layout), Self.sequences / 2) }

    @Test("random steps and power cuts at a write unit of 1 follow the model")
    func unit1() throws { run(try Wanderer<1>(pages: Array(repeating: 256, count: 5), layout: layout), Self.sequences / 4) }

    @Test("random steps and power cuts at a write unit of 16 and with unequal pages follow the model")
    func unit16() throws { run(try Wanderer<16>(pages: [512, 640, 256, 384, 1024], layout: layout), Self.sequences / 4) }
}
