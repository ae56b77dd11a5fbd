// The flash store: records and a journal on a NOR flash part, such that a power cut at any moment loses nothing that was promised.
//
// The specification (definitions, preconditions, layout, what is promised after a cut, capacity, lifetime) is the article
// FlashStore.docc/Specification.md; `make docs` makes pages of it.
import HAL

/// A power-fail-safe store of keyed records and a journal of commands on a NOR flash part.
public struct FlashStore<Flash: NORFlash & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    /// The part. Reading it is harmless; whoever else writes to it damages the store.
    public var flash: Flash
    /// How the part is shared out. `mount` throws `layoutMismatch` when it was formatted with another one.
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

    @inline(never)
    mutating func erase(_ page: Int) throws(StoreError) {
        do { try flash.erase(page: page) } catch { throw .flash(error) }
    }

    @inline(never)
    func word(_ page: Int, _ offset: Int) throws(StoreError) -> UInt32 {
        var word: InlineArray<1, UInt32> = [0]
        var words = word.mutableSpan
        var bytes = words.mutableBytes
        do { try flash.read(page: page, offset: offset, into: &bytes) } catch { throw .flash(error) }
        return UInt32(littleEndian: word[0])
    }

    /// Checks `length` bytes at `offset` against the check word after them.
    @inline(never)
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
    @inline(never)
    func isBlank(_ page: Int, from offset: Int, to end: Int) throws(StoreError) -> Bool {
        var at = offset
        while at < end {
            guard try word(page, at) == .max else { return false }
            at &+= 4
        }
        return true
    }
}
