// Reading the journal, and finding its newest page after a reset.
import HAL

/// One entry of the journal.
public struct JournalEntry {
    /// What became of the command.
    public enum Outcome: UInt8, Sendable {
        /// Nothing was written: the command was under way at a reset, or still is.
        case none
        /// The write of the outcome was cut short, or it was damaged later.
        case unreadable
        /// `outcomeBytes` hold it.
        case recorded
    }

    /// Number of the entry; a slot that a cut spoilt takes one too.
    public fileprivate(set) var index: UInt32 = 0
    /// False when the entry is damaged beyond correction: then only `index` means anything.
    public fileprivate(set) var isReadable = false
    /// As given to `begin`: below 2^56 − 2^48.
    public fileprivate(set) var sequence: UInt64 = 0
    /// As given to `begin`; sequence numbers of different signers have nothing to do with each other.
    public fileprivate(set) var signer: UInt8 = 0
    /// The first `layout.intentBytes` bytes are the application's.
    public fileprivate(set) var application = InlineArray<40, UInt8>(repeating: 0)
    /// `recorded` once `complete` has returned for this entry.
    public fileprivate(set) var outcome = Outcome.none
    /// The first `layout.outcomeBytes` bytes are the outcome, if it is recorded.
    public fileprivate(set) var outcomeBytes = InlineArray<14, UInt8>(repeating: 0)

    /// An entry to be read into: not readable, all numbers 0.
    public init() {}
}

extension FlashStore where Flash: ~Copyable {
    /// Index of the first entry of the newest page: all entries after the newest summary have this index or a higher one.
    public var newestPageIndex: UInt32 { journal.first }

    /// Copies the summary that begins the newest page and returns its length; nil when the journal has no page yet.
    ///
    /// - Throws: `wrongLength` when `bytes` is too short, `damagedJournal`, `notMounted`, `flash`.
    @inline(never)
    public func readSummary(into bytes: inout MutableSpan<UInt8>) throws(StoreError) -> Int? {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        guard let ring = journal.page else { return nil }
        guard let header = try pageHeader(Int(ring)) else { throw .damagedJournal }
        guard bytes.count >= header.summaryLength else { throw .wrongLength }
        try copySummary(header, Int(ring), into: &bytes)
        return header.summaryLength
    }

    @inline(never)
    private func copySummary(_ header: PageHeader, _ ring: Int, into bytes: inout MutableSpan<UInt8>) throws(StoreError) {
        let words = CheckedWords(
            page: ringPage(ring), offset: 0, length: Self.pageFields(header.summaryLength), verdict: header.verdict)
        try words.copy(from: 8, count: header.summaryLength, of: self, into: &bytes)
    }

    /// Copies the summary of the page that holds entry `index`; returns the index of that page's first entry and the summary's length, nil when
    /// the entry is gone.
    ///
    /// - Throws: `wrongLength` when `bytes` is too short, `damagedJournal`, `notMounted`, `flash`.
    @inline(never)
    public func readSummary(ofPageWith index: UInt32, into bytes: inout MutableSpan<UInt8>) throws(StoreError) -> (
        first: UInt32, length: Int
    )? {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        for ring in 0..<ringPages {
            guard let header = try history(ring), index >= header.first, index - header.first < UInt32(header.slots) else {
                continue
            }
            guard bytes.count >= header.summaryLength else { throw .wrongLength }
            try copySummary(header, ring, into: &bytes)
            return (header.first, header.summaryLength)
        }
        return nil
    }

    /// Index of the oldest entry that has not been overwritten: entries before it are gone.
    @inline(never)
    public func oldestJournalIndex() throws(StoreError) -> UInt32 {
        guard let newest = journal.page else { return journal.first }
        var oldest = journal.first
        var ring = Int(newest)
        for _ in 1..<ringPages {
            ring = ring == 0 ? ringPages - 1 : ring - 1
            if let header = try history(ring), header.first + UInt32(header.slots) == oldest { oldest = header.first }
        }
        return oldest
    }

    /// The first entry at or after `index`, or nil when there is none. Slots that a power cut has spoilt have an index and no entry.
    public func nextEntry(from index: UInt32) throws(StoreError) -> JournalEntry? {
        var entry = JournalEntry()
        return try readEntry(&entry, from: index) ? entry : nil
    }

    /// Reads the first entry at or after `index` into the caller's memory; false when there is none.
    @inline(never)
    public func readEntry(_ entry: inout JournalEntry, from index: UInt32) throws(StoreError) -> Bool {
        guard journal.page != nil else { return false }
        var index = index
        if try locate(index) == nil { index = max(index, try oldestJournalIndex()) }
        while index < nextJournalIndex {
            if let (page, offset, first) = try locate(index) {
                entry = JournalEntry()
                entry.index = index
                if try read(&entry, page: page, offset: offset, first: first) { return true }
            }
            index += 1
        }
        return false
    }

    /// Where entry `index` is: flash page, offset, and first index of its page.
    @inline(never)
    func locate(_ index: UInt32) throws(StoreError) -> (page: Int, offset: Int, first: UInt32)? {
        guard let newest = journal.page, index < nextJournalIndex else { return nil }
        if index >= journal.first {
            return (ringPage(Int(newest)), slotOffset(Int(newest), Int(index - journal.first)), journal.first)
        }
        for ring in 0..<ringPages {
            guard let header = try history(ring), index >= header.first, index - header.first < UInt32(header.slots) else {
                continue
            }
            return (ringPage(ring), slotOffset(ring, Int(index - header.first)), header.first)
        }
        return nil
    }

