// Reading and changing records.
import HAL

extension FlashStore where Flash: ~Copyable {
    /// Copies the value of `key` to the beginning of `bytes` and returns its length, or nil when the key has no value.
    ///
    /// - Throws: `unreadable` when the value is damaged, `wrongLength` when `bytes` is too short, `notMounted`, `flash`.
    @inline(never)
    public func read(_ key: UInt8, into bytes: inout MutableSpan<UInt8>) throws(StoreError) -> Int? {
        guard let (header, position) = try live(key) else { return nil }
        let verdict = try verdict(of: header, at: position)
        guard !header.has(RecordHeader.unreadable), verdict.isWhole else {
            throw .unreadable
        }
        guard bytes.count >= Int(header.length) else { throw .wrongLength }
        let length = Self.roundUp(4 + Int(header.length))
        let words = CheckedWords(page: logPage(position), offset: Int(position.offset), length: length, verdict: verdict)
        try words.copy(from: 4, count: Int(header.length), of: self, into: &bytes)
        return Int(header.length)
    }

    /// The value of `key`, which is exactly `length` bytes long, or nil when the key has no value.
    ///
    /// - Throws: as `read(_:into:)`; `wrongLength` also when the value is shorter.
    @inline(never)
    public func value<let length: Int>(_ key: UInt8) throws(StoreError) -> InlineArray<length, UInt8>? {
        var value = InlineArray<length, UInt8>(repeating: 0)
        var bytes = value.mutableSpan
        guard let count = try read(key, into: &bytes) else { return nil }
        guard count == length else { throw .wrongLength }
        return value
    }

    /// True when `key` has a value, readable or not.
    @inline(never)
    public func has(_ key: UInt8) throws(StoreError) -> Bool { try live(key) != nil }

    /// Calls `body` with each key whose value is damaged beyond correction.
    public func forEachUnreadable(_ body: (UInt8) -> Void) throws(StoreError) {
        guard records.isMounted else { throw .notMounted }
        var position = logStart
        while let header = try nextRecord(&position) {
            let next = after(position, header)
            if !header.has(RecordHeader.removed), try newest(header.key, from: next) == nil {
                let verdict = try verdict(of: header, at: position)
                if header.has(RecordHeader.unreadable) || !verdict.isWhole { body(header.key) }
            }
            position = next
        }
    }

    /// Gives `key` a value of at most 240 bytes, entirely or not at all. A `secret` value is wiped from flash when it is replaced or removed,
    /// before that operation returns.
    ///
    /// - Throws: `full`, `wrongLength`, `notMounted`, `damagedRecords`, `flash`.
    @inline(never)
    public mutating func put(_ key: UInt8, _ value: Span<UInt8>, secret: Bool = false) throws(StoreError) {
        guard value.count <= StoreLimits.value else { throw .wrongLength }
        let header = RecordHeader(key: key, flags: secret ? RecordHeader.secret : 0, length: UInt8(value.count))
        try commit(RecordChanges(header, value))
    }

    /// Takes the value of `key` away. A secret value is wiped from flash. Nothing happens when the key has none.
    public mutating func remove(_ key: UInt8) throws(StoreError) {
        guard try live(key) != nil else { return }
        try commit(RecordChanges(RecordHeader(key: key, flags: RecordHeader.removed, length: 0), Span()))
    }

    /// Makes all changes of `batch`, or none: a power cut leaves the state before or the state after.
    @inline(never)
    public mutating func apply<let capacity: Int>(_ batch: borrowing RecordBatch<capacity>) throws(StoreError) {
        guard batch.count > 0 else { return }
        try commit(RecordChanges(encoded: batch.bytes.span.extracting(first: batch.count)))
    }

    /// Raises a counter that never goes down, kept as a record of eight bytes; absent means zero. Costs one record (16 bytes of the log at a
    /// write unit of 4) when `value` is higher, and nothing when it is not.
    public mutating func raise(_ key: UInt8, to value: UInt64) throws(StoreError) {
        guard value > (try counter(key)) else { return }
        var bytes = InlineArray<8, UInt8>(repeating: 0)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
        try put(key, bytes.span)
    }

    /// The value of a counter that `raise` keeps.
    public func counter(_ key: UInt8) throws(StoreError) -> UInt64 {
        guard let bytes: InlineArray<8, UInt8> = try value(key) else { return 0 }
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[index]) << UInt64(8 * index) }
        return value
    }

    /// Writes all live records afresh and wipes everything else.
    public mutating func compact() throws(StoreError) {
        guard records.isMounted else { throw .notMounted }
        try rewrite(RecordChanges(encoded: Span()))
    }

    /// Appends the changes to the log when they fit and no secret is to be wiped; writes the log afresh otherwise.
    @inline(never)
    mutating func commit(_ changes: borrowing RecordChanges) throws(StoreError) {
        guard records.isMounted else { throw .notMounted }
        if records.tailIsDirty { return try rewrite(changes) }
        if try replacesSecret(changes) { return try rewrite(changes) }
        if try hasRoom(changes) { try append(changes) } else { try rewrite(changes) }
    }

    @inline(never)
    private func replacesSecret(_ changes: borrowing RecordChanges) throws(StoreError) -> Bool {
        var cursor = 0
        while let (header, _) = changes.next(&cursor) {
            if let old = try live(header.key), old.header.has(RecordHeader.secret) { return true }
        }
        return false
    }

    /// Where a record of `length` bytes goes when the log ends at `tail`.
    @inline(never)
    func place(_ length: Int, after tail: Position) -> Position? {
        let size = UInt32(Self.footprint(length))
        var place = tail
        while place.offset + size > UInt32(bankPageSize(Int(place.page))) {
            guard Int(place.page) + 1 < bankPages else { return nil }
            place = Position(page: place.page + 1, offset: 0)
        }
        return place
    }

    /// The changes fit behind the tail, and what is there is blank.
    @inline(never)
    private func hasRoom(_ changes: borrowing RecordChanges) throws(StoreError) -> Bool {
        var tail = records.tail
        var cursor = 0
        while let (header, _) = changes.next(&cursor) {
            guard let place = place(Int(header.length), after: tail) else { return false }
            let end = after(place, header)
            guard try isBlank(logPage(place), from: Int(place.offset), to: Int(end.offset)) else { return false }
            tail = end
        }
        return true
    }

    @inline(never)
    private mutating func append(_ changes: borrowing RecordChanges) throws(StoreError) {
        records.tailIsDirty = true
        var tail = records.tail
        var cursor = 0
        while let (change, value) = changes.next(&cursor) {
            var header = change
            if !changes.isAtEnd(cursor) { header.flags |= RecordHeader.continues }
            guard let place = place(Int(header.length), after: tail) else { throw .full }
            try write(header, changes.bytes.extracting(value), page: logPage(place), offset: Int(place.offset))
            tail = after(place, header)
        }
        records.tail = tail
        records.tailIsDirty = false
    }

    @inline(never)
    mutating func write(_ header: RecordHeader, _ value: Span<UInt8>, page: Int, offset: Int) throws(StoreError) {
        var writer = Writer(page: page, offset: offset, seed: Self.recordSeed)
        try writer.word(header.word, to: &self)
        try writer.bytes(value, to: &self)
        try writer.finish(to: &self)
    }
}
