// (documentation is added in its own commit)
import HAL

/// A power-fail-safe store of keyed records and a journal of commands on a NOR flash part.
public struct FlashStore<Flash: NORFlash & ~Copyable>: ~Copyable {
    /// The part. Reading it is harmless; whoever else writes to it damages the store.
    public var flash: Flash
    public let layout: StoreLayout
    var records = RecordState()
    var journal = JournalState()

    /// Takes the part and touches nothing: `mount` comes next.
    public init(_ flash: consuming Flash, layout: StoreLayout) {
        self.flash = flash
        self.layout = layout
    }

    /// Finds the state that the last power cut left and completes what it interrupted; formats a part that is blank.
    ///
    /// - Throws: `damagedRecords` and `layoutMismatch` (nothing can be used), `damagedJournal` (records can be used),
    ///   `unusableLayout`, `flash`.
    public mutating func mount() throws(StoreError) {
        records = RecordState()
        journal = JournalState()
        guard isUsable else { throw .unusableLayout }
        try mountRecords()
        try mountJournal()
    }

    /// Erases every page and starts an empty store. Everything is lost: the identity too. A cut leaves a store that `mount` calls damaged,
    /// until `format` has been repeated.
    public mutating func format() throws(StoreError) {
        records = RecordState()
        journal = JournalState()
        guard isUsable else { throw .unusableLayout }
        for page in 0..<flash.pageCount { try erase(page) }
        try program(bankHeader: 0, generation: 1)
        try mount()
    }
}

/// Where the records are.
struct RecordState {
    var isMounted = false
    /// The bank in use, 0 or 1, and how often the store has changed banks.
    var bank: UInt8 = 0
    var generation: UInt32 = 0
    /// Where the next record goes: page of the bank, and offset.
    var tail = Position(page: 0, offset: 0)
    /// The other bank is blank.
    var otherIsBlank = false
    /// Something that is no whole record follows the tail: the next write moves to the other bank.
    var tailIsDirty = false
    /// The old bank could not be erased; secrets may be left in it.
    var wipeFailed = false
    var corrected: UInt16 = 0
}

/// A place in the log of the active bank.
struct Position: Equatable {
    var page: UInt8
    var offset: UInt32
}

extension FlashStore where Flash: ~Copyable {
    /// Single-bit errors corrected while reading since `mount`. When there are many, `compact` writes the records afresh.
    public var correctedBits: Int { Int(records.corrected) }

    /// The part could not be erased where old secrets may be left: it is worn out. Replace the device.
    public var wipeFailed: Bool { records.wipeFailed }

    mutating func erase(_ page: Int) throws(StoreError) {
        do { try flash.erase(page: page) } catch { throw .flash(error) }
    }

    func word(_ page: Int, _ offset: Int) throws(StoreError) -> UInt32 {
        var word: InlineArray<1, UInt32> = [0]
        var words = word.mutableSpan
        var bytes = words.mutableBytes
        do { try flash.read(page: page, offset: offset, into: &bytes) } catch { throw .flash(error) }
        return UInt32(littleEndian: word[0])
    }

    /// Checks `length` bytes at `offset` against the check word after them.
    func verdict(_ page: Int, _ offset: Int, length: Int, seed: UInt32) throws(StoreError) -> Check.Verdict {
        var check = Check(seed: seed)
        var at = offset
        while at < offset + length {
            check.add(try word(page, at))
            at &+= 4
        }
        return check.verdict(stored: try word(page, at), length: length)
    }

    /// Every bit of `offset ..< end` is one.
    func isBlank(_ page: Int, from offset: Int, to end: Int) throws(StoreError) -> Bool {
        var at = offset
        while at < end {
            guard try word(page, at) == .max else { return false }
            at &+= 4
        }
        return true
    }
}

/// Checked bytes as they were written: words of a page with the one flipped bit put right.
struct CheckedWords {
    let page: Int
    let offset: Int
    /// Offset of the word with the flipped bit, or -1.
    private let flippedWord: Int
    private let mask: UInt32

