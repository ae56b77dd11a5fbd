// What happens to grants: a slot is taken, metered time begins and ends, the owner pays or revokes (R12, R13).

import Bytes
import DeviceModel
import FlashStore
import HAL
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Makes sure that each grant of a chain has a slot, saved before anybody acts on it, and that the device will return to its safe state when
    /// one of them ends. That a slot is taken is an entry of the log, so that the log tells for ever whose entries follow.
    @inline(never)
    mutating func claimSlots(_ admission: inout Admission, seq: UInt64) throws(Refusal) {
        var slots = InlineArray<3, Int>(repeating: GrantTable.noParent)
        try plan(admission, &slots)
        var parent = GrantTable.noParent
        var at = admission.chain.count
        while at > 0 {
            at &-= 1
            let link = admission.chain.links[at]
            if grants.slot(of: link.id) == nil { try take(slots[at], link.id, seq: seq) }
            if grants.isUnbound(slots[at]) {
                grants.setExpiry(slots[at], link.expiry)
                grants.setParent(slots[at], parent)
                grants[slots[at], .tick] = link.tick
                grants[slots[at], .ticksAgreed] = link.ticks
                grants.markDirty(slots[at])
            }
            if admission.refusal == nil { grants.noteMoved(admission.entry.device, slots[at]) }
            parent = slots[at]
        }
        do throws(Refusal) { try saveGrants() } catch { throw failed(error) }
        admission.entry.signer = .grant(parent)
    }

    /// Finds the slots of a chain, those that are to be taken too. Throws when there is none, or when one is another grant's: who passes grants
    /// on can sign two with one nonce, and so with one id.
    @inline(never)
    private func plan(_ admission: borrowing Admission, _ slots: inout InlineArray<3, Int>) throws(Refusal) {
        var taken: UInt8 = 0
        var derived = grants.derivedCount(floor: time.savedFloor)
        var at = admission.chain.count
        var parent = GrantTable.noParent
        while at > 0 {
            at &-= 1
            let link = admission.chain.links[at]
            let known = grants.slot(of: link.id)
            if let slot = known, !grants.isUnbound(slot) {
                guard grants.expiry(slot) == link.expiry, grants.parent(slot) == parent, grants[slot, .tick] == link.tick else {
                    throw .grantInvalid
                }
                slots[at] = slot
            } else {
                if parent != GrantTable.noParent {
                    // Holders who pass grants on must not use up the slots of the owner's own.
                    guard derived < GrantTable.derivedLimit else { throw .grantSlotsFull }
                    derived &+= 1
                }
                if let known { slots[at] = known } else { slots[at] = try freeSlot(taken: taken) }
            }
            taken |= 1 << UInt8(truncatingIfNeeded: slots[at])
            parent = slots[at]
        }
    }

    @inline(never)
    func freeSlot(taken: UInt8 = 0) throws(Refusal) -> Int {
        guard let slot = grants.freeSlot(floor: time.savedFloor, taken: taken) else { throw .grantSlotsFull }
        return slot
    }

    /// Gives a slot to a grant, and says so in the log.
    @inline(never)
    mutating func take(_ slot: Int, _ id: UInt64, seq: UInt64) throws(Refusal) {
        var entry = LogEntry()
        entry.kind = .grant
        entry.signer = .grant(slot)
        entry.seq = seq
        var bytes = InlineArray<8, UInt8>(repeating: 0)
        bytes.storeLittleEndian64(id, at: 0)
        entry.setHash(bytes.span.bytes)
        try recordIntent(&entry)
        grants.take(slot, id: id, index: memory.nextIndex, epoch: ownership.epoch)
        entry.outcome = .done
        memory.complete(&entry)
    }

    /// Its holder gets a receipt that says how the grant ended, or that a call was out of its scope. Later commands are refused without one,
    /// before any signature is checked, so that nobody can fill the log with them.
    @inline(never)
    mutating func tell(_ refusal: Outcome, _ slot: Int) {
        grants[slot, .flags] |= refusal == .notInScope ? GrantTable.toldScope : GrantTable.toldEnd
        grants.markDirty(slot)
        // Tried again at the next poll; until then it holds in RAM.
        try? saveGrants()
    }

    @inline(never)
    func mayBeginTick(_ slot: Int, agreed: UInt32) -> Bool {
        let begun = grants[slot, .ticksBegun]
        return begun < grants[slot, .ticksPaid] && begun < agreed
    }

    @inline(never)
    private mutating func beginTick(_ slot: Int, at uptime: UInt64) {
        grants[slot, .ticksBegun] &+= 1
        grants.tickStart[slot] = uptime
        grants.markDirty(slot)
    }

    /// Before a device is moved under a grant and those that it was derived from: metered time begins.
    @inline(never)
    mutating func beginMeter(_ leaf: Int) throws(Refusal) {
        var slot = leaf
        var hops = 0
        while slot < GrantTable.slotCount, hops < 3 {
            if grants[slot, .tick] != 0, !grants.isRunning(slot) {
                grants[slot, .flags] |= GrantTable.running
                beginTick(slot, at: platform.microseconds())
            }
            slot = grants.parent(slot)
            hops &+= 1
        }
        try saveGrants()
    }

    /// Writes the records of the slots that changed, and with them of all that the log knows better, in one batch: all or none. `all` is for
    /// a page of the log that is given up; else what only the log knows is no reason to write.
    @inline(never)
    mutating func saveGrants(all: Bool = false) throws(Refusal) {
        guard grants.dirty != 0 || all && grants.stale != 0 else { return }
        try memory.save(&grants)
    }

    /// A grant that the owner names has a slot, used or not, so that what is told of it is kept.
    @inline(never)
    mutating func claimSlot(_ claims: borrowing Claims) throws(Refusal) {
        let id = loadLittleEndian64(claims.grantID, at: 0)
        guard id != 0 else { throw .grantInvalid }
        if grants.slot(of: id) == nil { try take(try freeSlot(), id, seq: claims.seq) }
    }

    /// `revoke` and `tick`, both of the owner.
    @inline(never)
    mutating func changeGrant(_ claims: borrowing Claims, _ type: MessageType) throws(Refusal) {
        guard let slot = grants.slot(of: loadLittleEndian64(claims.grantID, at: 0)) else { return }
        if type == .revoke {
            grants[slot, .flags] |= GrantTable.revoked
            end(slot)
        } else if claims.paid > grants[slot, .ticksPaid] {
            grants[slot, .ticksPaid] = claims.paid
            grants[slot, .flags] &= ~GrantTable.toldEnd
        }
        grants.markDirty(slot)
        try saveGrants()
    }

    /// Ends the running time of a grant: its devices go to their safe state.
    @inline(never)
    mutating func end(_ slot: Int) {
        let moved = grants[slot, .devices]
        for device in 0..<UInt8(16) where moved >> UInt32(device) & 1 != 0 { devices.enterSafeState(device: device) }
        grants[slot, .devices] = 0
        grants[slot, .flags] &= ~GrantTable.running
        grants.markDirty(slot)
    }

    /// What time demands of grants: begin the next paid tick, or stop; stop what has expired. Call it every few milliseconds.
    @inline(never)
    mutating func pollGrants(uptime: UInt64) {
        let now = time.earliest(uptime: uptime)
        for slot in 0..<GrantTable.slotCount where grants.isUsed(slot) {
            let expiry = grants.expiry(slot)
            if grants[slot, .devices] != 0, expiry != 0, expiry <= now { end(slot) }
            let tick = UInt64(grants[slot, .tick]) &* 1_000_000
            guard grants.isRunning(slot), uptime &- grants.tickStart[slot] >= tick else { continue }
            if mayBeginTick(slot, agreed: grants[slot, .ticksAgreed]) {
                beginTick(slot, at: grants.tickStart[slot] &+ tick)
            } else {
                end(slot)
            }
        }
        // A record that the flash does not take stays marked as changed and is tried again; nothing is granted meanwhile.
        try? saveGrants()
    }
}
