// What the device remembers of the grants in use: how often each was used, what was paid, which are revoked (R12, R13).
//
// A grant itself is never stored: its holder sends it along. A slot remembers what the grant cannot say of itself. It is freed only
// when the time floor in flash has passed the grant's expiry, or by a new epoch, so a used-up or revoked grant cannot come back.

import HAL

/// One grant in use.
struct GrantSlot {
    /// The grant's id, 0 for a free slot.
    var id: UInt64 = 0
    /// Seconds since 1970, 0 when the grant has no expiry.
    var expiry: UInt64 = 0
    /// The holder's high-water mark.
    var seq: UInt64 = 0
    /// Log entries from this index on are not yet counted in `seq` and `used`.
    var asOfIndex: UInt32 = 0
    /// Log entries before this index are not of this grant.
    var sinceIndex: UInt32 = 0
    /// Seconds in one tick, 0 when not metered.
    var tick: UInt32 = 0
    var used: UInt16 = 0
    /// Ticks paid for, begun, and agreed on at most.
    var ticksPaid: UInt16 = 0
    var ticksBegun: UInt16 = 0
    var ticksAgreed: UInt16 = 0
    /// Devices commanded under this grant, bit n for device n: they return to their safe state when it ends.
    var devices: UInt16 = 0
    var isRevoked = false
    /// Metered time runs.
    var isRunning = false
    /// Slot of the grant that this one was derived from.
    var parent: UInt8 = GrantSlot.noParent

    static var noParent: UInt8 { 255 }

    /// The epoch in which the grant was given; a slot of another epoch is free.
    var epoch: UInt32 = 0

    // Record: id (8), expiry (5), sinceIndex's lower bytes (3), seq (7), its highest byte (1), asOfIndex (4), tick (4), used, ticksPaid, ticksBegun, ticksAgreed, devices (2 each),
    // flags (1: revoked, 2: running), parent (1), epoch (4).
    static var recordSize: Int { 48 }

    @inline(never)
    func encoded() -> InlineArray<48, UInt8> {
        var bytes = InlineArray<48, UInt8>(repeating: 0)
        bytes.storeLittleEndian64(id, at: 0)
        bytes.storeLittleEndian64(expiry | UInt64(sinceIndex) << 40, at: 8)
        bytes.storeLittleEndian64(seq | UInt64(sinceIndex >> 24) << 56, at: 16)
        bytes.storeLittleEndian(asOfIndex, at: 24)
        bytes.storeLittleEndian(tick, at: 28)
        bytes.storeLittleEndian(UInt32(used) | UInt32(ticksPaid) << 16, at: 32)
        bytes.storeLittleEndian(UInt32(ticksBegun) | UInt32(ticksAgreed) << 16, at: 36)
        bytes.storeLittleEndian(UInt32(devices) | (isRevoked ? 1 << 16 : 0) | (isRunning ? 1 << 17 : 0) | UInt32(parent) << 24, at: 40)
        bytes.storeLittleEndian(epoch, at: 44)
        return bytes
    }

    init() {}

    /// nil if the record is not well-formed.
    init?(_ bytes: InlineArray<48, UInt8>) {
        id = bytes.loadLittleEndian64(at: 0)
        let (low, high) = (bytes.loadLittleEndian64(at: 8), bytes.loadLittleEndian64(at: 16))
        expiry = low & Claims.maximumTime
        seq = high & (1 << 56 - 1)
        sinceIndex = UInt32(truncatingIfNeeded: low >> 40) | UInt32(truncatingIfNeeded: high >> 56) << 24
        asOfIndex = bytes.loadLittleEndian(at: 24)
        tick = bytes.loadLittleEndian(at: 28)
        let uses = bytes.loadLittleEndian(at: 32)
        (used, ticksPaid) = (UInt16(truncatingIfNeeded: uses), UInt16(truncatingIfNeeded: uses >> 16))
        let ticks = bytes.loadLittleEndian(at: 36)
        (ticksBegun, ticksAgreed) = (UInt16(truncatingIfNeeded: ticks), UInt16(truncatingIfNeeded: ticks >> 16))
        let rest = bytes.loadLittleEndian(at: 40)
        devices = UInt16(truncatingIfNeeded: rest)
        isRevoked = rest & 1 << 16 != 0
        isRunning = rest & 1 << 17 != 0
        parent = UInt8(truncatingIfNeeded: rest >> 24)
        epoch = bytes.loadLittleEndian(at: 44)
        guard id != 0, rest >> 18 & 63 == 0, parent < 8 || parent == GrantSlot.noParent else { return nil }
    }
}

struct GrantTable: ~Copyable {
    static var slotCount: Int { 8 }
    /// Slots that grants passed on by their holders may take.
    static var derivedLimit: Int { 4 }

    private let inMemory = InMemory()
    /// Changed in place; `markDirty` says so.
    var slots = InlineArray<8, GrantSlot>(repeating: GrantSlot())
    /// Uptime in microseconds at which the running tick of each slot began.
    var tickStart = InlineArray<8, UInt64>(repeating: 0)
    /// Slots whose record must be written before anything is done: bit n for slot n.
    var dirty: UInt8 = 0
    /// Slots whose record lacks only what the log still tells: written when a page of the log is given up.
    var stale: UInt8 = 0

    mutating func markDirty(_ slot: Int) { dirty |= 1 << UInt8(truncatingIfNeeded: slot) }

    @inline(never)
    func slot(of id: UInt64) -> Int? {
        for slot in 0..<GrantTable.slotCount where slots[slot].id == id { return slot }
        return nil
    }

    /// A slot that no grant needs any more, given that the time is at least `floor` for ever.
    @inline(never)
    func freeSlot(floor: UInt64) -> Int? {
        for slot in 0..<GrantTable.slotCount where slots[slot].id == 0 { return slot }
        for slot in 0..<GrantTable.slotCount where slots[slot].expiry != 0 && slots[slot].expiry <= floor && !isParent(slot) { return slot }
        return nil
    }

    var derivedCount: Int {
        var count = 0
        for slot in 0..<GrantTable.slotCount where slots[slot].id != 0 && slots[slot].parent != GrantSlot.noParent { count &+= 1 }
        return count
    }

    @inline(never)
    private func isParent(_ slot: Int) -> Bool {
        for other in 0..<GrantTable.slotCount where slots[other].id != 0 && Int(slots[other].parent) == slot { return true }
        return false
    }

    @inline(never)
    mutating func clear() {
        for slot in 0..<GrantTable.slotCount { slots[slot] = GrantSlot() }
        (dirty, stale) = (0, 0)
    }

    /// Counts a log entry of a holder, at its making and again at boot, for the grant and those that it was derived from.
    @inline(never)
    mutating func note(seq: UInt64, slot: Int, index: UInt32) {
        guard slots[slot].id != 0, index >= slots[slot].asOfIndex else { return }
        slots[slot].seq = max(slots[slot].seq, seq)
        var next = UInt8(truncatingIfNeeded: slot)
        var hops = 0
        while Int(next) < GrantTable.slotCount, hops < 3 {
            let at = Int(next)
            if index >= slots[at].asOfIndex {
                slots[at].used = slots[at].used == .max ? .max : slots[at].used &+ 1
                slots[at].asOfIndex = index &+ 1
                stale |= 1 << next
            }
            next = slots[Int(next)].parent
            hops &+= 1
        }
    }

}
