// Rights lent to others (R12, R13, R14): a holder's command with the grant that it rests on.
//
// A grant names its holder's key, so it is of no use to a thief. A holder may lend on what it has, at most two hops; rights are then the
// intersection of all grants in the chain, so that nothing has to be compared for being narrower. A chain ends at the owner's signature.

import CBOR
import Devices
import Ed25519

/// What the grants of a chain say, leaf first.
struct GrantChain {
    struct Link {
        var id: UInt64 = 0
        var expiry: UInt64 = 0
        /// 0: unlimited.
        var uses: UInt32 = 0
        var tick: UInt32 = 0
        var ticks: UInt32 = 0
    }
    var links = InlineArray<3, Link>(repeating: Link())
    var count = 0
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Checks a holder's message: the marks of its slot, its signature, then the chain up to the owner. Slots are allocated last.
    mutating func authoriseHolder(_ message: borrowing Message, _ entry: inout LogEntry, uptime: UInt64) throws(Refusal) -> Authority {
        var grant = try Message(message.claims.nested, type: .grant)
        var authority = Authority(key: bytes32(grant.claims.confirmation))
        if let slot = grants.slot(of: slotID(grant)), entry.seq <= grants.slots[slot].seq { throw .replayed }
        try verify(message, by: authority.key)

        var depth = 0
        while true {
            let id = slotID(grant)
            try checkLink(grant.claims, id: id, uptime: uptime)
            if !covers(grant.claims.scope, message.claims.call) { authority.isInScope = false }
            authority.grants.links[depth] = link(grant.claims, id: id)
            authority.grants.count = depth &+ 1
            guard grant.claims.node.contains(.nested) else { break }
            let parent = try Message(grant.claims.nested, type: .grant)
            depth &+= 1
            guard depth <= 2, parent.claims.hops >= UInt32(truncatingIfNeeded: depth) else { throw .grantInvalid }
            try verify(grant, by: bytes32(parent.claims.confirmation))
            grant = parent
        }
        try verify(grant, by: ownership.owner)
        authority.signer = .grant(try claimSlots(authority.grants))
        return authority
    }

    /// One grant's own limits.
    @inline(never)
    private func checkLink(_ claims: borrowing Claims, id: UInt64, uptime: UInt64) throws(Refusal) {
        guard equal(claims.audience, identity.address.text.span.bytes) else { throw .wrongAddress }
        guard claims.epoch == ownership.epoch else { throw .wrongEpoch }
        try checkLife(claims, uptime: uptime)
        let slot = grants.slot(of: id)
        if let slot, grants.slots[slot].isRevoked { throw .grantRevoked }
        let used = slot.map { UInt32(grants.slots[$0].used) } ?? 0
        if claims.uses != 0, used >= claims.uses { throw .grantUsedUp }
        guard claims.node.contains(.meter) else { return }
        guard let slot else { throw .grantUsedUp }
        if !grants.slots[slot].isRunning, !mayBeginTick(slot, agreed: claims.meterTicks) { throw .grantUsedUp }
    }

