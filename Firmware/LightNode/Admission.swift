// Stage one of three: may this message be carried out? One ordered list of checks for every kind of message, that of docs/protocol.md,
// cheap ones first, so that a stranger costs the node little. Nothing in the node changes here but the count of attempts.

import Bytes
import CBOR
import DeviceModel
import Ed25519
import HAL
import Vocabulary

/// What the checks have found out about a message.
struct Admission: ~Copyable {
    private let inMemory = InMemory()
    /// Signer, type, device and method are filled in by the checks.
    var entry = LogEntry()
    /// The grants that a holder brings along; none for other messages.
    var chain = GrantChain()
    /// Why what is asked is not done, though the message is the holder's: told by a receipt, once.
    var refusal: Outcome?
    /// Uptime in microseconds at which the token in the message was given; nil when it has none that is good.
    var tokenIssued: UInt64?
    /// The message's hash, once its signature is good: what its entry in the log, its receipt or its signed refusal names it by.
    var hash = Bytes32(repeating: 0)
    /// Every signature is good: a refusal from here on is for the sender, and signed.
    var isSenderKnown = false

    var isHolders: Bool { chain.count > 0 }
    var leaf: GrantChain.Link { chain.links[0] }
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Throws the refusal of the first check that fails.
    @inline(never)
    mutating func admit(_ message: borrowing Message, _ wire: WireNumber, _ admission: inout Admission) throws(Refusal) {
        try checkCondition()
        try checkAddress(message.claims)
        if message.type.isCall, message.claims.node.contains(NodeKey.nested) {
            try admission.chain.read(
                message.claims.nested, in: message.whole, identity.address.text.span.bytes, ownership.epoch)
        }
        try checkState(message, &admission)
        let uptime = platform.microseconds()
        try attempts.check(checks(message, admission), uptime: uptime, wire: wire)
        try checkSequence(message.claims.seq, admission)
        findToken(message, &admission, uptime: uptime)
        try checkLife(message.claims, admission, uptime: uptime)
        try checkToken(message.claims, admission, uptime: uptime)
        if admission.isHolders { try checkGrants(message, &admission) }
        try checkSignatures(message, &admission)
        admission.isSenderKnown = true
    }

    @inline(never)
    private func checkCondition() throws(Refusal) {
        switch condition {
        case .blank: throw .wrongState
        case .damaged: throw .damaged
        case .unowned, .owned: break
        }
    }

    @inline(never)
    private func checkAddress(_ claims: borrowing Claims) throws(Refusal) {
        guard equal(claims.audience, identity.address.text.span.bytes) else { throw .wrongAddress }
        guard claims.epoch == ownership.epoch else { throw .wrongEpoch }
    }

    /// Throws unless the node's state allows a message of this type; finds who must have signed it, and the device that it is for.
    @inline(never)
    private func checkState(_ message: borrowing Message, _ admission: inout Admission) throws(Refusal) {
        guard condition == (message.type == .bind ? .unowned : .owned) else { throw .wrongState }
        admission.entry.kind = message.type
        switch message.type {
        case .command, .state:
            do throws(CBORError) { try name(message.claims.call, &admission.entry) } catch { throw .malformed }
            // Without a device there is no desired state to supersede: its sequence number then counts as a command's.
            if admission.entry.device == LogEntry.none { admission.entry.kind = .command }
        case .bind: admission.entry.signer = .claim
        case .recover:
            guard ownership.hasRecovery else { throw .forbidden }
            admission.entry.signer = .recovery
        case .takeover:
            guard let rank = ownership.rank(of: message.claims.confirmation) else { throw .forbidden }
            admission.entry.signer = .backup(rank)
        default: break
        }
    }

    /// Signatures that have to be checked, known before the first is.
    @inline(never)
    private func checks(_ message: borrowing Message, _ admission: borrowing Admission) -> UInt32 {
        if message.type.isCall { return UInt32(truncatingIfNeeded: admission.chain.count) &+ 1 }
        return 1 &+ (message.claims.node.contains(NodeKey.nested) ? 1 : 0)
            &+ (message.claims.node.contains(NodeKey.consent) ? 1 : 0)
    }

    /// What is newer wins on a device, command or state; a signer's other numbers must rise.
    @inline(never)
    private func checkSequence(_ seq: UInt64, _ admission: borrowing Admission) throws(Refusal) {
        let isState = admission.entry.kind == .state
        if admission.isHolders {
            if let slot = grants.slot(of: admission.leaf.id), seq <= grants.seq(slot) { throw .replayed }
        } else if !isState, seq <= watermarks[admission.entry.signer] {
            throw .replayed
        }
        guard admission.entry.device != LogEntry.none, isState || !admission.isHolders else { return }
        let newest = watermarks.newestWord(on: admission.entry.device)
        if isState, seq == newest { throw .replayed }
        if seq < newest { throw .superseded }
    }

    /// The token of the message, held against the key that must have signed it.
    @inline(never)
    private func findToken(_ message: borrowing Message, _ admission: inout Admission, uptime: UInt64) {
        guard message.claims.node.contains(NodeKey.token) else { return }
        let signer =
            admission.isHolders
            ? loadLittleEndian64(message.whole, at: admission.leaf.key)
            : loadLittleEndian64(key(of: admission.entry.signer), at: 0)
        admission.tokenIssued = freshness.issued(
            message.claims.token, to: signer, within: freshnessAge(admission.entry.device), uptime: uptime)
    }

    /// Seconds for which a token is good for a device, or for none.
    @inline(never)
    private func freshnessAge(_ device: UInt8) -> UInt32 {
        let age = Table.describe(device)?.freshness ?? 0
        return age == 0 ? Freshness.standardAge : UInt32(age)
    }

