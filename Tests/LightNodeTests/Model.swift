// What the protocol says a device does, written down a second time and as plainly as possible: no flash, no signatures, no bytes.

import LightNode
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

struct Model {
    /// Keys are numbers of `Walk.keys`.
    static let (stranger, claim) = (6, 7)
    /// Whose mark a message raises.
    enum Role { case owner, claim, recovery, backup }

    var owner: Int?
    var epoch: UInt32 = 0
    var recovery: Int?
    var deputies: [Deputy] = []
    var forbidsReset = false
    var marks: [Role: UInt64] = [:]
    /// The owner's newest word on each device.
    var words: [Int: UInt64] = [:]
    var slots = [Slot?](repeating: nil, count: 8)
    /// A grant that ended by time is no longer known.
    var hasForgotten = false
    var levels: [Int32] = [0, 0, 0]
    var heard: UInt64 = 0
    var uptime: UInt64 = 0
    var boot = 0
    /// Uptime at which one owner's node became another's, and at which the epoch began; nil when that was before the last boot.
    var handedOn: UInt64?
    var epochBegan: UInt64?
    /// Uptime of the last press of the button.
    var pressed: UInt64?
    // Time.
    var (floor, saved): (UInt64, UInt64) = (0, 0)
    /// The floor at the last boot, in this epoch.
    var atBoot: UInt64 = 0
    var statement: (seconds: UInt64, issued: UInt64, received: UInt64)?
    static let freshness: UInt64 = 30_000_000

    enum Verdict: Equatable {
        case refused(Reason)
        case accepted(Int32?, Vocabulary.Outcome)
    }

    // MARK: Time

    var earliest: UInt64 { statement == nil ? floor : max(floor, expected) }
    var latest: UInt64? { statement.map { max(floor, $0.seconds + Model.seconds(uptime - $0.issued)) } }

    /// Microseconds in seconds, rounded up.
    static func seconds(_ microseconds: UInt64) -> UInt64 { (microseconds + 999_999) / 1_000_000 }

    /// The time by the last statement with a token alone: the floor may be ahead of it.
    var expected: UInt64 {
        statement.map { $0.seconds + (uptime - $0.received) / 1_000_000 } ?? atBoot + uptime / 1_000_000
    }

    /// How far a statement without a token may go.
    private var ceiling: UInt64 { statement == nil && atBoot == 0 ? 0 : expected + 86_400 }

    /// The end of a grant depends on the time, so that it cannot be set back.
    private var dependsOnTime: Bool { hasForgotten || slots.contains { $0.map { $0.expiry != 0 } ?? false } }

    /// What becomes of a statement of time, before it is taken.
    private func judge(_ seconds: UInt64, hasToken: Bool) -> Vocabulary.Outcome {
        if !hasToken { return seconds > floor && seconds <= ceiling ? .done : .timeKept }
        return seconds + 60 >= earliest || !dependsOnTime ? .done : .timeHeld
    }

    private mutating func accept(_ seconds: UInt64, _ letter: Letter) {
        guard letter.token != nil else {
            if seconds <= ceiling { floor = max(floor, seconds) }
            return
        }
        let now = letter.kind == .time && !dependsOnTime ? seconds : max(seconds, earliest)
        statement = (now, letter.tokenIssued, uptime)
        floor = now
    }

    mutating func poll() {
        pollGrants()
        if statement != nil { floor = max(floor, earliest) }
        if floor >= saved + 900 || floor < saved { saved = floor }
    }

    // MARK: Messages

    /// What becomes of `letter`; the model is then in the state after it.
    mutating func receive(_ letter: Letter) -> Verdict {
        if let reason = refusal(letter) { return .refused(reason) }
        let unmet = unmet(letter)
        claimSlots(letter, moves: unmet == nil)
        let judged = letter.kind == .time ? judge(letter.time!, hasToken: letter.token != nil) : .done
        spend(letter)
        if role(letter) == .owner, letter.chain.isEmpty {
            heard = uptime
            if let seconds = letter.time { accept(seconds, letter) }
        }
        if let unmet {
            tell(unmet, letter)
            return .accepted(nil, unmet)
        }
        guard letter.isCall else {
            perform(letter)
            return .accepted(nil, judged)
        }
        return move(letter)
    }

