// The log: journal entries of the flash store, bound together by a hash chain (R11).

import Ed25519
import FlashStore
import HAL

extension Memory where Flash: ~Copyable {
    // Summary of a page: the chain before its first entry (32), the owner's high-water mark (8), the epoch (4) at that moment.
    static var summarySize: Int { 44 }

    static var layout: StoreLayout {
        StoreLayout(recordPages: 1, intentBytes: 4, outcomeBytes: 6, summaryBytes: UInt8(summarySize))
    }

    /// True when a page must be opened before the next entry: what older entries stand for must have been saved by then.
    var needsPage: Bool { store.needsPage }

    /// Begins a page of the log, in place of the oldest.
    @inline(never)
    mutating func openPage(ownerMark: UInt64, epoch: UInt32) throws(Refusal) {
        var summary = InlineArray<44, UInt8>(repeating: 0)
        summary.store(chain.span.bytes, at: 0)
        summary.storeLittleEndian64(ownerMark, at: 32)
        summary.storeLittleEndian(epoch, at: 40)
        do throws(StoreError) { try store.openPage(summary: summary.span) } catch { throw .storeFailed }
    }

    /// Records that the message of `entry` is about to be executed, and gives the entry its number. False when a page must be opened first.
    @inline(never)
    mutating func begin(_ entry: inout LogEntry) throws(Refusal) -> Bool {
        let intent = entry.intent
        do throws(StoreError) {
            entry.index = try store.begin(sequence: entry.seq, signer: entry.origin, application: intent.span)
            nextIndex = store.nextJournalIndex
            return true
        } catch {
            if error == .pageFull { return false }
            throw .storeFailed
        }
    }

    /// Records how it ended, and moves the chain on over the entry. If the flash does not take the outcome the log will say unknown, and
    /// so does `entry` from then on.
    @inline(never)
    mutating func complete(_ entry: inout LogEntry) {
        let result = entry.result
        do throws(StoreError) {
            try store.complete(entry.index, outcome: result.span)
        } catch {
            entry.outcome = .unknown
            entry.value = .none
        }
        chain = LightNode.chain(chain, entry)
    }

    /// What the executor knew when the page with entry `index` began; nil when there is no such entry.
    @inline(never)
    func summary(ofPageWith index: UInt32) throws(StoreError) -> LogSummary? {
        var bytes = InlineArray<44, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        guard let first = try store.readSummary(ofPageWith: index, into: &span) else { return nil }
        return LogSummary(
            chain: bytes32(bytes.span.bytes), ownerMark: bytes.loadLittleEndian64(at: 32), epoch: bytes.loadLittleEndian(at: 40),
            first: first)
    }

    /// The first entry from `index` on; nil when there is none. A damaged one is passed over with the rest of its page: the indexes show the gap.
    @inline(never)
    func entry(from index: UInt32) throws(StoreError) -> LogEntry? {
        var index = index
        while let found = try store.nextEntry(from: index) {
            index = found.index &+ 1
            guard found.isReadable else {
                // Nobody can tell the chain of what follows on this page; the next one begins with its own.
                let page = try summary(ofPageWith: found.index)?.first
                while index < nextIndex, try summary(ofPageWith: index)?.first == page { index &+= 1 }
                continue
            }
            var entry = LogEntry()
            let application = found.application
            let intent: InlineArray<4, UInt8> = [application[0], application[1], application[2], application[3]]
            guard entry.load(seq: found.sequence, origin: found.signer, intent: intent, index: found.index) else { continue }
            if found.outcome == .recorded {
                let bytes = found.outcomeBytes
                entry.load(result: [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]])
            }
            return entry
        }
        return nil
    }
}

/// What the executor knew when a page of the log began.
struct LogSummary {
    var chain: Bytes32
    var ownerMark: UInt64
    var epoch: UInt32
    /// Number of the page's first entry.
    var first: UInt32

    /// Moves on over an entry.
    @inline(never)
    mutating func pass(_ entry: LogEntry) {
        chain = LightNode.chain(chain, entry)
        if entry.kind.raisesEpoch && entry.outcome == .done { epoch &+= 1 }
    }
}
