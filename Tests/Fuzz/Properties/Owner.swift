// The executor's judge: who owns the device, what was accepted so far, and so what a message may do. Necessary conditions only, from
// docs/protocol.md; the device may refuse more.
import CBOR
import Vocabulary

/// What the harness knows beside the device.
struct Owner {
    /// A token that the device gave, for whom and when.
    struct Token {
        var signer: [UInt8]
        var issued: UInt64
    }

    /// What came of a grant so far.
    struct Grant {
        var (seq, used, paid): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var isRevoked = false
    }

    let address: [UInt8]
    var condition = Condition.unowned
    var epoch: UInt32 = 0
    var rights = Rights()
    /// The highest number accepted of each key, and the owner's newest word on each device.
    var marks: [[UInt8]: UInt64] = [:]
    var words: [[UInt8]: UInt64] = [:]
    var grants: [[UInt8]: Grant] = [:]
    var tokens: [[UInt8]: Token] = [:]
    /// Uptimes in microseconds; nil for none in this epoch or since the last start.
    var heard: UInt64 = 0
    var epochBegan: UInt64?
    var handedOn: UInt64?
    var pressed: UInt64?
    /// The last time that was told with a token, and when; the latest that the time may be told to have begun.
    var time: (seconds: UInt64, received: UInt64)?
    var latest: UInt64 = 0

    init(address: [UInt8]) { self.address = address }

    mutating func reboot() {
        (heard, epochBegan, handedOn, pressed, time, tokens) = (0, nil, nil, nil, nil, [:])
    }

    mutating func pass(microseconds: UInt64) { latest += microseconds / 1_000_000 + 1 }

    /// The button was held: nobody's, in another epoch.
    mutating func reset(at uptime: UInt64) { begin(Rights(), at: uptime) }

    private mutating func begin(_ next: Rights, at uptime: UInt64) {
        handedOn = rights.owner == nil ? nil : uptime
        (rights, condition, epoch) = (next, next.owner == nil ? .unowned : .owned, epoch + 1)
        (marks, words, grants, time, latest) = ([:], [:], [:], nil, 0)
        (heard, epochBegan, pressed) = (uptime, uptime, nil)
    }

    // MARK: May it?

    /// The key that must have signed a message; nil if nobody may send it.
    func signer(_ type: MessageType, _ message: Statement) -> [UInt8]? {
        switch type {
        case .bind: return Keys.publicKey(2)
        case .recover: return rights.recovery
        case .takeover: return rights.backups.contains { $0.key == message.confirmation } ? message.confirmation : nil
        case .command, .state:
            guard let grant = message.nested else { return rights.owner }
            return Statement(grant)?.confirmation
        default: return rights.owner
        }
    }

    /// Why a message may not be accepted; nil if it may.
    func objection(_ type: MessageType, _ message: Statement, at uptime: UInt64) -> String? {
        guard message.audience == address, message.epoch == UInt64(epoch) else { return "another device's or epoch's" }
        guard condition == (type == .bind ? .unowned : .owned) else { return "the device is \(condition)" }
        guard let key = signer(type, message) else { return "nobody may send it" }
        guard let seq = message.seq, seq > 0 else { return "no number" }
        if let wrong = replay(type, message, key, seq) ?? chain(type, message, uptime) { return wrong }
        if let wrong = freshness(message, key, uptime) ?? life(message.expiry, message, uptime) { return wrong }
        guard Keys.hasSigned(key, type.path, message.whole) else { return "not signed by the key that may" }
        switch type {
        case .takeover: return takeover(message, uptime)
        case .rotate: return pace(uptime) ?? accepted(type, message)
        case .bind, .transfer, .release: return accepted(type, message) ?? consented(type, message)
        case .settings: return settings(message, uptime)
        default: return nil
        }
    }

