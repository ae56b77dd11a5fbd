// What the store should hold, kept in ordinary Swift; and the steps that change both.

import FlashStore
import HAL
import SimulatedNOR

/// One entry of the journal, as far as it can be relied upon.
struct Line: Equatable {
    var index: UInt32
    var sequence: UInt64
    var signer: UInt8
    var outcome: [UInt8]?
}

/// A change of one record: nil removes it.
struct Change {
    var key: UInt8
    var value: [UInt8]?
    var secret = false
}

enum Step {
    case change(Change)
    case batch([Change])
    case begin(UInt64, signer: UInt8)
    case complete([UInt8])
    case prepare
    case compact
}

/// The contents of a store.
struct Model: Equatable {
    var records: [UInt8: [UInt8]] = [:]
    var secrets: Set<UInt8> = []
    var log: [Line] = []
    /// The highest sequence number begun.
    var mark: UInt64 = 0

    mutating func apply(_ step: Step, index: UInt32) {
        switch step {
        case .change(let change): apply(change)
        case .batch(let changes): for change in changes { apply(change) }
        case .begin(let sequence, let signer):
            log.append(Line(index: index, sequence: sequence, signer: signer, outcome: nil))
            mark = max(mark, sequence)
        case .complete(let outcome): log[log.count - 1].outcome = outcome
        case .prepare, .compact: break
        }
    }

    private mutating func apply(_ change: Change) {
        records[change.key] = change.value
        if change.secret, change.value != nil { secrets.insert(change.key) } else { secrets.remove(change.key) }
    }

    /// Values that were secret here and are gone in `next`.
    func wiped(in next: Model) -> [[UInt8]] {
        secrets.compactMap { records[$0] == next.records[$0] ? nil : records[$0] }
    }
}

/// What can be seen of a store from outside.
struct Observation: Equatable {
    var records: [UInt8: [UInt8]] = [:]
    var log: [Line] = []
    var oldest: UInt32 = 0
    var newestPage: UInt32 = 0
    var mark: UInt64 = 0

    /// This is a whole `model`, but for history older than `oldest`, which may not reach beyond `limit`.
    func shows(_ model: Model, oldestAtMost limit: UInt32) -> Bool {
        guard records == model.records, mark == model.mark, oldest <= limit || oldest == 0 else { return false }
        return log.elementsEqual(model.log.drop { $0.index < oldest })
    }
}

let testKeys: [UInt8] = [0, 1, 2, 3, 4, 5, 200, 255]

/// A store under test on its simulated part.
struct Bench<let unit: Int>: ~Copyable {
    let flash: SimulatedNOR<unit>
    var store: FlashStore<SimulatedNOR<unit>>

    init(_ flash: SimulatedNOR<unit>, _ layout: StoreLayout) {
        self.flash = flash
        store = FlashStore(flash, layout: layout)
    }

    /// Performs a step; returns the index of the entry begun.
    mutating func perform(_ step: Step, _ model: Model) throws(StoreError) -> UInt32 {
        switch step {
        case .change(let change):
            if let value = change.value {
                try store.put(change.key, value, secret: change.secret)
            } else {
                try store.remove(change.key)
            }
        case .batch(let changes):
            var batch = RecordBatch<400>()
            for change in changes {
                if let value = change.value {
                    try batch.put(change.key, value.span, secret: change.secret)
                } else {
                    try batch.remove(change.key)
                }
            }
            try store.apply(batch)
        case .begin(let sequence, let signer): return try store.log(sequence, signer: signer, summary: summary(model))
        case .complete(let outcome): try store.complete(model.log[model.log.count - 1].index, outcome: outcome.span)
        case .prepare: try store.prepareJournal()
        case .compact: try store.compact()
        }
        return 0
    }

    /// The mark, and some more to fill the size that varies.
    private func summary(_ model: Model) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: model.mark >> UInt64(8 * $0)) }
            + Array(repeating: 0xA5, count: Int(model.mark % 5))
    }

    func observe() throws(StoreError) -> Observation {
        var seen = Observation()
        for key in testKeys { seen.records[key] = try store.bytes(key) }
        seen.oldest = try store.oldestJournalIndex()
        seen.newestPage = store.newestPageIndex
        var bytes = [UInt8](repeating: 0, count: Int(store.layout.summaryBytes))
        var span = bytes.mutableSpan
        if let count = try store.readSummary(into: &span), count >= 8 {
            for index in 0..<8 { seen.mark |= UInt64(bytes[index]) << UInt64(8 * index) }
        }
        var index: UInt32 = 0
        while let entry = try store.nextEntry(from: index) {
            guard entry.isReadable else { throw .damagedJournal }
            let outcome = entry.outcome == .recorded ? (0..<Int(store.layout.outcomeBytes)).map { entry.outcomeBytes[$0] } : nil
            seen.log.append(Line(index: entry.index, sequence: entry.sequence, signer: entry.signer, outcome: outcome))
            if entry.index >= seen.newestPage { seen.mark = max(seen.mark, entry.sequence) }
            index = entry.index + 1
        }
        return seen
    }
}
