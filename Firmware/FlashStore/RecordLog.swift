// Walking the log of records, and finding the newest of a key.
import HAL

extension FlashStore where Flash: ~Copyable {
    /// What the log holds at a place.
    enum LogItem {
        case end
        case record(RecordHeader)
        /// No header can be read here.
        case broken
    }

    @inline(never)
    func logPage(_ position: Position) -> Int { page(bank: records.bank, Int(position.page)) }

    static var recordSeed: UInt32 { 0x4443_4552 }

    /// What is at `position`, which first moves on to the next page when the rest of its page is unused.
    @inline(never)
    func item(at position: inout Position) throws(StoreError) -> LogItem {
        while true {
            let room = bankPageSize(Int(position.page)) - Int(position.offset)
            if room >= Self.footprint(0) {
                let word = try word(logPage(position), Int(position.offset))
                if word.nonzeroBitCount < 31 {
                    guard let header = RecordHeader(word: word), Self.footprint(Int(header.length)) <= room else {
                        return .broken
                    }
                    return .record(header)
                }
            }
            guard Int(position.page) + 1 < bankPages else { return .end }
            position = Position(page: position.page + 1, offset: 0)
        }
    }

    @inline(never)
    func after(_ position: Position, _ header: RecordHeader) -> Position {
        Position(page: position.page, offset: position.offset + UInt32(Self.footprint(Int(header.length))))
    }

    /// Checks the record at `position`.
    @inline(never)
    func verdict(of header: RecordHeader, at position: Position) throws(StoreError) -> Check.Verdict {
        let length = Self.roundUp(4 + Int(header.length))
        return try verdict(logPage(position), Int(position.offset), length: length, seed: Self.recordSeed)
    }

    func isBefore(_ position: Position, _ end: Position) -> Bool {
        position.page < end.page || (position.page == end.page && position.offset < end.offset)
    }

    var logStart: Position { Position(page: 0, offset: UInt32(Self.bankHeader)) }

    /// The next record of the log at or after `position`, which moves to it; nil at the tail. Only after `mountRecords`.
    @inline(never)
    func nextRecord(_ position: inout Position) throws(StoreError) -> RecordHeader? {
        guard isBefore(position, records.tail) else { return nil }
        switch try item(at: &position) {
        case .end: return nil
        case .broken: throw .damagedRecords
        case .record(let header): return isBefore(position, records.tail) ? header : nil
        }
    }

    /// The newest record of `key` at or after `start`.
    @inline(never)
    func newest(_ key: UInt8, from start: Position) throws(StoreError) -> (header: RecordHeader, position: Position)? {
        var found: (header: RecordHeader, position: Position)?
        var position = start
        while let header = try nextRecord(&position) {
            if header.key == key { found = (header, position) }
            position = after(position, header)
        }
        return found
    }

    /// The newest record of `key` unless that says that the key was removed.
    @inline(never)
    func live(_ key: UInt8) throws(StoreError) -> (header: RecordHeader, position: Position)? {
        guard records.isMounted else { throw .notMounted }
        guard let found = try newest(key, from: logStart), !found.header.has(RecordHeader.removed) else { return nil }
        return found
    }
}
