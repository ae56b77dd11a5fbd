// What the protocol says a device does, written down a second time and as plainly as possible: no flash, no signatures, no bytes.

import LightNode
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

/// A message as the model sees it. Who signed it is a fact here, not something to verify.
struct Letter {
    enum Kind: Equatable {
        case command, state, bind, release, transfer, rotate, recover, backups, takeover, revoke, tick, time
        var raisesEpoch: Bool {
            switch self {
            case .bind, .release, .transfer, .rotate, .recover, .takeover: true
            default: false
            }
        }
    }
    var kind: Kind
    var signer: Int
    var epoch: UInt32
    var seq: UInt64
    var device = 0
    /// led: 0 off, 1 on, 2 toggle; gauge: the level; lock: 1 open.
    var action: Int32 = 0
    var token: [UInt8]?
    /// To whom the token was given, when in microseconds of uptime, and in which boot.
    var tokenHolder = -1
    var tokenIssued: UInt64 = 0
    var tokenBoot = 0
    /// What the acceptance or consent inside it says comes of it.
    var result: Authorities?
    var expires: UInt64?
    var grant: Int?
    /// Its id.
    var grantID: [UInt8]?
    var heir = 0
    var silences: [UInt32] = []
    var paid: UInt16 = 0
    var seconds: UInt64 = 0
    var message: SignedMessage
}

struct Model {
    /// Keys are numbers: 0–2 owners, 3 recovery, 4 backup, 5 holder, 6 stranger, 7 claim.
    static let (recovery, backup, holder, claim) = (3, 4, 5, 7)
    /// Whose mark a message of the owner raises, whoever that is.
    private static let ownerRole = 100
    var ownerMark: UInt64 { marks[Model.ownerRole, default: 0] }
    static let deviceNames = ["led", "lock", "gauge"]

    struct Lent: Equatable {
        var (seq, used): (UInt64, Int) = (0, 0)
        /// Entries in the log since the owner was heard.
        var unheard = 0
        var revoked = false
        /// Its holder has a receipt that says that it has ended.
        var told = false
        var (paid, begun): (UInt16, UInt16) = (0, 0)
        var running = false
        var start: UInt64 = 0
        var devices: Set<Int> = []
    }

    /// The grants that owners give in every epoch, by number: uses, and seconds and number of ticks.
    static let terms: [(uses: Int, tick: UInt64, ticks: UInt16)] = [(0, 0, 0), (4, 0, 0), (0, 40, 3)]

    var owner: Int?
    var epoch: UInt32 = 0
    var hasRecovery = false
    var backups: [UInt32] = []
    var marks: [Int: UInt64] = [:]
    var states: [Int: UInt64] = [:]
    var lent: [Int: Lent] = [:]
    var levels: [Int32] = [0, 0, 0]
    var heard: UInt64 = 0
    var uptime: UInt64 = 0
    // Time.
    var (floor, saved): (UInt64, UInt64) = (0, 0)
    /// The floor at the last boot, in this epoch.
    var atBoot: UInt64 = 0
    var statement: (seconds: UInt64, issued: UInt64, received: UInt64)?
    var boot = 0
    /// Uptime at which one owner's node became another's; nil when that was before the last boot.
    var handedOn: UInt64?
    /// Entries that a grant without uses may make until the owner is heard: a quarter of what the log holds.
    static let share = 5 * 26 / 4
    static let freshness: UInt64 = 30_000_000

    enum Verdict: Equatable {
        case refused(Reason)
        case accepted(Int32?, Vocabulary.Outcome)
    }

    // MARK: Time

    var earliest: UInt64 { statement.map { max(floor, $0.seconds + (uptime - $0.received) / 1_000_000) } ?? floor }
    var latest: UInt64? { statement.map { max(floor, $0.seconds + (uptime - $0.issued + 999_999) / 1_000_000) } }

    private func expiry(_ at: UInt64) -> Reason? {
        if floor >= at { return .expired }
        guard let latest else { return .timeUnknown }
        return latest >= at ? .expired : nil
    }

    mutating func poll() {
        for id in lent.keys {
            let tick = Model.terms[id].tick * 1_000_000
            guard lent[id]!.running, uptime - lent[id]!.start >= tick else { continue }
            if mayBegin(id) {
                lent[id]!.begun += 1
                lent[id]!.start += tick
            } else {
                end(id)
            }
        }
        if statement != nil { floor = max(floor, earliest) }
        if floor >= saved + 900 { saved = floor }
    }

