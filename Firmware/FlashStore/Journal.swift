// Writing the journal: a ring of pages with entries of one size, each begun before an action and completed after it.
import HAL

/// Where the journal is.
struct JournalState {
    var isMounted = false
    /// Index in the ring of the page in use; nil before the first entry.
    var page: UInt8?
    /// A page of the ring that `prepareJournal` has erased.
    var prepared: UInt8?
    /// Index of the first entry of the page in use, and the next slot in it.
    var first: UInt32 = 0
    var slot = 0
    /// Slots of the page in use.
    var slots = 0
    /// The page after it in the ring is no history any more: it has been erased, or an erase was begun.
    var nextIsGone = false
}

extension FlashStore where Flash: ~Copyable {
    static var pageSeed: UInt32 { 0x4547_4150 }
    /// A page begins like a record: this key, the version in the place of flags, the length of the summary.
    static var pageKey: UInt8 { 0x4A }
    static var pageVersion: UInt8 { 1 }

    /// Entries are bound to the page that they were written in: one left by an erase cut short is no entry of a later page.
    static func intentSeed(_ first: UInt32) -> UInt32 { first ^ 0x4E54_4E49 }

    /// Index that the next entry gets unless slots have to be skipped.
    public var nextJournalIndex: UInt32 {
        @inline(never) get { journal.first + UInt32(journal.slot) }
    }

    /// Entries that the ring holds at least, with summaries of the greatest length.
    public var journalCapacity: Int {
        @inline(never) get {
            var count = 0
            for ring in 1..<ringPages { count += slots(ring, summaryLength: Int(layout.summaryBytes)) }
            return count
        }
    }

    /// The page in use is full, or there is none: `openPage` comes before the next `begin`.
    public var needsPage: Bool { journal.slot >= journal.slots }

    /// Persists that a command is about to be executed, and returns the index of its entry: indexes go up strictly, not always by one. When
    /// this returns, every later `mount` finds `sequence` in the newest page or in a summary that came after.
    ///
    /// - Parameters:
    ///   - sequence: below 2^56 − 2^48.
    ///   - signer: whatever the application numbers its signers by.
    ///   - application: exactly `layout.intentBytes` bytes.
    /// - Throws: `pageFull` (nothing is written; open a page and begin again), `damagedJournal`, `sequenceTooLarge`, `wrongLength`, `notMounted`,
    ///   `flash` (the entry may be there after the next mount).
    @inline(never)
    public mutating func begin(sequence: UInt64, signer: UInt8, application: Span<UInt8>) throws(StoreError) -> UInt32 {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        guard sequence < 0xFF << 48 else { throw .sequenceTooLarge }
        guard application.count == Int(layout.intentBytes) else { throw .wrongLength }
        guard let ring = journal.page, try skipSpoilt(Int(ring)) else { throw .pageFull }
        let index = nextJournalIndex
        let offset = slotOffset(Int(ring), journal.slot)
        var writer = Writer(page: ringPage(Int(ring)), offset: offset, seed: Self.intentSeed(journal.first))
        journal.slot += 1
        let high = UInt32(truncatingIfNeeded: sequence >> 32).byteSwapped >> 8
        try writer.word(high | UInt32(signer) << 24, to: &self)
        try writer.word(UInt32(truncatingIfNeeded: sequence), to: &self)
        try writer.bytes(application, to: &self)
        try writer.finish(to: &self)
        return index
    }

    /// Persists what came of a command: exactly `layout.outcomeBytes` bytes.
    ///
    /// - Throws: `noSuchEntry`, `alreadyCompleted`, `wrongLength`, `notMounted`, `damagedJournal`, `flash`.
    @inline(never)
    public mutating func complete(_ index: UInt32, outcome: Span<UInt8>) throws(StoreError) {
        guard outcome.count == Int(layout.outcomeBytes) else { throw .wrongLength }
        guard let (page, offset, _) = try locate(index) else { throw .noSuchEntry }
        let start = offset + intentFields + Self.granule
        guard try !isBlank(page, from: offset, to: start) else { throw .noSuchEntry }
        guard try isBlank(page, from: start, to: start + outcomeFields) else { throw .alreadyCompleted }
        try write(outcome: outcome, page, start)
    }

    /// Its check is in the first two bytes, and never all ones there.
    @inline(never)
    private mutating func write(outcome: Span<UInt8>, _ page: Int, _ offset: Int) throws(StoreError) {
        var check = ShortCheck()
        for index in outcome.indices { check.add(outcome[index]) }
        var writer = Writer(page: page, offset: offset, seed: 0)
        try writer.byte(UInt8(truncatingIfNeeded: check.value), to: &self)
        try writer.byte(UInt8(truncatingIfNeeded: check.value >> 8), to: &self)
        try writer.bytes(outcome, to: &self)
        try writer.pad(to: &self)
    }

