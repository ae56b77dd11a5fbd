// Messages that the executor's property writes and signs as the device's owner, holders and strangers would, out of a few bytes of choice.
import CBOR
import CodecSupport
import DeviceModel
import Vocabulary

/// A message to come, byte by byte; bytes that are missing are 0, and 0 is what works.
///
/// | Byte | Chooses |
/// |---|---|
/// | 0 | the type |
/// | 1 | 0: signed by the key that may; else by this one |
/// | 2 | the number: 0 the next, below 128 so many above it, else so many below |
/// | 3 | bit 0 a token, 1 an expiry or no consent, 2 the time or a recovery key, 3 under a grant, 4 and 5 passed on once or twice, 6 of another epoch, 7 long silences |
/// | 4 | the call |
/// | 5 | the grant's terms; without one how far away the expiry is |
/// | 6 | the new owner, the grant that is meant, flags, or the time |
/// | 7 | ticks paid, or backups |
/// | 8 | one thing that is wrong: see `Wrong` |
struct Letter {
    private let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private subscript(index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
    private func has(_ bit: UInt8) -> Bool { self[3] >> bit & 1 == 1 }

    var type: MessageType { MessageType(rawValue: self[0] % MessageType.requestCount)! }

    /// What is wrong with a letter.
    private enum Wrong: UInt8 {
        case nothing, giver, grantEpoch, grantAddress, grantType, acceptance, consent, hops, purpose, authorities, counterparty,
            signature,
            noSignature, network, typeName, noAcceptance, address, tokenOfAnother, late
    }
    private var wrong: Wrong { Wrong(rawValue: self[8]) ?? .nothing }

    private var heir: UInt8 { self[6] == 0 ? 3 : self[6] % Keys.count + 1 }
    private var recovery: UInt8? { has(2) ? 5 : nil }
    private var isCall: Bool { type == .command || type == .state }
    private var depth: Int { isCall && has(3) ? min(Int(self[3] >> 4 & 3), 2) + 1 : 0 }

    static let calls: [(device: String, method: String, argument: Int?)] = [
        ("led", "on", nil), ("led", "off", nil), ("led", "toggle", nil), ("lock", "open", 5000), ("lock", "close", nil),
        ("meter", "read", nil),
        ("lock", "open", 1), ("led", "glow", nil), ("lamp", "on", nil), ("led", "on", 7), ("lock", "open", nil),
    ]
    private static let scopes = [[["led"], ["lock"], ["meter"]], [["led"]], [["led", "on"]], [["lock"], ["led", "off"]]]
    private var call: (device: String, method: String, argument: Int?) { Letter.calls[Int(self[4]) % Letter.calls.count] }

    /// Who signs it: the number of a key.
    func signer(_ owner: Owner) -> UInt8 {
        if self[1] != 0 { return self[1] % Keys.count + 1 }
        switch type {
        case .bind: return 2
        case .recover: return owner.rights.recovery.flatMap(Keys.number) ?? 5
        case .takeover: return owner.rights.backups.first.flatMap { Keys.number(of: $0.key) } ?? 6
        default: return depth > 0 ? UInt8(7 + depth) : owner.rights.owner.flatMap(Keys.number) ?? 3
        }
    }

    /// The whole message, with `token`, which the device gave its signer. Grants that it makes are noted in `lent`.
    func message(_ owner: Owner, token: [UInt8]?, lent: inout [[UInt8]]) -> [UInt8] {
        var claims = ClaimsMap()
        claims.cwt[CWTKey.audience] = CBOR.encode { writer in
            if wrong == .address { writer.text("node1q") } else { writer.text(owner.address.span.bytes) }
        }
        claims.node[NodeKey.epoch] = uint(UInt64(owner.epoch) + (has(6) ? 1 : 0))
        var mark = owner.marks[Keys.publicKey(signer(owner))] ?? 0
        if isCall { call(owner, &claims, &mark, &lent) } else { administer(owner, &claims, lent) }
        let step = UInt64(self[2])
        let seq = step < 128 ? mark + 1 + step : mark + 1 - min(mark, step - 127)
        claims.node[NodeKey.seq] = uint(seq)
        if let token { claims.node[NodeKey.token] = CBOR.encode { $0.bytes(token) } }
        let name = wrong == .typeName ? type == .command ? "state" : "command" : type.path
        var whole = Keys.signed(name, by: signer(owner), claims.encoded, network: Device.network + (wrong == .network ? 1 : 0))
        if wrong == .signature { whole[whole.count - 1 - Int(self[7] & 63)] ^= 1 << (self[6] & 7) }
        if wrong == .noSignature { whole.replaceSubrange((whole.count - 64)..., with: [UInt8](repeating: 0, count: 64)) }
        return whole
    }

    var wantsToken: Bool { has(0) || type == .takeover }
    /// For whom it fetches a token, if it wants one.
    func bearer(_ owner: Owner) -> UInt8 { wrong == .tokenOfAnother ? 14 : signer(owner) }
    /// It is written and not sent: only as one that comes again.
    var isLate: Bool { wrong == .late }

    private func uint(_ value: UInt64) -> [UInt8] { CBOR.encode { $0.uint(value) } }
    /// The time as its signer has it.
    private func now(_ owner: Owner) -> UInt64 { max(owner.latest, 2_000_000_000) }

    // MARK: Calls

    private func call(_ owner: Owner, _ claims: inout ClaimsMap, _ mark: inout UInt64, _ lent: inout [[UInt8]]) {
        let call = self.call
        claims.node[NodeKey.call] = CBOR.encode { writer in
            writer.array(call.argument == nil ? 2 : 3)
            writer.text(call.device)
            writer.text(call.method)
            if let argument = call.argument { writer.uint(UInt64(argument)) }
        }
        if has(1) { claims.cwt[CWTKey.expiry] = uint(now(owner) + 20 + (depth == 0 ? UInt64(self[5]) * 20 : 0)) }
        if has(2) { claims.cwt[CWTKey.issuedAt] = uint(now(owner)) }
        let word = owner.words[Array(call.device.utf8)] ?? 0
        if depth > 0 {
            let grant = grant(owner, depth, &lent)
            claims.node[NodeKey.nested] = CBOR.encode(capacity: grant.count + 16) { $0.bytes(grant) }
            mark = owner.grants[Array(grant.suffix(64).prefix(8))]?.seq ?? 0
            if type == .state { mark = max(mark, word) }
        } else {
            mark = type == .state ? word : max(mark, word)
        }
    }

    /// The grant of the holder at `depth`, 1 for the one whom the owner gave it.
    private func grant(_ owner: Owner, _ depth: Int, _ lent: inout [[UInt8]]) -> [UInt8] {
        var claims = ClaimsMap()
        let terms = self[5], isLeaf = depth == self.depth
        claims.cwt[CWTKey.audience] = CBOR.encode {
            $0.text(wrong == .grantAddress ? "node1q" : String(decoding: owner.address, as: UTF8.self))
        }
        claims.cwt[CWTKey.confirmation] = ClaimsMap.confirmation(Keys.publicKey(UInt8(7 + depth)))
        if terms >> 5 & 1 == 1 || self.depth > 1 && depth == 1 { claims.cwt[CWTKey.expiry] = uint(2_000_100_000) }
        if terms >> 6 & 1 == 1, isLeaf { claims.cwt[CWTKey.notBefore] = uint(2_000_000_000 + (terms >> 7 & 1 == 1 ? 5000 : 0)) }
        claims.node[NodeKey.epoch] = uint(UInt64(owner.epoch) + (wrong == .grantEpoch ? 1 : 0))
        let scope = Letter.scopes[Int(terms >> 2 & 3)]
        claims.node[NodeKey.scope] = CBOR.encode { writer in
            writer.array(scope.count)
            for names in scope {
                writer.array(names.count)
                for name in names { writer.text(name) }
            }
        }
        if depth > 1 {
            let parent = grant(owner, depth - 1, &lent)
            claims.node[NodeKey.nested] = CBOR.encode(capacity: parent.count + 16) { $0.bytes(parent) }
        }
        if isLeaf, terms & 3 > 0 { claims.node[NodeKey.uses] = uint(UInt64([1, 2, 5][Int(terms & 3) - 1])) }
        let hops = self.depth - depth
        if hops > 0, wrong != .hops { claims.node[NodeKey.hops] = uint(UInt64(hops)) }
        if isLeaf, terms >> 4 & 1 == 1 {
            claims.node[NodeKey.meter] = CBOR.encode { writer in
                writer.array(2)
                writer.uint(40)
                writer.uint(3)
            }
        }
        let right = depth > 1 ? UInt8(6 + depth) : owner.rights.owner.flatMap(Keys.number) ?? 3
        let whole = Keys.signed(wrong == .grantType ? "command" : "grant", by: wrong == .giver ? 14 : right, claims.encoded)
        let id = Array(whole.suffix(64).prefix(8))
        if !lent.contains(id) { lent.append(id) }
        return whole
    }

    // MARK: Administration

    private func administer(_ owner: Owner, _ claims: inout ClaimsMap, _ lent: [[UInt8]]) {
        switch type {
        case .bind, .transfer, .rotate, .recover:
            claims.cwt[CWTKey.confirmation] = ClaimsMap.confirmation(Keys.publicKey(heir))
        case .takeover: claims.cwt[CWTKey.confirmation] = ClaimsMap.confirmation(Keys.publicKey(signer(owner)))
        case .revoke, .tick:
            let id = lent.isEmpty ? [UInt8](repeating: self[6] | 1, count: 8) : lent[Int(self[6]) % lent.count]
            claims.node[NodeKey.grantID] = CBOR.encode { $0.bytes(id) }
            if type == .tick { claims.node[NodeKey.paid] = uint(UInt64(self[7] % 4) + 1) }
        case .time: claims.cwt[CWTKey.issuedAt] = uint(now(owner) + UInt64(self[6]) * 100)
        case .settings: claims.node[NodeKey.flags] = uint(self[6] & 1 == 0 ? 1 : 0)
        case .backups: claims.node[NodeKey.backups] = backups
        default: break
        }
        if let recovery, type == .bind || type == .transfer {
            claims.node[NodeKey.recoveryKey] = CBOR.encode { $0.bytes(Keys.publicKey(recovery)) }
        }
        agree(owner, &claims)
    }

    private var backups: [UInt8] {
        let count = self[7] == 0 ? 1 : Int(self[7]) % 4, silence: UInt64 = has(7) ? 100_000 : 30
        return CBOR.encode { writer in
            writer.array(count)
            for rank in 0..<count {
                writer.array(2)
                writer.bytes(Keys.publicKey(UInt8(6 + rank)))
                writer.uint(silence + UInt64(rank))
            }
        }
    }

    /// The acceptance and the consent that a change of ownership needs.
    private func agree(_ owner: Owner, _ claims: inout ClaimsMap) {
        var next = owner.rights
        switch type {
        case .bind, .transfer: next = Rights(owner: Keys.publicKey(heir), recovery: recovery.map(Keys.publicKey))
        case .rotate: next.owner = Keys.publicKey(heir)
        case .release: next = Rights()
        default: return
        }
        if type != .release, wrong != .noAcceptance {
            var acceptance = agreement(owner, next)
            acceptance.cwt[CWTKey.confirmation] = ClaimsMap.confirmation(Keys.publicKey(heir))
            let from =
                wrong == .counterparty
                ? Keys.publicKey(13) : type == .bind ? Keys.publicKey(2) : owner.rights.owner ?? Keys.publicKey(3)
            acceptance.node[NodeKey.counterparty] = CBOR.encode { $0.bytes(from) }
            let whole = Keys.signed("accept", by: wrong == .acceptance ? 14 : heir, acceptance.encoded)
            claims.node[NodeKey.nested] = CBOR.encode(capacity: 512) { $0.bytes(whole) }
        }
        guard type == .release || type == .transfer, let recovery = owner.rights.recovery, !has(1) else { return }
        let by = wrong == .consent ? 14 : Keys.number(of: recovery) ?? 5
        let whole = Keys.signed("consent", by: by, agreement(owner, next).encoded)
        claims.node[NodeKey.consent] = CBOR.encode(capacity: 512) { $0.bytes(whole) }
    }

    private func agreement(_ owner: Owner, _ next: Rights) -> ClaimsMap {
        var claims = ClaimsMap()
        claims.cwt[CWTKey.audience] = CBOR.encode { $0.text(owner.address.span.bytes) }
        claims.node[NodeKey.epoch] = uint(UInt64(owner.epoch))
        claims.node[NodeKey.purpose] = uint(UInt64(type.rawValue) + (wrong == .purpose ? 1 : 0))
        claims.node[NodeKey.authorities] = CBOR.encode { $0.bytes(wrong == .authorities ? owner.rights.digest : next.digest) }
        return claims
    }
}

/// A claims set, as encoded values by key.
struct ClaimsMap {
    var cwt: [Int32: [UInt8]] = [:]
    var node: [Int32: [UInt8]] = [:]

    static func confirmation(_ key: [UInt8]) -> [UInt8] { [0xa1, 0x01, 0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20] + key }

    var encoded: [UInt8] {
        CBOR.encode(capacity: 1024) { writer in
            writer.map(cwt.count + 1)
            Self.write(cwt, to: &writer)
            writer.key(Protocol.privateClaim)
            writer.map(node.count)
            Self.write(node, to: &writer)
        }
    }

    private static func write(_ claims: [Int32: [UInt8]], to writer: inout CBORWriter) {
        for (key, value) in claims.sorted(by: { $0.key < $1.key }) {
            writer.key(key)
            writer.raw(value.span.bytes)
        }
    }
}
