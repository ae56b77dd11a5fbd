// Whether the next entry begins a page: what an application must save before older entries may be overwritten, it saves then.
import HAL

extension FlashStore where Flash: ~Copyable {
    /// True when the next `begin` will begin a new page, whose making erases the oldest one. Slots that a power cut has spoilt are passed over.
    public mutating func journalNeedsPage() throws(StoreError) -> Bool {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        guard let ring = journal.page else { return true }
        let page = ringPage(Int(ring))
        while journal.slot < slots(Int(ring)) {
            let offset = slotOffset(journal.slot)
            if try isBlank(page, from: offset, to: offset + entrySize) { return false }
            journal.slot += 1
        }
        return true
    }
}

extension FlashStore where Flash: ~Copyable {
    /// Copies the summary of the page that holds entry `index`, and returns the index of that page's first entry; nil when the entry is gone.
    ///
    /// - Throws: `wrongLength` when `bytes` is not `layout.summaryBytes` long, `damagedJournal`, `notMounted`, `flash`.
    public func readSummary(ofPageWith index: UInt32, into bytes: inout MutableSpan<UInt8>) throws(StoreError) -> UInt32? {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        guard bytes.count == Int(layout.summaryBytes) else { throw .wrongLength }
        guard let (page, _, first) = try locate(index) else { return nil }
        let verdict = try verdict(page, 0, length: pageFields, seed: Self.pageSeed)
        if verdict == .damaged || verdict == .uncommitted { throw .damagedJournal }
        let words = CheckedWords(page: page, offset: 0, length: pageFields, verdict: verdict)
        try words.copy(from: 8, count: bytes.count, of: self, into: &bytes)
        return first
    }
}
