// Messages to the device itself (R3, R5, R6, R10, R13): changes of ownership, administration of grants, the time.
//
// All go one way: checks, intent into the log, one record that makes the change, outcome into the log, receipt. A change of ownership is
// one atomic record that raises the epoch.

import Bytes
import CBOR
import DeviceModel
import Ed25519

extension Node where Flash: ~Copyable, Board: ~Copyable {
    @inline(never)
    mutating func administer(_ message: borrowing Message, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        let signer = try authority(message)
        try checkSequence(message.claims.seq, of: signer)
        try checkLife(message.claims, uptime: platform.microseconds())
        try verify(message.whole, message.type, by: signer)

        var next = Ownership()
        next.copy(from: ownership)
        var slot = 0
        var outcome = Outcome.done
        switch message.type {
        case .revoke, .tick:
            noteOwner(message.claims)
            slot = try claimSlot(loadLittleEndian64(message.claims.grantID, at: 0))
        case .time:
            noteOwner(message.claims)
        default:
            outcome = try apply(message, signer: signer, to: &next)
            if signer == .owner { noteOwner(message.claims) }
        }

        var receipt = ReceiptContext()
        receipt.entry.signer = signer
        receipt.entry.kind = message.type
        try begin(message, &receipt)
        // From here on the message is spent; the record that is written next decides whether it took effect.
        if outcome == .done {
            do throws(Refusal) { try change(message, to: &next, slot: slot, receipt.entry) } catch { throw failed(error) }
        }
        receipt.entry.outcome = outcome
        return try finish(message, &receipt, expected: nil, reply: reply)
    }

    /// Writes the one record that makes the change.
    @inline(never)
    private mutating func change(
        _ message: borrowing Message, to next: inout Ownership, slot: Int, _ entry: borrowing LogEntry
    ) throws(Refusal) {
        switch message.type {
        case .revoke, .tick: try changeGrant(slot, message.type, paid: message.claims.paid)
        case .time: try memory.save(&time, &attempts)
        default:
            if message.type.raisesEpoch {
                next.epoch &+= 1
                next.sinceIndex = entry.index &+ 1
            }
            try adopt(next)
        }
    }

    /// Journals a message whose checks it has passed; signer, kind, device and method are in the entry already.
    @inline(never)
    mutating func begin(_ message: borrowing Message, _ receipt: inout ReceiptContext) throws(Refusal) {
        receipt.entry.seq = message.claims.seq
        receipt.entry.tag = UInt16(truncatingIfNeeded: message.mark)
        receipt.previous = memory.chain
        receipt.epoch = ownership.epoch
        try recordIntent(&receipt.entry)
    }

    /// Journals the outcome and signs the receipt. What the device was asked to do is done before anything is hashed for the receipt.
    @inline(never)
    mutating func finish(
        _ message: borrowing Message, _ receipt: inout ReceiptContext, expected: ExpectedArgument?,
        reply: consuming MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        memory.complete(&receipt.entry)
        let digest = SHA512.hash(message.whole)
        receipt.message.store(digest.span.bytes.extracting(0..<32), at: 0)
        return try writeReceipt(receipt, expected: expected, reply: reply)
    }

    /// Who must have signed this, in the present state.
    @inline(never)
    private func authority(_ message: borrowing Message) throws(Refusal) -> Signer {
        guard condition == (message.type == .bind ? .unowned : .owned) else { throw .wrongState }
        switch message.type {
        case .bind:
            return .claim
        case .recover:
            guard ownership.hasRecovery else { throw .forbidden }
            return .recovery
        case .takeover:
            guard let rank = ownership.rank(of: message.claims.confirmation) else { throw .forbidden }
            return .backup(rank)
        default:
            return .owner
        }
    }

    @inline(never)
    private mutating func apply(_ message: borrowing Message, signer: Signer, to next: inout Ownership) throws(Refusal)
        -> Outcome
    {
        switch message.type {
        case .bind, .recover: break
        case .release:
            next.clear()
            return .done
        case .transfer, .rotate: try checkAcceptance(message.claims)
        case .takeover:
            let rank = Int(signer.rawValue) &- 3
            let silence = UInt64(next.silence(rank: rank)) &* 1_000_000
            guard platform.microseconds() &- ownerHeard >= silence else { return .ownerAlive }
            next.remove(rank: rank)
        case .backups:
            try readBackups(message.claims.backups, into: &next)
            return .done
        default: throw .malformed
        }
        if message.type == .bind || message.type == .transfer {
            next.clear()
            next.flags = .owned
        }
        // The backup that takes over has named itself: `authority` has found its rank by this key.
        next.setKey(at: Ownership.ownerKey, message.claims.confirmation)
        guard message.type == .bind else { return .done }
        if message.claims.flags & 1 != 0 { next.flags.insert(.forbidsReset) }
        if message.claims.node.contains(.recoveryKey) {
            next.flags.insert(.recovery)
            next.setKey(at: Ownership.recoveryKey, message.claims.recoveryKey)
        }
        return .done
    }

    /// The new owner's key, which has signed its acceptance: nobody can be made the owner of a device unasked.
    @inline(never)
    private mutating func checkAcceptance(_ claims: borrowing Claims) throws(Refusal) {
        let acceptance = try Message(claims.nested, type: .accept)
        try checkAddress(acceptance.claims)
        guard equal(acceptance.claims.confirmation, claims.confirmation) else { throw .malformed }
        try verify(claims.nested, .accept, by: claims.confirmation)
    }

    /// `[ * [key, silence] ]` by rank, at most three; an empty array names none.
    @inline(never)
    private func readBackups(_ encoded: RawSpan, into next: inout Ownership) throws(Refusal) {
        next.removeBackups()
        do throws(CBORError) {
            var reader = CBORReader(encoded)
            let count = try reader.array()
            guard count <= 3 else { throw .outOfRange }
            for _ in 0..<count {
                try reader.array(count: 2)
                let key = try reader.bytes(count: 32)
                let silence = try reader.uint32()
                if silence == 0 { throw .outOfRange }
                next.addBackup(key, silence: silence)
            }
            try reader.finish()
        } catch { throw .malformed }
    }

    /// True when somebody who holds the device may take it from its owner.
    public var allowsReset: Bool { condition == .owned && !ownership.forbidsReset }

    /// Physical reset by somebody who holds the device: no owner any more, unless the owner has forbidden it.
    public mutating func physicalReset() throws(Refusal) {
        guard condition == .owned || condition == .unowned else { throw .wrongState }
        guard !ownership.forbidsReset else { throw .forbidden }
        var entry = LogEntry()
        entry.kind = .release
        entry.signer = .claim
        entry.seq = min(watermarks[.claim] &+ 1, Claims.maximumSeq)
        try recordIntent(&entry)
        var next = Ownership()
        next.epoch = ownership.epoch &+ 1
        next.sinceIndex = entry.index &+ 1
        do throws(Refusal) { try adopt(next) } catch { throw failed(error) }
        entry.outcome = .done
        memory.complete(&entry)
    }

    /// Saves an ownership, then makes it the present one.
    @inline(never)
    private mutating func adopt(_ next: borrowing Ownership) throws(Refusal) {
        try memory.put(.ownership, next.record)
        if next.epoch != ownership.epoch {
            watermarks.clear()
            grants.clear()
            devices.enterSafeState()
        }
        ownership.copy(from: next)
        condition = ownership.isOwned ? .owned : .unowned
        ownerHeard = platform.microseconds()
    }
}
