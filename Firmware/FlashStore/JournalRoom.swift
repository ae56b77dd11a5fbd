// The summary of an older page, for whoever reads the journal from the middle.
import HAL

extension FlashStore where Flash: ~Copyable {
    /// Copies the summary of the page that holds entry `index` and returns the index of that page's first entry; nil when the entry is gone.
    ///
    /// - Throws: `wrongLength` when `bytes` is too short, `damagedJournal`, `notMounted`, `flash`.
    public func readSummary(ofPageWith index: UInt32, into bytes: inout MutableSpan<UInt8>) throws(StoreError) -> UInt32? {
        guard journal.isMounted else { throw records.isMounted ? .damagedJournal : .notMounted }
        for ring in 0..<ringPages {
            guard let header = try history(ring), index >= header.first, index - header.first < UInt32(header.slots) else {
                continue
            }
            guard bytes.count >= header.summaryLength else { throw .wrongLength }
            try header.words.copy(from: 8, count: header.summaryLength, of: self, into: &bytes)
            return header.first
        }
        return nil
    }
}