    @inline(never)
    private func read(_ entry: inout JournalEntry, page: Int, offset: Int, first: UInt32) throws(StoreError) -> Bool {
        let verdict = try verdict(page, offset, length: intentFields, seed: Self.intentSeed(first))
        if verdict == .uncommitted { return false }
        if verdict == .damaged { return true }
        entry.isReadable = true
        let words = CheckedWords(page: page, offset: offset, length: intentFields, verdict: verdict)
        let high = try words.word(0, of: self)
        entry.sequence = UInt64((high << 8).byteSwapped) << 32 | UInt64(try words.word(4, of: self))
        entry.signer = UInt8(truncatingIfNeeded: high >> 24)
        var application = entry.application.mutableSpan
        try words.copy(from: 8, count: Int(layout.intentBytes), of: self, into: &application)
        try readOutcome(&entry, page: page, offset: offset + intentFields + Self.granule)
        return true
    }

    @inline(never)
    private func readOutcome(_ entry: inout JournalEntry, page: Int, offset: Int) throws(StoreError) {
        if try isBlank(page, from: offset, to: offset + outcomeFields) { return }
        entry.outcome = .unreadable
        let raw = CheckedWords(page: page, offset: offset, length: outcomeFields, verdict: .intact)
        var bytes = entry.outcomeBytes.mutableSpan
        try raw.copy(from: 2, count: Int(layout.outcomeBytes), of: self, into: &bytes)
        var check = ShortCheck()
        for index in 0..<Int(layout.outcomeBytes) { check.add(entry.outcomeBytes[index]) }
        if try word(page, offset) & 0xFFFF == check.value { entry.outcome = .recorded }
    }

    /// The header of a page of the ring when its entries can be relied upon.
    @inline(never)
    func history(_ ring: Int) throws(StoreError) -> PageHeader? {
        if journal.nextIsGone, let newest = journal.page, ring == (Int(newest) + 1) % ringPages { return nil }
        return try pageHeader(ring)
    }

    // Mounting.

    /// The header of a page of the ring, when it is whole.
    @inline(never)
    func pageHeader(_ ring: Int) throws(StoreError) -> PageHeader? {
        let page = ringPage(ring)
        guard let header = RecordHeader(word: try word(page, 0)), header.key == Self.pageKey, header.flags == Self.pageVersion,
            header.length <= layout.summaryBytes
        else { return nil }
        let summaryLength = Int(header.length)
        let length = Self.pageFields(summaryLength)
        let verdict = try verdict(page, 0, length: length, seed: Self.pageSeed)
        if !verdict.isWhole { return nil }
        let words = CheckedWords(page: page, offset: 0, length: length, verdict: verdict)
        return PageHeader(
            first: try words.word(4, of: self), summaryLength: summaryLength, slots: slots(ring, summaryLength: summaryLength),
            verdict: verdict)
    }

    /// An entry was begun in this page when its first index was `first`.
    @inline(never)
    private func holdsEntry(_ ring: Int, first: UInt32) throws(StoreError) -> Bool {
        for slot in 0..<slots(ring, summaryLength: 0) {
            let offset = slotOffset(ring, slot)
            if try word(ringPage(ring), offset + intentFields) == .max { continue }
            let verdict = try verdict(ringPage(ring), offset, length: intentFields, seed: Self.intentSeed(first))
            if verdict.isWhole { return true }
        }
        return false
    }

    /// Finds the newest page and its next slot. A damaged page is passed over only when it cannot be the newest.
    @inline(never)
    mutating func mountJournal() throws(StoreError) {
        for ring in 0..<ringPages {
            guard let header = try pageHeader(ring) else { continue }
            if journal.page == nil || header.first > journal.first {
                journal.page = UInt8(ring)
                journal.first = header.first
                journal.slots = header.slots
            }
        }
        try requireNewest()
        if let ring = journal.page {
            journal.nextIsGone = try word(ringPage(Int(ring)), pageMarker).nonzeroBitCount < 31
            try findHead(Int(ring))
        }
        journal.isMounted = true
    }

    /// A page that cannot be read and comes after the newest that can is what a page turn cut short has left, unless it holds entries.
    @inline(never)
    private func requireNewest() throws(StoreError) {
        let start = journal.page.map { Int($0) + 1 } ?? 0
        for step in 0..<(journal.page == nil ? ringPages : ringPages - 1) {
            let ring = (start + step) % ringPages
            if try pageHeader(ring) != nil { return }
            if try holdsEntry(ring, first: nextFirst) { throw .damagedJournal }
            // Before the first page there is only the first page turn to be cut short.
            if journal.page == nil, ring > 0, try word(ringPage(ring), 0) != .max { throw .damagedJournal }
        }
    }

    @inline(never)
    private mutating func findHead(_ ring: Int) throws(StoreError) {
        for slot in 0..<journal.slots {
            let offset = slotOffset(ring, slot)
            let verdict = try verdict(ringPage(ring), offset, length: intentFields, seed: Self.intentSeed(journal.first))
            if verdict == .uncommitted { continue }
            journal.slot = slot + 1
            // Its sequence number may be the highest of its signer.
            if verdict == .damaged { throw .damagedJournal }
        }
    }
}

/// The header of a page of the journal.
struct PageHeader {
    let first: UInt32
    let summaryLength: Int
    let slots: Int
    let verdict: Check.Verdict
}