    func role(_ letter: Letter) -> Role {
        switch letter.kind {
        case .bind: .claim
        case .recover: .recovery
        case .takeover: .backup
        default: .owner
        }
    }

    /// The number of an accepted letter is used up, whatever comes of it.
    mutating func spend(_ letter: Letter) {
        if !letter.chain.isEmpty { return count(letter) }
        let role = role(letter)
        // A backup has no mark: its message is good while its token is.
        if letter.kind != .state, role != .backup { marks[role] = letter.seq }
        guard role == .owner else { return }
        if letter.isCall { words[letter.device] = letter.seq }
        for number in slots.indices { slots[number]?.unheard = 0 }
    }

    /// All who can act on the node after a letter that names an heir.
    func result(_ letter: Letter) -> Authorities {
        let heir = Walk.keys[letter.heir].publicKey
        switch letter.kind {
        case .rotate:
            var same = authorities
            same.owner = heir
            return same
        case .bind, .transfer: return Authorities(owner: heir, recovery: letter.recovery.map { Walk.keys[$0].publicKey })
        default: return .none
        }
    }

    /// All who can act on the node.
    var authorities: Authorities {
        guard let owner else { return .none }
        return Authorities(
            owner: Walk.keys[owner].publicKey, recovery: recovery.map { Walk.keys[$0].publicKey }, forbidsReset: forbidsReset,
            backups: deputies.map { Backup(key: Walk.keys[$0.key].publicKey, silence: $0.silence) })
    }

    private mutating func perform(_ letter: Letter) {
        let (recovery, deputies, forbids) = (recovery, deputies, forbidsReset)
        switch letter.kind {
        case .command, .state: break
        case .bind, .transfer: change(to: letter.heir, recovery: letter.recovery)
        case .release: change(to: nil)
        case .rotate: change(to: letter.heir, recovery: recovery, deputies, forbids)
        case .recover: change(to: letter.heir, recovery: recovery)
        case .takeover: change(to: letter.heir, recovery: recovery, deputies.filter { $0.key != letter.heir }, forbids)
        case .backups: self.deputies = letter.deputies
        case .settings: (forbidsReset, pressed) = (letter.forbids, nil)
        case .revoke: revoke(letter.named)
        case .tick: pay(letter.named, letter.paid)
        case .time: saved = floor
        }
    }

    private mutating func move(_ letter: Letter) -> Verdict {
        beginMeter(letter)
        if letter.device == 2, letter.action > 100 {
            takeBack(letter)
            return .accepted(nil, .outOfRange)
        }
        if letter.device == 0 {
            levels[0] = letter.action == 2 ? 1 - levels[0] : letter.action
            return .accepted(nil, .done)
        }
        levels[letter.device] = letter.action
        return .accepted(letter.device == 2 ? letter.action : nil, .done)
    }

    mutating func change(to heir: Int?, recovery: Int? = nil, _ deputies: [Deputy] = [], _ forbids: Bool = false) {
        handedOn = owner == nil ? nil : uptime
        (owner, self.recovery, self.deputies, forbidsReset) = (heir, recovery, deputies, forbids)
        epoch += 1
        (marks, words, levels) = ([:], [:], [0, 0, 0])
        (slots, hasForgotten) = ([Slot?](repeating: nil, count: 8), false)
        (floor, saved, atBoot, statement, pressed) = (0, 0, 0, nil, nil)
        (heard, epochBegan) = (uptime, uptime)
    }

    mutating func reboot() {
        (uptime, heard, levels, statement, floor, atBoot) = (0, 0, [0, 0, 0], nil, saved, saved)
        (handedOn, epochBegan, pressed) = (nil, nil, nil)
        boot += 1
        for number in slots.indices {
            slots[number]?.isRunning = false
            slots[number]?.devices = []
        }
    }
}