    // MARK: Grants

    private func mayBegin(_ id: Int) -> Bool { lent[id]!.begun < lent[id]!.paid && lent[id]!.begun < Model.terms[id].ticks }

    private mutating func end(_ id: Int) {
        for device in lent[id]!.devices { levels[device] = 0 }
        lent[id]!.devices = []
        lent[id]!.running = false
    }

    /// How a grant has ended, nil while it holds.
    func end(of id: Int) -> Vocabulary.Outcome? {
        let slot = lent[id] ?? Lent()
        if slot.revoked { return .grantRevoked }
        if Model.terms[id].uses != 0, slot.used >= Model.terms[id].uses { return .grantUsedUp }
        if Model.terms[id].tick != 0, !slot.running, lent[id] == nil || !mayBegin(id) { return .grantUsedUp }
        return nil
    }

    // MARK: Messages

    /// What becomes of `letter`; the model is then in the state after it.
    mutating func receive(_ letter: Letter) -> Verdict {
        if let reason = refusal(letter) { return .refused(reason) }
        let ended = letter.grant.flatMap { end(of: $0) }
        spend(letter)
        if let id = letter.grant, let ended {
            lent[id]!.told = true
            lent[id]!.used -= 1
            return .accepted(nil, ended)
        }
        let outcome = letter.kind == .time ? judge(letter) : .done
        return .accepted(perform(letter), outcome)
    }

    /// The checks in the order of docs/protocol.md.
    func refusal(_ letter: Letter) -> Reason? {
        if letter.epoch != epoch { return .wrongEpoch }
        if (letter.kind == .bind) != (owner == nil) { return .wrongState }
        if letter.kind == .recover, !hasRecovery { return .forbidden }
        if letter.kind == .takeover, backups.isEmpty { return .forbidden }
        if let reason = sequence(letter) { return reason }
        if let at = letter.expires, let reason = expiry(at) { return reason }
        let signer = letter.grant == nil ? (role(letter) == Model.ownerRole ? owner! : role(letter)) : Model.holder
        if letter.token != nil {
            let isGood =
                letter.tokenHolder == signer && letter.tokenBoot == boot && uptime - letter.tokenIssued <= Model.freshness
            if !isGood { return .tokenInvalid }
        } else if letter.device == 1, letter.isCall {
            guard let at = letter.expires, at <= earliest + Model.freshness / 1_000_000 else { return .tokenRequired }
        }
        if let id = letter.grant, let slot = lent[id] {
            if slot.told, let end = end(of: id) { return end == .grantRevoked ? .grantRevoked : .grantUsedUp }
            if slot.unheard >= Model.share + Model.terms[id].uses { return .logFull }
        }
        if letter.signer != signer { return .badSignature }
        return late(letter)
    }

    private func sequence(_ letter: Letter) -> Reason? {
        let isState = letter.kind == .state
        if let id = letter.grant {
            if let slot = lent[id], letter.seq <= slot.seq { return .replayed }
        } else if !isState, role(letter) == Model.ownerRole, letter.seq <= ownerMark {
            return .replayed
        }
        guard letter.isCall, isState || letter.grant == nil else { return nil }
        let newest = states[letter.device, default: 0]
        if isState, letter.seq == newest { return .replayed }
        return letter.seq < newest ? .superseded : nil
    }

    /// What only a known sender is told.
    private func late(_ letter: Letter) -> Reason? {
        if letter.kind == .rotate || letter.kind == .takeover, hasRecovery, let handedOn, uptime - handedOn < 60_000_000 {
            return .tooManyAttempts
        }
        if letter.kind == .takeover, uptime - heard < UInt64(backups[0]) * 1_000_000 { return .ownerAlive }
        if let result = letter.result, result != self.result(letter) { return .consentInvalid }
        return nil
    }

    /// All who can act on the node after a change of ownership.
    func result(_ letter: Letter) -> Authorities {
        let heir = Walk.keys[letter.heir].publicKey
        switch letter.kind {
        case .bind: return Authorities(owner: heir, recovery: Cast.recovery.publicKey)
        case .rotate: return authorities(heir)
        case .transfer: return Authorities(owner: heir)
        default: return .none
        }
    }

    /// Those of now, with another owner.
    private func authorities(_ owner: PublicKey) -> Authorities {
        Authorities(
            owner: owner, recovery: hasRecovery ? Cast.recovery.publicKey : nil,
            backups: backups.map { Backup(key: Cast.backup.publicKey, silence: $0) })
    }

