// What the device remembers of the grants in use: how often each was used, what was paid, which are revoked (R12, R13).
//
// A grant itself is never stored: its holder sends it along. A slot remembers what the grant cannot say of itself. It is freed only
// when the time floor in flash has passed the grant's expiry, or by a new epoch, so a used-up or revoked grant cannot come back.
//
// A slot is kept in RAM as the 52 bytes of its record, little-endian:
//
//      0  8  id: 0 for a free slot
//      8  7  seq: the holder's high-water mark
//     15  1  flags: bit 0 revoked, bit 1 metered time runs, bit 2 its holder has a
//            receipt that says that it has ended, bit 3 one that says that a call was out of its scope; bits 4–7 the slot of the grant that
//            this one was derived from, 15 for none
//     16  5  expiry: seconds since 1970, the earliest of this grant and those that it was derived from; 0 when none of them ends
//     21  1  1 when it took the place of a grant that had expired, or of one that had: the time can then not be set back in this epoch
//     22  2  devices moved under this grant since the reset, bit n for device n: they return to their safe state when it ends
//     24  4  sinceIndex: log entries before this index are not of this grant
//     28  4  asOfIndex: log entries from this index on are not yet counted in `seq`, `used` and `entries`
//     32  4  tick: seconds in one tick, 0 when not metered
//     36  2  used: calls so far that had an effect, or may have had one
//     38  2  ticks paid for
//     40  2  ticks begun
//     42  2  ticks agreed on at most
//     44  4  epoch in which the grant was given; a slot of another epoch is free
//     48  2  entries that it has made in the log, modulo 65536
//     50  2  of those, how many when the owner was heard last
//
// CHECKPOINT. Whenever one slot is written, all are that the log knows better than flash: in one batch, with one `asOfIndex`. So the counts of
// a grant and of those that it was derived from are of one moment, whatever power cut comes between.

import Bytes
import HAL

struct GrantTable: ~Copyable {
    static var slotCount: Int { 8 }
    static var slotSize: Int { 52 }
    /// Slots that grants passed on by their holders may take.
    static var derivedLimit: Int { 4 }
    /// In place of a parent's slot.
    static var noParent: Int { 15 }

    /// A number of up to 32 bits in a slot: where it is, and its length in bytes.
    struct Field {
        let offset: Int
        let count: Int
        static var flags: Field { Field(offset: 15, count: 1) }
        static var devices: Field { Field(offset: 22, count: 2) }
        static var sinceIndex: Field { Field(offset: 24, count: 4) }
        static var asOfIndex: Field { Field(offset: 28, count: 4) }
        static var tick: Field { Field(offset: 32, count: 4) }
        static var used: Field { Field(offset: 36, count: 2) }
        static var ticksPaid: Field { Field(offset: 38, count: 2) }
        static var ticksBegun: Field { Field(offset: 40, count: 2) }
        static var ticksAgreed: Field { Field(offset: 42, count: 2) }
        static var epoch: Field { Field(offset: 44, count: 4) }
        static var entries: Field { Field(offset: 48, count: 2) }
        static var heard: Field { Field(offset: 50, count: 2) }
        static var hasForgotten: Field { Field(offset: 21, count: 1) }
    }

    private let inMemory = InMemory()
    private var records = InlineArray<416, UInt8>(repeating: 0)
    /// Uptime in microseconds at which the running tick of each slot began.
    var tickStart = InlineArray<8, UInt64>(repeating: 0)
    /// Slots whose record must be written before anything is done: bit n for slot n.
    var dirty: UInt8 = 0
    /// Slots whose record lacks only what the log still tells: written with the next that is dirty, and before a page of the log is given up.
    var stale: UInt8 = 0

    mutating func markDirty(_ slot: Int) { dirty |= 1 << UInt8(truncatingIfNeeded: slot) }

    // MARK: Fields

    subscript(slot: Int, field: Field) -> UInt32 {
        @inline(never) get {
            LightNode.loadLittleEndian(records.span.bytes, at: slot &* GrantTable.slotSize &+ field.offset, count: field.count)
        }
        @inline(never) set {
            records.storeLittleEndian(newValue, at: slot &* GrantTable.slotSize &+ field.offset, count: field.count)
        }
    }

