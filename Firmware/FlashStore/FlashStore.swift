// The flash store: records and a journal on a NOR flash part, such that a power cut at any moment loses nothing that was promised.
//
// PART. Pages are erased as a whole to ones; a write unit of 1, 4, 8 or 16 bytes is programmed at most once between two erases, and only
// when it reads as ones. A cut leaves a unit with any of its bits programmed and a page that was being erased with any contents, other units and
// pages untouched. What has been read once reads the same later, but for single flipped bits. Units in one area are programmed in order.
//
// CHECKED AREA. A granule is the write unit, but four bytes at least. All that is stored is an area of whole granules (padded with ones) and
// after it a granule of its own that begins with a check word: CRC-24 << 8 | number of zero bits modulo 255 (Check.swift). The check is written
// last and commits the area. It is read as: whole; whole but for one flipped bit, which is put right; never completed (no check, or a right
// one with bits still to clear); or damaged. All integers are little-endian.
//
// SHARE. StoreLayout: pages 0 ..< n are record bank 0, the next n bank 1, the others the ring of the journal. Of a bank no more is used than
// of the other, and 8 KB at most.
//
// RECORD BANK. One bank is in use. Its first page begins with: "LNS" and version 1; recordPages, intentBytes, outcomeBytes, summaryBytes;
// generation (u32); write unit, page count, 0, 0; check; marker "the other bank is wiped"; marker "the other bank is being written". A marker is
// a granule of zeros or ones. Then records follow one another; one that does not fit the rest of a page goes to the next page.
//   Record: flags (1 secret, 2 removed, 4 unreadable, 8 more of this batch follow), key, length, CRC-8 of these; value; check.
// The newest record of a key counts. Records of a batch count once the last of them is committed.
//   Change: records are appended. When there is no room, or a secret is replaced, or something torn follows the log, the bank is changed:
// mark "being written"; copy the newest record of each key and the new ones to the other bank; write its header with the next generation,
// which commits; erase the old bank; mark "wiped". So no byte of an old secret is left when the operation returns.
//   Mount: the whole header with the higher generation counts. Without the mark "wiped" the other bank is erased (again). The log is
// followed to its last committed batch; something torn after it, and only blank behind, makes the bank be changed; something else behind it
// means that the log is damaged.
//   Blank: when no header is whole, the store is formatted only if all is blank, or torn just as formatting cut short leaves it. So a device
// that has an identity never becomes a new one.
//
// JOURNAL. A page of the ring: "J" with version and length of the summary (like a record header); index of its first slot (u32); summary;
// check; marker "the next page of the ring is no history any more". Then, counted from the end of the page, slots of one size:
//   sequence bits 48-55, 40-47, 32-39; signer; sequence bits 0-31; application's bytes; check, seeded with the page's first index;
//   outcome: number of zeros, CRC-8, outcome's bytes.
// The page with the highest first index is in use. Its summary and its entries are all that the application needs: the highest sequence number of
// each signer never goes below one whose `begin` returned. A slot that a cut spoilt keeps its index and is passed over.
//   Page turn: mark "next is no history" in the page in use, erase the next page (the oldest), write its header; a page that cannot be erased
// is passed over. A page after the newest with an unreadable header is what a turn left, unless it holds an entry bound to the first index that
// comes next: then the journal is damaged. So it is when an entry of the newest page is.
//
// PROMISE. After a cut each operation is entirely there or entirely not, as is a batch; an outcome cut short reads as unreadable. Every single
// flipped bit is put right or harmless. Of two or three in one area of at most 132 bytes none passes for other data; two flips or more in
// the last record or entry, in just the bits that a torn check would have, may make it count as never written.
//
// COST. g = granule, up() rounds to it. Record: up(4 + length) + g. Entry: up(8 + intentBytes) + g + up(2 + outcomeBytes). Page header: up(8 + summary)
// + 2g. Entries per page e = (page - header) / entry. The journal lasts ring pages * e * rated erases commands: 14 * 40 * 20,000 = 11.2 million
// on 16 KB of an nRF51 (1 KB pages; 4, 6 and 44 bytes), 6.4 words each. The high-water mark takes 1.8 of them: 7 bytes of the entry are its
// sequence number, 8 of each summary the owner's mark, and no record is written for it. A bank is erased once for two changes of bank; with
// L bytes live and records of s bytes, (bank - header - L) / s records are written between changes. Capacity: L up to a bank less its header.
// A mount reads all page headers, the newest page of the journal, and the log. No allocation, no buffer above 16 bytes.
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