    /// What becomes of a statement of time, before it is taken.
    private mutating func judge(_ letter: Letter) -> Vocabulary.Outcome {
        if letter.token == nil { return letter.seconds > floor && letter.seconds <= ceiling ? .done : .timeKept }
        return letter.seconds + 60 >= earliest || mayGoBack ? .done : .timeHeld
    }

    /// No grant of the walk ends by time.
    private var mayGoBack: Bool { true }

    /// How far a statement without a token may go.
    private var ceiling: UInt64 {
        if let statement { return statement.seconds + (uptime - statement.received) / 1_000_000 + 86_400 }
        return atBoot == 0 ? 0 : atBoot + uptime / 1_000_000 + 86_400
    }

    private func role(_ letter: Letter) -> Int {
        switch letter.kind {
        case .bind: Model.claim
        case .recover: Model.recovery
        case .takeover: Model.backup
        default: Model.ownerRole
        }
    }

    /// The number of an accepted letter is used up, whatever comes of it.
    mutating func spend(_ letter: Letter) {
        if let id = letter.grant {
            lent[id, default: Lent()].seq = letter.seq
            lent[id]!.used += 1
            lent[id]!.unheard += 1
            return
        }
        if letter.kind != .state { marks[role(letter)] = letter.seq }
        guard role(letter) == Model.ownerRole else { return }
        if letter.isCall { states[letter.device] = letter.seq }
        for id in lent.keys { lent[id]!.unheard = 0 }
    }

    private mutating func perform(_ letter: Letter) -> Int32? {
        if letter.grant == nil, letter.signer == owner {
            heard = uptime
            if letter.kind == .time { accept(letter) }
        }
        switch letter.kind {
        case .command, .state: return move(letter)
        case .bind: change(to: letter.heir, recovery: true, backups: [])
        case .release: change(to: nil, recovery: false, backups: [])
        case .transfer: change(to: letter.heir, recovery: false, backups: [])
        case .rotate: change(to: letter.heir, recovery: hasRecovery, backups: backups)
        case .recover: change(to: letter.heir, recovery: hasRecovery, backups: [])
        case .takeover: change(to: Model.backup, recovery: hasRecovery, backups: Array(backups.dropFirst()))
        case .backups:
            backups = letter.silences
            heard = uptime
        case .revoke:
            lent[letter.heir, default: Lent()].revoked = true
            end(letter.heir)
        case .tick:
            if letter.paid > lent[letter.heir]?.paid ?? 0 {
                lent[letter.heir, default: Lent()].paid = letter.paid
                lent[letter.heir]!.told = false
            }
        case .time: saved = floor
        }
        return nil
    }

    private mutating func accept(_ letter: Letter) {
        if letter.token == nil {
            if letter.seconds <= ceiling { floor = max(floor, letter.seconds) }
            return
        }
        statement = (letter.seconds, letter.tokenIssued, uptime)
        floor = letter.seconds
    }

    private mutating func move(_ letter: Letter) -> Int32? {
        if let id = letter.grant {
            lent[id]!.devices.insert(letter.device)
            if Model.terms[id].tick != 0, !lent[id]!.running {
                lent[id]!.running = true
                lent[id]!.begun += 1
                lent[id]!.start = uptime
            }
        }
        if letter.device == 0 {
            levels[0] = letter.action == 2 ? 1 - levels[0] : letter.action
            return nil
        }
        levels[letter.device] = letter.action
        return letter.device == 2 ? letter.action : nil
    }

    mutating func change(to heir: Int?, recovery: Bool, backups: [UInt32]) {
        handedOn = owner == nil ? nil : uptime
        (owner, hasRecovery, self.backups) = (heir, recovery, backups)
        epoch += 1
        (marks, states, lent, levels) = ([:], [:], [:], [0, 0, 0])
        (floor, saved, atBoot, statement) = (0, 0, 0, nil)
        heard = uptime
    }

    mutating func reboot() {
        (uptime, heard, levels, statement, floor, atBoot, handedOn) = (0, 0, [0, 0, 0], nil, saved, saved, nil)
        boot += 1
        for id in lent.keys {
            lent[id]!.running = false
            lent[id]!.devices = []
        }
    }
}

extension Letter {
    var isCall: Bool { kind == .command || kind == .state }
}