    @inline(never) func id(_ slot: Int) -> UInt64 {
        LightNode.loadLittleEndian64(records.span.bytes, at: slot &* GrantTable.slotSize)
    }

    @inline(never) func seq(_ slot: Int) -> UInt64 {
        LightNode.loadLittleEndian64(records.span.bytes, at: slot &* GrantTable.slotSize &+ 8, count: 7)
    }

    @inline(never) func expiry(_ slot: Int) -> UInt64 {
        LightNode.loadLittleEndian64(records.span.bytes, at: slot &* GrantTable.slotSize &+ 16, count: 5)
    }

    @inline(never) mutating func setExpiry(_ slot: Int, _ expiry: UInt64) {
        records.storeLittleEndian64(expiry, at: slot &* GrantTable.slotSize &+ 16, count: 5)
    }

    static var revoked: UInt32 { 1 }
    static var running: UInt32 { 2 }
    static var toldEnd: UInt32 { 4 }
    static var toldScope: UInt32 { 8 }

    func isUsed(_ slot: Int) -> Bool { id(slot) != 0 }
    func isRevoked(_ slot: Int) -> Bool { self[slot, .flags] & GrantTable.revoked != 0 }
    func isToldEnd(_ slot: Int) -> Bool { self[slot, .flags] & GrantTable.toldEnd != 0 }
    func isToldScope(_ slot: Int) -> Bool { self[slot, .flags] & GrantTable.toldScope != 0 }
    func isRunning(_ slot: Int) -> Bool { self[slot, .flags] & GrantTable.running != 0 }
    func parent(_ slot: Int) -> Int { Int(self[slot, .flags] >> 4) }

    mutating func setParent(_ slot: Int, _ parent: Int) {
        self[slot, .flags] = self[slot, .flags] & 15 | UInt32(truncatingIfNeeded: parent) << 4
    }

    /// `device` goes to its safe state when the grant ends. No reason to write: a reset does the same. Of no meaning for a device that there is
    /// not.
    @inline(never)
    mutating func noteMoved(_ device: UInt8, _ slot: Int) {
        guard device < 16 else { return }
        self[slot, .devices] |= UInt32(1) << UInt32(device)
    }

    // MARK: Records

    /// The record of a slot, to be written.
    @_lifetime(borrow self)
    func record(_ slot: Int) -> Span<UInt8> {
        records.span.extracting(slot &* GrantTable.slotSize..<(slot &+ 1) &* GrantTable.slotSize)
    }

    /// The record of a slot, to be read; `check` comes next.
    @_lifetime(&self)
    mutating func mutableRecord(_ slot: Int) -> MutableSpan<UInt8> {
        let all = records.mutableSpan
        return all._consumingExtracting(slot &* GrantTable.slotSize..<(slot &+ 1) &* GrantTable.slotSize)
    }

    /// Whether a record that was read is well-formed.
    @inline(never)
    func isWellFormed(_ slot: Int) -> Bool {
        let flags = self[slot, .flags]
        return isUsed(slot) && (flags >> 7 == 0 || flags >> 4 == 15) && self[slot, .hasForgotten] <= 1
    }

    @inline(never)
    mutating func free(_ slot: Int) { LightNode.clear(mutableRecord(slot)) }

    /// Makes a slot that of a grant, in place of nothing or of one that has expired. What was derived from that one has expired with it.
    @inline(never)
    mutating func take(_ slot: Int, id: UInt64, index: UInt32, epoch: UInt32) {
        let hasForgotten: UInt32 = isUsed(slot) ? 1 : self[slot, .hasForgotten]
        free(slot)
        records.storeLittleEndian64(id, at: slot &* GrantTable.slotSize)
        self[slot, .flags] = UInt32(GrantTable.noParent) << 4
        self[slot, .sinceIndex] = index
        self[slot, .asOfIndex] = index
        self[slot, .epoch] = epoch
        self[slot, .hasForgotten] = hasForgotten
        markDirty(slot)
    }

    // MARK: Slots

    @inline(never)
    func slot(of id: UInt64) -> Int? {
        let first = UInt8(truncatingIfNeeded: id)
        for slot in 0..<GrantTable.slotCount where records[slot &* GrantTable.slotSize] == first {
            if self.id(slot) == id { return slot }
        }
        return nil
    }