    /// Moves to a slot that is blank; false when the page has none.
    @inline(never)
    private mutating func skipSpoilt(_ ring: Int) throws(StoreError) -> Bool {
        while journal.slot < journal.slots {
            let offset = slotOffset(ring, journal.slot)
            if try isBlank(ringPage(ring), from: offset, to: offset + entrySize) { return true }
            journal.slot += 1
        }
        return false
    }

    /// First index of the page after the one in use.
    var nextFirst: UInt32 { journal.first + UInt32(journal.slots) }

    /// Begins the next page of the ring, in place of the oldest. The page in use, which holds all that matters, is not touched.
    ///
    /// - Parameter summary: at most `layout.summaryBytes` bytes, what the application must know of all entries before (hash chain head, high-water
    ///   mark of each signer): after this they may be overwritten one day.
    /// - Throws: `damagedJournal`, `wrongLength`, `notMounted`, `flash`: then the page in use stays in use.
    @inline(never)
    public mutating func openPage(summary: Span<UInt8>) throws(StoreError) {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        guard summary.count <= Int(layout.summaryBytes) else { throw .wrongLength }
        let first = nextFirst
        let start = journal.page.map { Int($0) + 1 } ?? 0
        let candidates = journal.page == nil ? ringPages : ringPages - 1
        var failure = StoreError.flash(.eraseFailed)
        for candidate in 0..<candidates {
            let ring = (start + candidate) % ringPages
            let isPrepared = journal.prepared == UInt8(ring)
            journal.prepared = nil
            do {
                if !isPrepared { try eraseNext(ring) }
                try write(pageHeader: ring, first: first, summary)
                journal.page = UInt8(ring)
                journal.first = first
                journal.slot = 0
                journal.slots = slots(ring, summaryLength: summary.count)
                journal.nextIsGone = false
                return
            } catch {
                failure = error
            }
            // A worn-out page is passed over.
            guard failure == .flash(.eraseFailed) || failure == .flash(.programFailed) else { break }
        }
        throw failure
    }

    /// Erases a page after noting in the page in use that it is no history any more: an erase cut short may leave the header of a page and only
    /// some of its entries.
    @inline(never)
    private mutating func eraseNext(_ ring: Int) throws(StoreError) {
        if let newest = journal.page, !journal.nextIsGone {
            try setMarker(ringPage(Int(newest)), pageMarker)
            journal.nextIsGone = true
        }
        try erase(ringPage(ring))
    }

    /// Offset of the marker in the header of the page in use.
    var pageMarker: Int { flash.pageSize(ringPage(Int(journal.page ?? 0))) - journal.slots * entrySize - Self.granule }

    @inline(never)
    private mutating func write(pageHeader ring: Int, first: UInt32, _ summary: Span<UInt8>) throws(StoreError) {
        var writer = Writer(page: ringPage(ring), offset: 0, seed: Self.pageSeed)
        let header = RecordHeader(key: Self.pageKey, flags: Self.pageVersion, length: UInt8(summary.count))
        try writer.word(header.word, to: &self)
        try writer.word(first, to: &self)
        try writer.bytes(summary, to: &self)
        try writer.finish(to: &self)
    }

    /// Erases the page that the journal will need next, once the page in use is three quarters full: to be called when there is time (an erase
    /// takes 21 ms on an nRF51, 2 s for a 128 KB sector of an STM32F4), so that `openPage` does not wait. Erases nothing twice, gives up the
    /// oldest history a little earlier.
    public mutating func prepareJournal() throws(StoreError) {
        guard journal.isMounted, let page = journal.page, journal.prepared == nil else { return }
        guard journal.slot * 4 >= journal.slots * 3 else { return }
        let next = (Int(page) + 1) % ringPages
        try eraseNext(next)
        journal.prepared = UInt8(next)
    }

    /// Gives up the entries of a damaged journal and starts a new page with `summary`; indexes stay higher than all that can still be read.
    /// Afterwards the old sequence numbers are unknown: raise the epoch first.
    public mutating func restartJournal(summary: Span<UInt8>) throws(StoreError) {
        guard records.isMounted else { throw .notMounted }
        guard summary.count <= Int(layout.summaryBytes) else { throw .wrongLength }
        var highest: UInt32 = 0
        for ring in 0..<ringPages {
            if let header = try pageHeader(ring) {
                highest = max(highest, header.first + UInt32(2 * slots(ring, summaryLength: 0)))
            }
        }
        journal = JournalState()
        for ring in 0..<ringPages { try erase(ringPage(ring)) }
        journal.first = highest
        journal.isMounted = true
        try openPage(summary: summary)
    }
}
