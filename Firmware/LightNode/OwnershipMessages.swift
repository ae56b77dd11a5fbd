// How ownership changes hands (R3, R5, R6). Each change is one atomic record that raises the epoch.

import CBOR
import Devices
import Ed25519

extension Node where Flash: ~Copyable, Board: ~Copyable {
    mutating func changeOwnership(_ message: borrowing Message, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        let signer = try authority(message)
        try checkSequence(message.claims.seq, of: signer)
        try checkLife(message.claims, uptime: platform.microseconds())
        try verify(message, by: key(of: signer))

        var next = ownership.copy()
        try apply(message, signer: signer, to: &next)
        if signer == .owner { noteOwner(message.claims) }

        let digest = message.digest()
        var entry = LogEntry()
        entry.seq = message.claims.seq
        entry.signer = signer
        entry.kind = message.type
        entry.tag = messageTag(digest)
        let previous = memory.chain
        let epoch = ownership.epoch
        try recordIntent(&entry)
        // From here on the message is spent; the record below decides whether it took effect.
        if message.type.raisesEpoch {
            next.epoch &+= 1
            next.sinceIndex = entry.index &+ 1
        }
        do throws(Refusal) { try memory.saveOwnership(next) } catch { throw failed(error) }
        adopt(next)
        entry.outcome = .done
        memory.complete(&entry)
        return try writeReceipt(entry, epoch: epoch, previous: previous, digest: digest, reply: reply)
    }

    /// Who must have signed this, in the present state.
    private func authority(_ message: borrowing Message) throws(Refusal) -> Signer {
        if message.type == .bind {
            guard condition == .unowned else { throw .wrongState }
            return .claim
        }
        guard condition == .owned else { throw .wrongState }
        switch message.type {
        case .recover:
            guard ownership.hasRecovery else { throw .forbidden }
            return .recovery
        case .takeover:
            guard let rank = ownership.rank(of: bytes32(message.claims.confirmation)) else { throw .forbidden }
            return .backup(rank)
        default:
            return .owner
        }
    }

    @inline(never)
    func key(of signer: Signer) -> Bytes32 {
        switch signer {
        case .claim: identity.claimKey
        case .recovery: ownership.recovery
        case .owner: ownership.owner
        default: ownership.backups[Int(signer.rawValue) &- 3].key
        }
    }

    private mutating func apply(_ message: borrowing Message, signer: Signer, to next: inout Ownership) throws(Refusal) {
        switch message.type {
        case .bind:
            next.clear()
            next.isOwned = true
            next.owner = bytes32(message.claims.confirmation)
            next.hasRecovery = message.claims.node.contains(.recoveryKey)
            if next.hasRecovery { next.recovery = bytes32(message.claims.recoveryKey) }
            next.forbidsReset = message.claims.flags & 1 != 0
        case .release:
            next.clear()
        case .transfer:
            let key = try acceptedKey(message.claims)
            next.clear()
            next.isOwned = true
            next.owner = key
        case .rotate:
            next.owner = try acceptedKey(message.claims)
        case .recover:
            next.owner = bytes32(message.claims.confirmation)
        case .takeover:
            let rank = Int(signer.rawValue) &- 3
            let silence = UInt64(next.backups[rank].silence) &* 1_000_000
            guard platform.microseconds() &- ownerHeard >= silence else { throw .ownerAlive }
            next.owner = next.backups[rank].key
            next.remove(rank: rank)
        case .backups:
            try readBackups(message.claims.backups, into: &next)
        default:
            throw .malformed
        }
    }

    /// The new owner's key, which has signed its acceptance: nobody can be made the owner of a device unasked.
    @inline(never)
    private mutating func acceptedKey(_ claims: borrowing Claims) throws(Refusal) -> Bytes32 {
        let acceptance = try Message(claims.nested, type: .accept)
        guard equal(acceptance.claims.audience, identity.address.text.span.bytes) else { throw .wrongAddress }
        guard acceptance.claims.epoch == ownership.epoch else { throw .wrongEpoch }
        guard equal(acceptance.claims.confirmation, claims.confirmation) else { throw .malformed }
        let key = bytes32(claims.confirmation)
        try verify(acceptance, by: key)
        return key
    }

    /// `[ * [key, silence] ]` by rank, at most three; an empty array names none.
    @inline(never)
    private func readBackups(_ encoded: RawSpan, into next: inout Ownership) throws(Refusal) {
        next.backups = InlineArray(repeating: Ownership.Backup())
        do throws(CBORError) {
            var reader = CBORReader(encoded)
            let count = try reader.array()
            guard count <= 3 else { throw .outOfRange }
            for rank in 0..<count {
                try reader.array(count: 2)
                next.backups[rank].key = bytes32(try reader.bytes(count: 32))
                next.backups[rank].silence = try reader.uint32()
                if next.backups[rank].silence == 0 { throw .outOfRange }
            }
            try reader.finish()
        } catch { throw .malformed }
    }

    /// Physical reset by somebody who holds the device: no owner any more, unless the owner has forbidden it.
    public mutating func physicalReset() throws(Refusal) {
        guard condition == .owned || condition == .unowned else { throw .wrongState }
        guard !ownership.forbidsReset else { throw .forbidden }
        var entry = LogEntry()
        entry.kind = .release
        entry.signer = .claim
        entry.seq = min(watermarks[.claim] &+ 1, Claims.maximumSeq)
        var next = Ownership()
        next.epoch = ownership.epoch &+ 1
        try recordIntent(&entry)
        next.sinceIndex = entry.index &+ 1
        do throws(Refusal) { try memory.saveOwnership(next) } catch { throw failed(error) }
        adopt(next)
        entry.outcome = .done
        memory.complete(&entry)
    }

    /// Makes a saved ownership the present one.
    private mutating func adopt(_ next: consuming Ownership) {
        if next.epoch != ownership.epoch {
            watermarks.clear()
            grants.clear()
            devices.enterSafeState()
        }
        ownership = next
        condition = ownership.isOwned ? .owned : .unowned
        ownerHeard = platform.microseconds()
    }
}

extension Ownership {
    /// Explicit, because it takes 200 bytes of stack.
    @inline(never)
    func copy() -> Ownership {
        var copy = Ownership()
        (copy.epoch, copy.sinceIndex) = (epoch, sinceIndex)
        (copy.isOwned, copy.hasRecovery, copy.forbidsReset) = (isOwned, hasRecovery, forbidsReset)
        (copy.owner, copy.recovery) = (owner, recovery)
        for rank in 0..<3 { copy.backups[rank] = backups[rank] }
        return copy
    }

    /// Nobody's, in the same epoch.
    @inline(never)
    mutating func clear() {
        let epoch = epoch
        self = Ownership()
        self.epoch = epoch
    }

    /// Takes one backup out; those behind it move up.
    mutating func remove(rank: Int) {
        for r in rank..<2 { backups[r] = backups[r &+ 1] }
        backups[2] = Backup()
    }
}

/// What the log keeps of a message: the first 2 bytes of its SHA-512.
@inline(never)
func messageTag(_ digest: Bytes64) -> UInt16 {
    UInt16(digest[0]) | UInt16(digest[1]) << 8
}