    /// True when the grant of a slot has ended by time, given that the time is at least `floor` for ever.
    @inline(never)
    private func hasExpired(_ slot: Int, _ floor: UInt64) -> Bool { expiry(slot) != 0 && expiry(slot) <= floor }

    /// True when a slot knows no more of its grant than the id: the owner has named it, its holder has not used it.
    @inline(never)
    func isUnbound(_ slot: Int) -> Bool {
        expiry(slot) == 0 && self[slot, .tick] == 0 && parent(slot) == GrantTable.noParent && seq(slot) == 0
    }

    /// A slot that no grant needs any more, other than those in the set `taken`.
    @inline(never)
    func freeSlot(floor: UInt64, taken: UInt8) -> Int? {
        for slot in 0..<GrantTable.slotCount where !isUsed(slot) && taken >> UInt8(slot) & 1 == 0 { return slot }
        for slot in 0..<GrantTable.slotCount where hasExpired(slot, floor) && taken >> UInt8(slot) & 1 == 0 { return slot }
        return nil
    }

    /// Grants in use that were passed on by their holders.
    @inline(never)
    func derivedCount(floor: UInt64) -> Int {
        var count = 0
        for slot in 0..<GrantTable.slotCount
        where isUsed(slot) && parent(slot) != GrantTable.noParent && !hasExpired(slot, floor) { count &+= 1 }
        return count
    }

    /// True when the end of a grant, or of one that is no longer known, depends on the time.
    @inline(never)
    func dependOnTime() -> Bool {
        for slot in 0..<GrantTable.slotCount {
            if self[slot, .hasForgotten] != 0 || isUsed(slot) && expiry(slot) != 0 { return true }
        }
        return false
    }

    @inline(never)
    mutating func clear() {
        records.clear()
        (dirty, stale) = (0, 0)
    }

    /// Counts a log entry of a holder, at its making and again at boot, for the grant and for those that it was derived from: each by its own
    /// checkpoint.
    @inline(never)
    mutating func note(seq: UInt64, slot: Int, index: UInt32, isUse: Bool) {
        guard isUsed(slot), index >= self[slot, .sinceIndex] else { return }
        if seq > self.seq(slot) { records.storeLittleEndian64(seq, at: slot &* GrantTable.slotSize &+ 8, count: 7) }
        var next = slot
        var hops = 0
        while next < GrantTable.slotCount, hops < 3 {
            if index >= self[next, .asOfIndex] {
                if isUse { count(next, 1) }
                self[next, .entries] = self[next, .entries] &+ 1
                self[next, .asOfIndex] = index &+ 1
                stale |= 1 << UInt8(truncatingIfNeeded: next)
            }
            next = parent(next)
            hops &+= 1
        }
    }

    /// The entry that was counted last had no effect after all. Where flash has counted it already, that is to be written again.
    @inline(never)
    mutating func takeBackUse(_ leaf: Int) {
        var next = leaf
        var hops = 0
        while next < GrantTable.slotCount, hops < 3 {
            count(next, -1)
            if stale >> UInt8(truncatingIfNeeded: next) & 1 == 0 { markDirty(next) }
            next = parent(next)
            hops &+= 1
        }
    }

    private mutating func count(_ slot: Int, _ difference: Int32) {
        let used = Int32(truncatingIfNeeded: self[slot, .used]) &+ difference
        self[slot, .used] = UInt32(truncatingIfNeeded: min(max(used, 0), 0xFFFF))
    }

    /// Entries in the log since the owner was heard last.
    @inline(never)
    func entriesUnheard(_ slot: Int) -> UInt32 { (self[slot, .entries] &- self[slot, .heard]) & 0xFFFF }

    /// The owner was heard by entry `index`, at its making and again at boot: its program can fetch what there is.
    @inline(never)
    mutating func noteOwner(index: UInt32) {
        for slot in 0..<GrantTable.slotCount
        where isUsed(slot) && entriesUnheard(slot) != 0 && index >= self[slot, .asOfIndex] {
            self[slot, .heard] = self[slot, .entries]
            self[slot, .asOfIndex] = index &+ 1
            stale |= 1 << UInt8(truncatingIfNeeded: slot)
        }
    }
}
