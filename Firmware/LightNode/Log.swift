// The log: journal entries of the flash store, bound together by a hash chain (R11).

import Bytes
import Ed25519
import FlashStore
import HAL
import Vocabulary

extension Memory where Flash: ~Copyable {
    // Summary of a page, as of the moment before its first entry: the chain (32 bytes), the epoch (4), the marks (Watermarks.swift).
    static var summaryFields: Int { 36 }

    static var layout: StoreLayout {
        StoreLayout(
            recordPages: 1, intentBytes: UInt8(LogLayout.intent.count), outcomeBytes: UInt8(LogLayout.result.count),
            summaryBytes: UInt8(summaryFields + Watermarks.capacity))
    }

    /// True when a page must be opened before the next entry: what older entries stand for must have been saved by then.
    var needsPage: Bool { store.needsPage }

    /// Begins a page of the log, in place of the oldest.
    @inline(never)
    mutating func openPage(_ watermarks: borrowing Watermarks, epoch: UInt32) throws(Refusal) {
        var summary = InlineArray<170, UInt8>(repeating: 0)
        summary.store(chain.span.bytes, at: 0)
        summary.storeLittleEndian(epoch, at: 32)
        let count = Self.summaryFields &+ watermarks.store(to: &summary, at: Self.summaryFields)
        do throws(StoreError) { try store.openPage(summary: summary.span.extracting(0..<count)) } catch { throw .storeFailed }
    }

    /// Records that the message of `entry` is about to be executed, and gives the entry its number. False when a page must be opened first.
    @inline(never)
    mutating func begin(_ entry: inout LogEntry) throws(Refusal) -> Bool {
        do throws(StoreError) {
            entry.index = try store.begin(sequence: entry.seq, signer: entry.origin, application: entry.intent)
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
        do throws(StoreError) {
            try store.complete(entry.index, outcome: entry.result)
        } catch {
            entry.outcome = .unknown
            entry.value = .none
        }
        LightNode.chain(&chain, entry)
    }

    /// Reads what the executor knew when the page with entry `index` began; false when there is no such entry.
    @inline(never)
    func read(_ summary: inout LogSummary, ofPageWith index: UInt32) throws(StoreError) -> Bool {
        var marks = Watermarks()
        return try read(&summary, &marks, ofPageWith: index)
    }

    /// Reads also the marks of that moment, and raises those given to them.
    @inline(never)
    func read(_ summary: inout LogSummary, _ marks: inout Watermarks, ofPageWith index: UInt32) throws(StoreError) -> Bool {
        var bytes = InlineArray<170, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        guard let (first, count) = try store.readSummary(ofPageWith: index, into: &span) else { return false }
        summary.chain.store(bytes.span.bytes.extracting(0..<32), at: 0)
        summary.epoch = bytes.loadLittleEndian(at: 32)
        summary.first = first
        if count > Self.summaryFields { marks.load(bytes.span.bytes.part(Self.summaryFields, count)) }
        return true
    }

    /// Reads the first entry from `index` on, and moves `index` behind it; false when there is none. A damaged one is passed over with
    /// the rest of its page, because nobody can tell the chain of what follows there: the indexes show the gap.
    @inline(never)
    func readNext(_ entry: inout LogEntry, from index: inout UInt32) throws(StoreError) -> Bool {
        var found = JournalEntry()
        while try store.readEntry(&found, from: index) {
            index = found.index &+ 1
            if found.isReadable {
                entry.load(found)
                return true
            }
            let page = try firstIndex(ofPageWith: found.index)
            while index < nextIndex, try firstIndex(ofPageWith: index) == page { index &+= 1 }
        }
        return false
    }

    /// The number of the first entry of the page with entry `index`; nil when there is no such entry.
    @inline(never)
    func firstIndex(ofPageWith index: UInt32) throws(StoreError) -> UInt32? {
        var summary = LogSummary()
        return try read(&summary, ofPageWith: index) ? summary.first : nil
    }
}

/// What the executor knew when a page of the log began.
struct LogSummary: ~Copyable {
    private let inMemory = InMemory()
    var chain = Bytes32(repeating: 0)
    var epoch: UInt32 = 0
    /// Number of the page's first entry.
    var first: UInt32 = 0

    /// Moves on over an entry.
    @inline(never)
    mutating func pass(_ entry: borrowing LogEntry) {
        LightNode.chain(&chain, entry)
        if entry.outcome == .done, entry.kind.raisesEpoch { epoch &+= 1 }
    }
}