    private func replay(_ type: MessageType, _ message: Statement, _ key: [UInt8], _ seq: UInt64) -> String? {
        let device = message.call.flatMap { call in Table.names.contains { Array($0.utf8) == call.device } ? call.device : nil }
        let word = device.flatMap { words[$0] } ?? 0
        let isState = type == .state && device != nil
        if let grant = message.nested.flatMap({ Statement($0) }), type == .command || type == .state {
            if seq <= grants[grant.mark]?.seq ?? 0 { return "replayed under a grant" }
        } else if !isState, type != .takeover, seq <= marks[key] ?? 0 {
            return "replayed"
        }
        if isState, seq <= word { return "an older state" }
        return type == .command && message.nested == nil && seq < word ? "superseded" : nil
    }

    /// Each grant by the holder of the one above it, the last by the owner.
    private func chain(_ type: MessageType, _ message: Statement, _ uptime: UInt64) -> String? {
        guard type == .command || type == .state else { return nil }
        var above = message.nested, depth: UInt64 = 0
        while let whole = above {
            guard let grant = Statement(whole) else { return "no grant" }
            guard grant.audience == address, grant.epoch == UInt64(epoch) else { return "a grant for another device or epoch" }
            guard depth < 3, grant.hops >= depth else { return "passed on too often" }
            let giver = grant.nested.map { Statement($0)?.confirmation } ?? rights.owner
            guard let giver, Keys.hasSigned(giver, "grant", whole) else { return "a grant that is not signed by its giver" }
            if let wrong = life(grant.expiry, grant, uptime) { return wrong }
            if let start = grant.notBefore, start > latest { return "a grant that has not begun" }
            (above, depth) = (grant.nested, depth + 1)
        }
        return nil
    }

    private func freshness(_ message: Statement, _ key: [UInt8], _ uptime: UInt64) -> String? {
        if let bytes = message.token {
            guard let token = tokens[bytes], key.starts(with: token.signer), uptime - token.issued <= 30_001_000 else {
                return "a token of another or too old"
            }
        } else if message.call?.device == Array("lock".utf8) {
            guard let expiry = message.expiry else { return "no token" }
            if expiry > latest + 30 { return "an expiry far away in place of a token" }
        }
        return nil
    }

    private func life(_ expiry: UInt64?, _ message: Statement, _ uptime: UInt64) -> String? {
        guard let expiry else { return nil }
        if let time, expiry <= time.seconds + (uptime - time.received) / 1_000_000 { return "expired" }
        // The owner may tell the time with the message itself.
        if let issued = message.issuedAt, message.token != nil { return expiry <= issued ? "expired" : nil }
        return time == nil ? "the time is not known" : nil
    }

    private func pace(_ uptime: UInt64) -> String? {
        guard rights.recovery != nil, let handedOn else { return nil }
        return uptime - handedOn < 60_000_000 ? "within a minute of the last change" : nil
    }

    private func takeover(_ message: Statement, _ uptime: UInt64) -> String? {
        guard let backup = rights.backups.first(where: { $0.key == message.confirmation }) else { return "no backup" }
        if message.token == nil { return "no token" }
        return uptime - heard < UInt64(backup.silence) * 1_000_000 ? "the owner was heard" : pace(uptime)
    }

    private func settings(_ message: Statement, _ uptime: UInt64) -> String? {
        guard message.flags == 1 else { return nil }
        guard let pressed, uptime - pressed < 60_000_000 else { return "nobody pressed the button" }
        return uptime - (epochBegan ?? 0) < 86_400_000_000 ? "not settled" : nil
    }

    private func accepted(_ type: MessageType, _ message: Statement) -> String? {
        guard type != .release else { return nil }
        guard let heir = message.confirmation, let nested = message.nested, let acceptance = Statement(nested) else {
            return "no acceptance"
        }
        guard Keys.hasSigned(heir, "accept", nested), acceptance.confirmation == heir, agrees(acceptance, type, message) else {
            return "not accepted by the new owner"
        }
        return acceptance.counterparty == signer(type, message) ? nil : "accepted from another"
    }