    @inline(never)
    private func mayBeginTick(_ slot: Int, agreed: UInt32) -> Bool {
        grants.slots[slot].ticksBegun < grants.slots[slot].ticksPaid && UInt32(grants.slots[slot].ticksBegun) < agreed
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

    @inline(never)
    private func link(_ claims: borrowing Claims, id: UInt64) -> GrantChain.Link {
        GrantChain.Link(
            id: id, expiry: claims.expiry, uses: claims.uses, tick: claims.meterTick, ticks: claims.meterTicks)
    }

    /// What a grant's slot is known by: the id that the owner gave it; of one passed on, whose signer could write any id, its hash.
    private func slotID(_ grant: borrowing Message) -> UInt64 {
        guard grant.claims.node.contains(.nested) else { return id(grant.claims.tokenID) }
        let digest = grant.digest()
        return id(digest.span.bytes)
    }

    @inline(never)
    private func id(_ bytes: RawSpan) -> UInt64 {
        var value: UInt64 = 0
        for i in 0..<8 { value |= UInt64(bytes.unsafeLoad(fromByteOffset: i, as: UInt8.self)) << UInt64(8 &* i) }
        return value
    }

    /// Makes sure that each grant of a chain has a slot, saved before anybody acts on it. Returns the leaf's.
    @inline(never)
    private mutating func claimSlots(_ chain: GrantChain) throws(Refusal) -> Int {
        var parent = GrantSlot.noParent
        var leaf = 0
        for depth in stride(from: chain.count &- 1, through: 0, by: -1) {
            let link = chain.links[depth]
            leaf = try claimSlot(link.id, isDerived: parent != GrantSlot.noParent)
            if grants.slots[leaf].expiry != link.expiry || grants.slots[leaf].parent != parent || grants.slots[leaf].tick != link.tick {
                grants.slots[leaf].expiry = link.expiry
                grants.slots[leaf].parent = parent
                grants.slots[leaf].tick = link.tick
                grants.slots[leaf].ticksAgreed = UInt16(truncatingIfNeeded: link.ticks)
                grants.markDirty(leaf)
            }
            parent = UInt8(truncatingIfNeeded: leaf)
        }
        try saveGrants()
        return leaf
    }

    @inline(never)
    private mutating func claimSlot(_ id: UInt64, isDerived: Bool = false) throws(Refusal) -> Int {
        guard id != 0 else { throw .grantInvalid }
        if let slot = grants.slot(of: id) { return slot }
        // Whoever passes grants on must not use up the slots of the owner's own.
        if isDerived, grants.derivedCount >= GrantTable.derivedLimit { throw .grantSlotsFull }
        guard let slot = grants.freeSlot(floor: time.savedFloor) else { throw .grantSlotsFull }
        grants.slots[slot] = GrantSlot()
        grants.slots[slot].id = id
        grants.slots[slot].asOfIndex = memory.nextIndex
        grants.slots[slot].sinceIndex = memory.nextIndex
        grants.slots[slot].epoch = ownership.epoch
        grants.markDirty(slot)
        return slot
    }

    /// Before a device is moved under grants: it will return to its safe state with them, and metered time begins.
    mutating func beginMeter(_ authority: Authority, device: UInt8) throws(Refusal) {
        guard authority.isInScope, device < 16 else { return }
        let mask = UInt16(1) << UInt16(device)
        for depth in 0..<authority.grants.count {
            guard let slot = grants.slot(of: authority.grants.links[depth].id) else { continue }
            if grants.slots[slot].devices & mask == 0 {
                grants.slots[slot].devices |= mask
                grants.markDirty(slot)
            }
            if grants.slots[slot].tick != 0, !grants.slots[slot].isRunning {
                grants.slots[slot].isRunning = true
                grants.slots[slot].ticksBegun &+= 1
                grants.tickStart[slot] = platform.microseconds()
                grants.markDirty(slot)
            }
        }
        try saveGrants()
    }

    /// Writes the records of the slots that changed.
    mutating func saveGrants() throws(Refusal) {
        for slot in 0..<GrantTable.slotCount where grants.dirty & 1 << UInt8(truncatingIfNeeded: slot) != 0 {
            try memory.saveGrant(slot, grants.slots[slot])
            grants.dirty &= ~(1 << UInt8(truncatingIfNeeded: slot))
        }
    }

    /// `revoke` and `tick`, both of the owner.
    mutating func administerGrant(_ message: borrowing Message, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        guard condition == .owned else { throw .wrongState }
        try checkSequence(message.claims.seq, of: .owner)
        try checkLife(message.claims, uptime: platform.microseconds())
        try verify(message, by: ownership.owner)
        noteOwner(message.claims)
        let slot = try claimSlot(id(message.claims.grantID))
        let revokes = message.type == .revoke
        let paid = UInt16(truncatingIfNeeded: message.claims.paid)
        return try recordOwnerMessage(message, reply: reply) { (node: inout Node) throws(Refusal) in
            if revokes {
                node.grants.slots[slot].isRevoked = true
                node.end(slot)
            } else {
                node.grants.slots[slot].ticksPaid = max(node.grants.slots[slot].ticksPaid, paid)
            }
            node.grants.markDirty(slot)
            try node.saveGrants()
        }
    }

    /// `time`: the owner says what time it is.
    mutating func acceptTime(_ message: borrowing Message, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        guard condition == .owned else { throw .wrongState }
        try checkSequence(message.claims.seq, of: .owner)
        try checkLife(message.claims, uptime: platform.microseconds())
        try verify(message, by: ownership.owner)
        noteOwner(message.claims)
        return try recordOwnerMessage(message, reply: reply) { (node: inout Node) throws(Refusal) in
            try node.memory.saveTime(&node.time)
        }
    }

    /// Journals a verified message of the owner around what it does.
    private mutating func recordOwnerMessage(
        _ message: borrowing Message, reply: consuming MutableSpan<UInt8>, _ act: (inout Node) throws(Refusal) -> Void
    ) throws(Refusal) -> Int {
        let digest = message.digest()
        var entry = LogEntry()
        (entry.seq, entry.kind, entry.tag) = (message.claims.seq, message.type, messageTag(digest))
        let previous = memory.chain
        try recordIntent(&entry)
        do throws(Refusal) { try act(&self) } catch { throw failed(error) }
        entry.outcome = .done
        memory.complete(&entry)
        return try writeReceipt(entry, epoch: ownership.epoch, previous: previous, digest: digest, reply: reply)
    }

    /// Ends the running time of a grant: its devices go to their safe state.
    @inline(never)
    mutating func end(_ slot: Int) {
        for device in 0..<UInt8(16) where grants.slots[slot].devices & (1 << UInt16(device)) != 0 {
            devices.enterSafeState(device: device)
        }
        grants.slots[slot].devices = 0
        grants.slots[slot].isRunning = false
        grants.markDirty(slot)
    }

    /// What time demands of grants: begin the next paid tick, or stop; stop what has expired. Call it every few milliseconds.
    mutating func pollGrants(uptime: UInt64) {
        let now = time.earliest(uptime: uptime)
        for slot in 0..<GrantTable.slotCount where grants.slots[slot].id != 0 {
            if grants.slots[slot].devices != 0, grants.slots[slot].expiry != 0, grants.slots[slot].expiry <= now { end(slot) }
            let tick = UInt64(grants.slots[slot].tick) &* 1_000_000
            guard grants.slots[slot].isRunning, uptime &- grants.tickStart[slot] >= tick else { continue }
            if mayBeginTick(slot, agreed: UInt32(grants.slots[slot].ticksAgreed)) {
                grants.slots[slot].ticksBegun &+= 1
                grants.tickStart[slot] &+= tick
                grants.markDirty(slot)
            } else {
                end(slot)
            }
        }
        // A record that the flash does not take stays marked as changed and is tried again; nothing is granted meanwhile.
        try? saveGrants()
    }
}
