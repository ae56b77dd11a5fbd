// Messages to the node itself (R3, R5, R6, R10, R13): changes of ownership, administration of grants, the time, settings.
//
// All go one way: what they lead to is worked out in a copy, and refused if it may not be; then intent into the log, one record that makes the
// change, outcome into the log, receipt. A change of ownership is one atomic record that raises the epoch.

import Bytes
import CBOR
import DeviceModel
import Ed25519
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    @inline(never)
    mutating func administer(
        _ message: borrowing Message, _ admission: inout Admission, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        var next = Ownership()
        next.copy(from: ownership)
        var outcome = Outcome.done
        switch message.type {
        case .revoke, .tick: try claimSlot(message.claims)
        case .time:
            outcome = time.judge(
                message.claims.issuedAt, tokenIssued: admission.tokenIssued, mayGoBack: !grants.dependOnTime(),
                uptime: platform.microseconds())
        default:
            try checkPace(message.type)
            try decide(message, admission, &next)
        }

        var receipt = ReceiptContext()
        try begin(message, admission, &receipt)
        // From here on the message is spent; the record that is written next decides whether it took effect.
        do throws(Refusal) { try change(message, to: &next, &receipt) } catch { throw failed(error) }
        receipt.entry.outcome = outcome
        return try finish(&receipt, expected: nil, reply: &reply)
    }

    /// Writes the one record that makes the change.
    @inline(never)
    private mutating func change(
        _ message: borrowing Message, to next: inout Ownership, _ receipt: inout ReceiptContext
    ) throws(Refusal) {
        switch message.type {
        case .revoke, .tick: try changeGrant(message.claims, message.type)
        case .time: try memory.save(&time, &attempts, epoch: ownership.epoch)
        default:
            if message.type.raisesEpoch {
                next.epoch &+= 1
                next.sinceIndex = receipt.entry.index &+ 1
            }
            if message.type == .settings { presence.use() }
            try adopt(next)
            receipt.note(authorities: ownership.authorities())
        }
    }

    /// While there is a recovery key, a stolen key cannot outrun it by one change of ownership after another: it has a minute to follow.
    @inline(never)
    private mutating func checkPace(_ type: MessageType) throws(Refusal) {
        guard type == .rotate || type == .takeover, ownership.hasRecovery, let handedOn else { return }
        if platform.microseconds() &- handedOn < Self.paceMicroseconds { throw .tooManyAttempts }
    }

    private static var paceMicroseconds: UInt64 { 60_000_000 }

    /// Works out the ownership that a message leads to, and whether it may.
    @inline(never)
    private mutating func decide(
        _ message: borrowing Message, _ admission: borrowing Admission, _ next: inout Ownership
    ) throws(Refusal) {
        switch message.type {
        case .release: next.clear()
        case .bind, .transfer:
            next.clear()
            next.flags = .owned
            if message.claims.node.contains(NodeKey.recoveryKey) {
                next.flags.insert(.recovery)
                try next.setChecked(at: Ownership.recoveryKey, message.claims.recoveryKey)
            }
        case .recover:
            // What the lost key has set must not outlive it.
            next.removeBackups()
            next.flags.remove(.forbidsReset)
        // R6: a backup named beforehand becomes owner once the owner is silent.
        case .takeover:
            let rank = Int(admission.entry.signer.rawValue) &- Int(Signer.backup(0).rawValue)
            let silence = UInt64(next.silence(rank: rank)) &* 1_000_000
            guard platform.microseconds() &- ownerHeard >= silence else { throw .ownerAlive }
            next.remove(rank: rank)
        case .backups: try readBackups(message.claims.backups, into: &next)
        case .settings: try readFlags(message.claims.flags, into: &next)
        default: break
        }
        if message.claims.cwt.contains(CWTKey.confirmation) {
            try next.setChecked(at: Ownership.ownerKey, message.claims.confirmation)
        }
        try checkConsents(message, next)
    }

    /// The new owner wants this, from this counterparty, with these authorities; and whom it removes has agreed.
    @inline(never)
    private mutating func checkConsents(_ message: borrowing Message, _ next: borrowing Ownership) throws(Refusal) {
        if message.claims.node.contains(NodeKey.nested) {
            try checkConsent(message.claims.nested, .accept, message, next)
            var newOwner = ExpandedPublicKey()
            newOwner.expand(message.claims.confirmation)
            try verify(message.claims.nested, .accept, by: newOwner)
        }
        // A transfer that brings another recovery key along removes the present one as well.
        guard ownership.hasRecovery, message.type == .release || message.type == .transfer else { return }
        guard message.claims.node.contains(NodeKey.consent) else { throw .consentRequired }
        try checkConsent(message.claims.consent, .consent, message, next)
        var recovery = ExpandedPublicKey()
        recovery.expand(ownership.key(at: Ownership.recoveryKey))
        try verify(message.claims.consent, .consent, by: recovery)
    }

    /// A consent serves one message type, in one ownership of one node, with one result; an acceptance also has one counterparty.
    @inline(never)
    private func checkConsent(
        _ encoded: RawSpan, _ type: MessageType, _ message: borrowing Message, _ next: borrowing Ownership
    ) throws(Refusal) {
        let result = next.authorities()
        do throws(Refusal) {
            let consent = try Message(encoded, type: type)
            guard equal(consent.claims.audience, identity.address.text.span.bytes), consent.claims.epoch == ownership.epoch,
                consent.claims.purpose == UInt32(message.type.rawValue), equal(consent.claims.authorities, result.span.bytes)
            else { throw .consentInvalid }
            guard type == .accept else { return }
            let counterparty = key(of: message.type == .bind ? .claim : .owner)
            guard equal(consent.claims.confirmation, message.claims.confirmation),
                equal(consent.claims.counterparty, counterparty)
            else { throw .consentInvalid }
        } catch { throw .consentInvalid }
    }

    /// Verifies what travels inside a message. It was counted among the checks that the message takes.
    @inline(never)
    private mutating func verify(
        _ whole: RawSpan, _ type: MessageType, by key: borrowing ExpandedPublicKey
    ) throws(Refusal) {
        attempts.noteCheck()
        var hash = Bytes32(repeating: 0)
        do throws(Refusal) {
            try Message.verify(whole, type, by: key, network: identity.network, hash: &hash)
        } catch { throw .consentInvalid }
    }

    /// `[ * [key, silence] ]` by rank, at most three; an empty array names none.
    @inline(never)
    private func readBackups(_ encoded: RawSpan, into next: inout Ownership) throws(Refusal) {
        next.removeBackups()
        var isGood = true
        do throws(CBORError) {
            var reader = CBORReader(encoded)
            let count = try reader.array()
            guard count <= 3 else { throw .outOfRange }
            for _ in 0..<count {
                try reader.array(count: 2)
                let key = try reader.bytes(count: 32)
                let silence = try reader.uint32()
                if silence == 0 { throw .outOfRange }
                if !isKey(key) { isGood = false }
                next.addBackup(key, silence: silence)
            }
            try reader.finish()
        } catch { throw .malformed }
        if !isGood { throw .keyInvalid }
    }

    /// That the node is reset by button is forbidden only by an owner who is at the button, and in an ownership that the node has known for a
    /// day without a pause: until then whoever finds it bound by a stranger can still reset it.
    @inline(never)
    private mutating func readFlags(_ flags: UInt32, into next: inout Ownership) throws(Refusal) {
        guard flags & SettingFlag.resetForbidden != 0 else {
            next.flags.remove(.forbidsReset)
            return
        }
        let uptime = platform.microseconds()
        guard presence.isGiven(uptime: uptime), uptime &- (epochBegan ?? 0) >= Self.settledMicroseconds else {
            throw .presenceRequired
        }
        next.flags.insert(.forbidsReset)
    }

    private static var settledMicroseconds: UInt64 { 24 * 3_600_000_000 }

    /// The node's button is up or down now. Call it in every turn of the main loop.
    public mutating func noteButton(isDown: Bool) { presence.note(isDown: isDown, uptime: platform.microseconds()) }

    /// True when a person at the button may take the node from its owner.
    public var allowsReset: Bool { condition == .owned && !ownership.forbidsReset }

    /// Physical reset by a person at the button: no owner any more, unless the owner has forbidden it.
    public mutating func physicalReset() throws(Refusal) {
        guard condition == .owned || condition == .unowned else { throw .wrongState }
        guard !ownership.forbidsReset else { throw .forbidden }
        var entry = LogEntry()
        entry.kind = .reset
        entry.signer = .claim
        entry.seq = min(watermarks[.claim] &+ 1, Claims.maximumSeq)
        try recordIntent(&entry)
        var next = Ownership()
        next.epoch = ownership.epoch &+ 1
        next.sinceIndex = entry.index &+ 1
        do throws(Refusal) { try adopt(next) } catch { throw failed(error) }
        entry.outcome = .done
        entry.note(authorities: ownership.authorities())
        memory.complete(&entry)
    }

    /// R5: saves an ownership, then makes it the present one. Nothing that belonged to another epoch outlives it.
    @inline(never)
    private mutating func adopt(_ next: borrowing Ownership) throws(Refusal) {
        try memory.put(.ownership, next.record)
        if next.epoch != ownership.epoch {
            watermarks.clear()
            grants.clear()
            time.forget()
            presence.forget()
            epochBegan = platform.microseconds()
            handedOn = ownership.isOwned ? epochBegan : nil
            devices.enterSafeState()
            ownerHeard = platform.microseconds()
        }
        ownership.copy(from: next)
        condition = ownership.isOwned ? .owned : .unowned
    }
}

/// True when `key` is an Ed25519 public key that signatures can be valid by.
@inline(never)
func isKey(_ key: RawSpan) -> Bool {
    var expanded = ExpandedPublicKey()
    expanded.expand(key)
    return expanded.isValid
}

extension Ownership {
    /// Takes a key that signatures can be valid by; throws for any other, which would lock its owner out.
    @inline(never)
    mutating func setChecked(at offset: Int, _ key: RawSpan) throws(Refusal) {
        guard isKey(key) else { throw .keyInvalid }
        setKey(at: offset, key)
    }
}
