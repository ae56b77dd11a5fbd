// Rights lent to others (R12, R13, R14): a holder's command with the grant that it rests on.
//
// A grant names its holder's key, so it is of no use to a thief. A holder may lend on what it has, at most two hops; rights are then the
// intersection of all grants in the chain, so that nothing has to be compared for being narrower. A chain ends at the owner's signature.

import Bytes
import CBOR
import DeviceModel
import Ed25519
import HAL

/// What the grants of a chain say, leaf first.
struct GrantChain: ~Copyable {
    private let inMemory = InMemory()
    struct Link {
        var id: UInt64 = 0
        var expiry: UInt64 = 0
        var tick: UInt32 = 0
        var ticks: UInt32 = 0
    }
    var links = InlineArray<3, Link>(repeating: Link())
    var count = 0

    @inline(never)
    mutating func add(_ claims: borrowing Claims, id: UInt64) {
        links[count] = Link(id: id, expiry: claims.expiry, tick: claims.meterTick, ticks: claims.meterTicks)
        count &+= 1
    }
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Checks a holder's message for `device`: the marks of its slot, its signature, then the chain up to the owner. Slots are allocated last.
    ///
    /// Each turn takes one grant apart, which names the key that must have signed what came before it.
    @inline(never)
    mutating func authoriseHolder(
        _ message: borrowing Message, device: UInt8, uptime: UInt64
    ) throws(Refusal) -> Authority {
        var chain = GrantChain()
        var refusal: Outcome?
        var (signed, type) = (message.whole, message.type)
        var encoded = message.claims.nested
        while true {
            let grant = try Message(encoded, type: .grant)
            let id = grant.mark
            if chain.count == 0, let slot = grants.slot(of: id), message.claims.seq <= grants.seq(slot) { throw .replayed }
            guard chain.count <= 2, grant.claims.hops >= UInt32(truncatingIfNeeded: chain.count) else { throw .grantInvalid }
            try checkAddress(grant.claims)
            try checkLife(grant.claims, uptime: uptime)
            if let ended = end(grant.claims, id: id) {
                // Its holder has had a receipt that says so.
                if let slot = grants.slot(of: chain.count == 0 ? id : chain.links[0].id), grants.isToldEnd(slot) {
                    throw ended == .grantRevoked ? .grantRevoked : .grantUsedUp
                }
                refusal = ended
            }
            try verify(signed, type, by: grant.claims.confirmation)
            if refusal == nil, !covers(grant.claims.scope, message.claims.call) { refusal = .notInScope }
            chain.add(grant.claims, id: id)
            (signed, type) = (encoded, .grant)
            guard grant.claims.node.contains(.nested) else { break }
            encoded = grant.claims.nested
        }
        try verify(signed, type, by: .owner)
        return Authority(signer: .grant(try claimSlots(chain, moving: refusal == nil ? device : LogEntry.none)), refusal: refusal)
    }

    /// How one grant has ended, as this device's own records have it; nil while it holds.
    @inline(never)
    private func end(_ claims: borrowing Claims, id: UInt64) -> Outcome? {
        let slot = grants.slot(of: id)
        if let slot {
            if grants.isRevoked(slot) { return .grantRevoked }
            if claims.uses != 0, grants[slot, .used] >= claims.uses { return .grantUsedUp }
        }
        guard claims.node.contains(.meter) else { return nil }
        guard let slot, grants.isRunning(slot) || mayBeginTick(slot, agreed: claims.meterTicks) else { return .grantUsedUp }
        return nil
    }

    /// Its holder gets a receipt that says how the grant ended. Later commands are refused without one, before any signature is checked, so
    /// that nobody can fill the log with them.
    @inline(never)
    mutating func tellEnd(_ slot: Int) {
        grants[slot, .flags] |= GrantTable.toldEnd
        grants.markDirty(slot)
        // Tried again at the next poll; until then it holds in RAM.
        try? saveGrants()
    }

    @inline(never)
    private func mayBeginTick(_ slot: Int, agreed: UInt32) -> Bool {
        let begun = grants[slot, .ticksBegun]
        return begun < grants[slot, .ticksPaid] && begun < agreed
    }

    @inline(never)
    private mutating func beginTick(_ slot: Int, at uptime: UInt64) {
        grants[slot, .ticksBegun] &+= 1
        grants.tickStart[slot] = uptime
        grants.markDirty(slot)
    }

    /// True when `scope` has the device of `call`, with its method or with no method named.
    @inline(never)
    private func covers(_ scope: RawSpan, _ call: RawSpan) -> Bool {
        do throws(CBORError) {
            let call = try Call(call)
            var reader = CBORReader(scope)
            for _ in 0..<(try reader.array()) {
                let names = try reader.array()
                guard names >= 1 else { return false }
                let isDevice = equal(try reader.text(), call.device)
                var isMethod = names == 1
                for _ in 1..<names where equal(try reader.text(), call.method) { isMethod = true }
                if isDevice && isMethod { return true }
            }
        } catch {}
        return false
    }

    /// Makes sure that each grant of a chain has a slot, saved before anybody acts on it, and that `device` will return to its safe state when
    /// one of them ends. Returns the leaf's.
    @inline(never)
    private mutating func claimSlots(_ chain: borrowing GrantChain, moving device: UInt8) throws(Refusal) -> Int {
        var parent = GrantTable.noParent
        var depth = chain.count
        while depth > 0 {
            depth &-= 1
            let link = chain.links[depth]
            let slot = try claimSlot(link.id, isDerived: parent != GrantTable.noParent)
            if grants.expiry(slot) != link.expiry || grants.parent(slot) != parent || grants[slot, .tick] != link.tick {
                // Who passes grants on can sign two with one nonce, and so with one mark: the slot is the first one's, or its uses would be
                // counted for another parent after a reboot.
                if grants.parent(slot) != GrantTable.noParent { throw .grantInvalid }
                grants.setExpiry(slot, link.expiry)
                grants.setParent(slot, parent)
                grants[slot, .tick] = link.tick
                grants[slot, .ticksAgreed] = link.ticks
                grants.markDirty(slot)
            }
            grants.noteMoved(device, slot)
            parent = slot
        }
        try saveGrants()
        return parent
    }

    @inline(never)
    mutating func claimSlot(_ id: UInt64, isDerived: Bool = false) throws(Refusal) -> Int {
        guard id != 0 else { throw .grantInvalid }
        if let slot = grants.slot(of: id) { return slot }
        // Whoever passes grants on must not use up the slots of the owner's own.
        if isDerived, grants.derivedCount() >= GrantTable.derivedLimit { throw .grantSlotsFull }
        guard let slot = grants.freeSlot(floor: time.savedFloor) else { throw .grantSlotsFull }
        grants.take(slot, id: id, index: memory.nextIndex, epoch: ownership.epoch)
        return slot
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

    /// Writes the records of the slots that changed.
    @inline(never)
    mutating func saveGrants() throws(Refusal) {
        for slot in 0..<GrantTable.slotCount {
            let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: slot)
            if grants.dirty & bit == 0 { continue }
            try memory.put(.grants, slot: slot, grants.record(slot))
            grants.dirty &= ~bit
        }
    }

    /// `revoke` and `tick`, both of the owner.
    @inline(never)
    mutating func changeGrant(_ slot: Int, _ type: MessageType, paid: UInt32) throws(Refusal) {
        if type == .revoke {
            grants[slot, .flags] |= GrantTable.revoked
            end(slot)
        } else if paid > grants[slot, .ticksPaid] {
            grants[slot, .ticksPaid] = paid
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