    init(page: Int, offset: Int, length: Int, verdict: Check.Verdict) {
        self.page = page
        self.offset = offset
        if case .flipped(let bit) = verdict {
            flippedWord = length &- 4 &- 4 &* (bit >> 5)
            mask = 1 &<< UInt32(truncatingIfNeeded: bit & 31)
        } else {
            flippedWord = -1
            mask = 0
        }
    }

    /// The word `at` bytes after the start; `at` is a multiple of four.
    func word<Flash: NORFlash & ~Copyable>(_ at: Int, of store: borrowing FlashStore<Flash>) throws(StoreError) -> UInt32 {
        let word = try store.word(page, offset &+ at)
        return at == flippedWord ? word ^ mask : word
    }

    /// Copies bytes from `start` into `bytes[into ..< into + count]`.
    func copy<Flash: NORFlash & ~Copyable>(
        from start: Int, count: Int, of store: borrowing FlashStore<Flash>, into bytes: inout MutableSpan<UInt8>
    ) throws(StoreError) {
        var word: UInt32 = 0
        for index in 0..<count {
            let at = start &+ index
            if index == 0 || at & 3 == 0 { word = try self.word(at & ~3, of: store) }
            bytes[index] = UInt8(truncatingIfNeeded: word >> UInt32(truncatingIfNeeded: at & 3 &* 8))
        }
    }
}

/// Writes a checked area from its first byte to its check, granule by granule.
struct Writer {
    let page: Int
    private(set) var offset: Int
    private var check: Check
    private var granule = InlineArray<4, UInt32>(repeating: .max)
    private var filled = 0
    private var partial: UInt32 = 0

    init(page: Int, offset: Int, seed: UInt32) {
        self.page = page
        self.offset = offset
        check = Check(seed: seed)
    }

    mutating func byte<Flash: NORFlash & ~Copyable>(_ byte: UInt8, to store: inout FlashStore<Flash>) throws(StoreError) {
        partial |= UInt32(byte) &<< UInt32(truncatingIfNeeded: filled & 3 &* 8)
        filled &+= 1
        if filled & 3 == 0 { try flush(to: &store) }
    }

    /// Only at a multiple of four bytes.
    mutating func word<Flash: NORFlash & ~Copyable>(_ word: UInt32, to store: inout FlashStore<Flash>) throws(StoreError) {
        partial = word
        filled &+= 4
        try flush(to: &store)
    }

    /// Moves the whole word in `partial` on.
    private mutating func flush<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        check.add(partial)
        granule[(filled &>> 2) &- 1] = partial.littleEndian
        partial = 0
        if filled == FlashStore<Flash>.granule { try programGranule(to: &store) }
    }

    private mutating func programGranule<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        let words = granule
        let bytes = words.span.bytes.extracting(first: FlashStore<Flash>.granule)
        do { try store.flash.program(page: page, offset: offset, bytes) } catch { throw .flash(error) }
        offset &+= FlashStore<Flash>.granule
        granule = InlineArray(repeating: .max)
        filled = 0
    }

    mutating func bytes<Flash: NORFlash & ~Copyable>(_ bytes: Span<UInt8>, to store: inout FlashStore<Flash>) throws(StoreError) {
        for index in bytes.indices { try byte(bytes[index], to: &store) }
    }

    private mutating func pad<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        while filled != 0 { try byte(0xFF, to: &store) }
    }

    /// Pads the data and commits it: the check has a granule of its own, so a check that has begun means that the data is whole.
    mutating func finish<Flash: NORFlash & ~Copyable>(to store: inout FlashStore<Flash>) throws(StoreError) {
        try pad(to: &store)
        granule[0] = check.word.littleEndian
        try programGranule(to: &store)
    }

    /// Pads the data so that the 16-bit check ends the area of `length` bytes.
    mutating func finishShort<Flash: NORFlash & ~Copyable>(
        length: Int, written: Int, to store: inout FlashStore<Flash>
    ) throws(StoreError) {
        for _ in written..<(length - 2) { try byte(0xFF, to: &store) }
        check.add(partial)
        let short = check.short
        granule[(filled &>> 2)] = (partial | short << 16).littleEndian
        try programGranule(to: &store)
    }
}
