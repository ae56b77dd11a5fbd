// What the protocol says a device does, written down a second time and as plainly as possible: no flash, no signatures, no bytes.

import LightNode

@testable import ControlNode

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
    var statement: (seconds: UInt64, issued: UInt64, received: UInt64)?
    var token: (bytes: [UInt8], issued: UInt64)?

    enum Verdict: Equatable {
        case refused(Reason)
        case accepted(Int32?, LightNode.Outcome)
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
    func end(of id: Int) -> LightNode.Outcome? {
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
        let isTooEarly = letter.kind == .takeover && uptime - heard < UInt64(backups[0]) * 1_000_000
        spend(letter)
        if let id = letter.grant, let ended {
            lent[id]!.told = true
            if letter.token != nil { token = nil }
            return .accepted(nil, ended)
        }
        if isTooEarly { return .accepted(nil, .ownerAlive) }
        return .accepted(perform(letter), .done)
    }

    func refusal(_ letter: Letter) -> Reason? {
        if letter.epoch != epoch { return .wrongEpoch }
        if (letter.kind == .bind) != (owner == nil) { return .wrongState }
        let tokenWrong = letter.token != nil && letter.token != token?.bytes
        switch letter.kind {
        case .command, .state:
            if let at = letter.expires, let reason = expiry(at) { return reason }
            if tokenWrong { return .tokenInvalid }
            if letter.device == 1, letter.token == nil, letter.expires == nil { return .tokenRequired }
            if letter.kind == .state, letter.seq <= states[letter.device, default: 0] {
                return letter.seq == states[letter.device] ? .replayed : .superseded
            }
            guard let id = letter.grant else {
                if letter.kind == .command, letter.seq <= ownerMark { return .replayed }
                return letter.signer == owner ? nil : .badSignature
            }
            if let slot = lent[id] {
                if letter.seq <= slot.seq { return .replayed }
                if slot.told, let end = end(of: id) { return end == .grantRevoked ? .grantRevoked : .grantUsedUp }
            }
            return letter.signer == Model.holder ? nil : .badSignature
        case .recover where !hasRecovery: return .forbidden
        case .takeover where backups.isEmpty: return .forbidden
        default: break
        }
        if letter.seq <= marks[role(letter), default: 0] { return .replayed }
        if tokenWrong { return .tokenInvalid }
        let special = role(letter) == Model.ownerRole ? owner! : role(letter)
        return letter.signer == special ? nil : .badSignature
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
        } else if letter.kind == .state {
            states[letter.device] = letter.seq
        } else {
            marks[role(letter)] = letter.seq
        }
    }

    private mutating func perform(_ letter: Letter) -> Int32? {
        if letter.grant == nil, letter.signer == owner {
            heard = uptime
            if letter.kind == .time { accept(letter) }
        }
        if letter.token != nil { token = nil }
        switch letter.kind {
        case .command, .state: return move(letter)
        case .bind: change(to: letter.heir, recovery: true, backups: [])
        case .release: change(to: nil, recovery: false, backups: [])
        case .transfer: change(to: letter.heir, recovery: false, backups: [])
        case .rotate, .recover: change(to: letter.heir, recovery: hasRecovery, backups: backups)
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
        case .time: saved = max(saved, floor)
        }
        return nil
    }

    private mutating func accept(_ letter: Letter) {
        floor = max(floor, letter.seconds)
        guard letter.token != nil, let token else { return }
        if statement != nil && letter.seconds < earliest { return }
        statement = (letter.seconds, token.issued, uptime)
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
        (owner, hasRecovery, self.backups) = (heir, recovery, backups)
        epoch += 1
        (marks, states, lent, levels) = ([:], [:], [:], [0, 0, 0])
        heard = uptime
    }

    mutating func reboot() {
        (uptime, heard, levels, token, statement, floor) = (0, 0, [0, 0, 0], nil, nil, saved)
        for id in lent.keys {
            lent[id]!.running = false
            lent[id]!.devices = []
        }
    }
}