    /// Throws unless the limits still hold that a message and its grants set to their own life.
    ///
    /// An owner who states the time in a message with a token is believed about it there and then: with the token's age it bounds the present.
    @inline(never)
    private func checkLife(_ claims: borrowing Claims, _ admission: borrowing Admission, uptime: UInt64) throws(Refusal) {
        if claims.cwt.contains(CWTKey.expiry) {
            if !admission.isHolders, claims.cwt.contains(CWTKey.issuedAt), let issued = admission.tokenIssued {
                let latest = claims.issuedAt &+ TrustedTime.seconds(since: issued, uptime: uptime)
                if max(latest, time.floor) >= claims.expiry { throw .expired }
            } else {
                try time.checkExpiry(claims.expiry, uptime: uptime)
            }
        }
        for at in 0..<admission.chain.count {
            let link = admission.chain.links[at]
            if link.expiry != 0 { try time.checkExpiry(link.expiry, uptime: uptime) }
            if link.notBefore != 0 { try time.checkStart(link.notBefore, uptime: uptime) }
        }
    }

    /// A device that demands freshness takes a token, or an expiry that is as near as a token's age: by what a statement with a token told, as one
    /// without may have moved the time ahead.
    @inline(never)
    private func checkToken(_ claims: borrowing Claims, _ admission: borrowing Admission, uptime: UInt64) throws(Refusal) {
        if claims.node.contains(NodeKey.token) {
            if admission.tokenIssued == nil { throw .tokenInvalid }
            return
        }
        guard let age = Table.describe(admission.entry.device)?.freshness, age != 0 else { return }
        guard claims.cwt.contains(CWTKey.expiry), claims.expiry <= time.expected(uptime: uptime) &+ UInt64(age) else {
            throw .tokenRequired
        }
    }

    /// What the node's own records say of the grants: how one has ended, whether it covers the call, how much it has written.
    @inline(never)
    private func checkGrants(_ message: borrowing Message, _ admission: inout Admission) throws(Refusal) {
        let leaf = grants.slot(of: admission.leaf.id)
        for at in 0..<admission.chain.count {
            let link = admission.chain.links[at]
            guard let ended = end(link) else { continue }
            // Its holder has had a receipt that says so.
            if let leaf, grants.isToldEnd(leaf) { throw ended == .grantRevoked ? .grantRevoked : .grantUsedUp }
            if admission.refusal == nil { admission.refusal = ended }
        }
        for at in 0..<admission.chain.count
        where admission.refusal == nil && !covers(message.whole.extracting(admission.chain.links[at].scope), message.claims.call)
        {
            if let leaf, grants.isToldScope(leaf) { throw .notInScope }
            admission.refusal = .notInScope
        }
        let root = admission.chain.links[admission.chain.count &- 1]
        if let slot = grants.slot(of: root.id), grants.entriesUnheard(slot) >= memory.logShare &+ root.uses { throw .logFull }
    }

    /// How a grant has ended, as this node's own records have it; nil while it holds.
    @inline(never)
    private func end(_ link: GrantChain.Link) -> Outcome? {
        let slot = grants.slot(of: link.id)
        if let slot {
            if grants.isRevoked(slot) { return .grantRevoked }
            let used = grants[slot, .used]
            // A grant that names no uses ends when they cannot be counted any further.
            if used >= (link.uses == 0 ? 0xFFFF : link.uses) { return .grantUsedUp }
        }
        guard link.tick != 0 else { return nil }
        guard let slot, grants.isRunning(slot) || mayBeginTick(slot, agreed: link.ticks) else { return .grantUsedUp }
        return nil
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

    /// R4: the message by its signer, each grant by the holder of the one above it, the last by the owner. Each check takes an attempt, a good
    /// one too: a stranger's own key signs as well as any.
    @inline(never)
    private mutating func checkSignatures(_ message: borrowing Message, _ admission: inout Admission) throws(Refusal) {
        var key = ExpandedPublicKey()
        var hash = Bytes32(repeating: 0)
        for at in 0...admission.chain.count {
            attempts.noteCheck()
            let isLast = at == admission.chain.count
            if isLast, admission.entry.signer == .owner {
                expandOwnerKey()
            } else if isLast {
                key.expand(self.key(of: admission.entry.signer))
            } else {
                let start = admission.chain.links[at].key
                key.expand(message.whole.extracting(start..<start &+ 32))
            }
            let signed = at == 0 ? message.whole : message.whole.extracting(admission.chain.links[at &- 1].grant)
            let type = at == 0 ? message.type : MessageType.grant
            if isLast, admission.entry.signer == .owner {
                try Message.verify(signed, type, by: ownerKey, network: identity.network, hash: &hash)
            } else {
                try Message.verify(signed, type, by: key, network: identity.network, hash: &hash)
            }
            if at == 0 { admission.hash = hash }
        }
    }

    /// The key that this node knows of `signer`.
    @_lifetime(borrow self)
    func key(of signer: Signer) -> RawSpan {
        switch signer {
        case .owner: ownership.key(at: Ownership.ownerKey)
        case .claim: identity.claimKey
        case .recovery: ownership.key(at: Ownership.recoveryKey)
        default: ownership.key(at: Ownership.backupKey(Int(signer.rawValue) &- Int(Signer.backup(0).rawValue)))
        }
    }

    /// Most messages are the owner's: what can be known of its key before they come, is.
    @inline(never)
    mutating func expandOwnerKey() {
        let key = ownership.key(at: Ownership.ownerKey)
        if !equal(ownerKey.encoding, key) { ownerKey.expand(key) }
    }
}

extension MessageType {
    /// True for what moves a device.
    var isCall: Bool { self == .command || self == .state }
}