    private func consented(_ type: MessageType, _ message: Statement) -> String? {
        guard type != .bind, let recovery = rights.recovery else { return nil }
        guard let whole = message.consent, let consent = Statement(whole), Keys.hasSigned(recovery, "consent", whole) else {
            return "no consent"
        }
        return agrees(consent, type, message) ? nil : "consent to something else"
    }

    private func agrees(_ consent: Statement, _ type: MessageType, _ message: Statement) -> Bool {
        consent.audience == address && consent.epoch == UInt64(epoch) && consent.purpose == UInt64(type.rawValue)
            && consent.authorities == result(type, message).digest
    }

    /// Why a call that was accepted may not move a device.
    func restraint(_ message: Statement) -> String? {
        guard let call = message.call else { return "no call" }
        var above = message.nested
        while let grant = above.flatMap({ Statement($0) }) {
            let known = grants[grant.mark] ?? Grant()
            if known.isRevoked { return "under a grant that was revoked" }
            if let uses = grant.uses, known.used >= uses { return "under a grant that is used up" }
            if grant.isMetered, known.paid == 0 { return "under a grant that is not paid" }
            if !grant.covers(call) { return "under a grant that does not cover it" }
            above = grant.nested
        }
        return nil
    }

    // MARK: What comes of it

    /// All who can act after a change of ownership.
    func result(_ type: MessageType, _ message: Statement) -> Rights {
        var next = rights
        switch type {
        case .bind, .transfer: return Rights(owner: message.confirmation, recovery: message.recoveryKey)
        case .release: return Rights()
        case .recover: (next.backups, next.forbidsReset) = ([], false)
        case .takeover:
            if let rank = next.backups.firstIndex(where: { $0.key == message.confirmation }) { next.backups.remove(at: rank) }
        default: break
        }
        next.owner = message.confirmation
        return next
    }

    /// A message was accepted.
    mutating func accept(_ type: MessageType, _ message: Statement, outcome: UInt64?, at uptime: UInt64) {
        guard let seq = message.seq, let key = signer(type, message) else { return }
        if type == .command || type == .state, message.nested != nil { return use(message, seq, outcome) }
        if type != .state { marks[key] = max(marks[key] ?? 0, seq) }
        if key == rights.owner { hear(message, outcome, uptime) }
        switch type {
        case .command, .state: if let device = message.call?.device { words[device] = max(words[device] ?? 0, seq) }
        case .revoke: grants[message.grantID ?? [], default: Grant()].isRevoked = true
        case .tick: note(paid: message)
        case .backups: rights.backups = message.backups ?? []
        case .settings: (rights.forbidsReset, pressed) = (message.flags == 1, nil)
        case .time: break
        default: begin(result(type, message), at: uptime)
        }
    }

    mutating func note(paid message: Statement) {
        let id = message.grantID ?? []
        grants[id, default: Grant()].paid = max(grants[id]?.paid ?? 0, message.paid ?? 0)
    }

    private mutating func use(_ message: Statement, _ seq: UInt64, _ outcome: UInt64?) {
        var above = message.nested, isLeaf = true
        while let grant = above.flatMap({ Statement($0) }) {
            // Done, unknown or a fault of the device: it may have had an effect.
            if outcome == 0 || outcome == 7 { grants[grant.mark, default: Grant()].used += 1 }
            if isLeaf { grants[grant.mark, default: Grant()].seq = seq }
            (above, isLeaf) = (grant.nested, false)
        }
    }

    private mutating func hear(_ message: Statement, _ outcome: UInt64?, _ uptime: UInt64) {
        heard = uptime
        guard let seconds = message.issuedAt else { return }
        latest = max(latest, seconds)
        if message.token != nil { time = (seconds, uptime) }
    }
}

extension MessageType {
    /// The path that takes it.
    var path: String { String(decoding: name.bytes.array, as: UTF8.self) }
}
