// What must hold in a random walk whatever the model says: issue by issue, from the attacker's side. They are told from the facts of the walk, the true
// time and who signed what, and not from the model's.

import LightNode
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

extension Walk {
    // MARK: What an accepted message may do

    /// `letter` was accepted by a node that was in the state `before`, or a cut left its entry in the log.
    func watch(_ letter: Letter, _ before: Model, hasMoved: Bool) {
        // Nothing that was signed in another epoch has effect, unless its signer has a say in this one too.
        let haveASay = [before.owner, before.recovery, Model.claim] + before.deputies.map(\.key)
        if letter.signedIn != before.epoch, !haveASay.contains(letter.signer) || !letter.chain.isEmpty {
            diverge("it was signed in epoch \(letter.signedIn)", letter)
        }
        if letter.signer == Model.stranger { diverge("it is a stranger's", letter) }
        if letter.isCall, letter.device == 1 { watchFreshness(letter, before) }
        // While there is a recovery key, only what it has consented to removes it.
        let removes = letter.kind == .release || letter.kind == .transfer
        if removes, before.recovery != nil, letter.consent != before.recovery {
            diverge("the recovery key did not consent", letter)
        }
        // Operations are counted for each grant of the chain, over all boots.
        guard hasMoved else { return }
        for link in letter.chain {
            operations[link.id, default: 0] += 1
            if link.uses != 0, operations[link.id]! > link.uses {
                diverge("operation \(operations[link.id]!) under a grant of \(link.uses) uses", letter)
            }
        }
    }

    /// The lock opens within 30 s of the token, or before an end that its sender has set.
    private func watchFreshness(_ letter: Letter, _ before: Model) {
        tally[.fresh] += 1
        if letter.token != nil {
            let age = time - letter.tokenGivenAt
            if age > 30 { diverge("it demands freshness, and its token is \(age) s old", letter) }
        } else if letter.expires == nil {
            diverge("it demands freshness, and has neither token nor end", letter)
        } else if !hasLied, time >= letter.expires! {
            diverge("it ended \(time - letter.expires!) s ago", letter)
        }
    }

    // MARK: What outlives an owner

    /// Another epoch has begun: nothing that was set in the one before is left, nothing signed in it is taken.
    func endEpoch() {
        (hasLied, soloist) = (false, nil)
        lendings.removeFirst(max(0, lendings.count - 4))
        operations = [:]
        if let left = stage.leftovers { diverge("epoch \(stage.epoch) begins with \(left) of the one before") }
        let authorities = stage.authorities
        if authorities != model.authorities {
            diverge("epoch \(stage.epoch) obeys \(authorities), expected \(model.authorities)")
        }
        for letter in lettersOfThePast where stage.refusal(letter.message) == nil {
            diverge("accepted in epoch \(stage.epoch)", letter)
        }
    }

    // MARK: Thieves

    /// Somebody has a key that ranks below the recovery key, and does with it what it can. The recovery key then ends it. All on a copy.
    func recoverFromThief() throws {
        guard let owner = model.owner, let recovery = model.recovery else { return }
        tally[.thief] += 1
        let copy = stage.copy()
        copy.pass(seconds: 100)
        var thief = Walk.keys[owner]
        if chance(30), let deputy = model.deputies.first { thief = Walk.keys[deputy.key] }
        for _ in 0..<pick(6) { thief = try rob(copy, thief) }
        copy.forgetAttempts()
        if copy.authorities.recovery != Walk.keys[recovery].publicKey { return diverge("a thief has removed the recovery key") }
        let heir = Cast.key(24)
        let refusal = copy.refusal(.recover(copy.heading(), to: heir.publicKey, recovery: Walk.keys[recovery]))
        if let refusal { return diverge("a thief has kept the recovery key from recovering: \(refusal)") }
        if copy.authorities != Authorities(owner: heir.publicKey, recovery: Walk.keys[recovery].publicKey) {
            diverge("a thief has left \(copy.authorities)")
        }
        if let left = copy.leftovers { diverge("a thief has left \(left)") }
        for key in Walk.keys + [thief] where key.publicKey != heir.publicKey {
            copy.forgetAttempts()
            if copy.refusal(copy.command(by: key)) == nil { diverge("a thief's key still commands") }
            copy.forgetAttempts()
            if copy.refusal(try copy.takeover(by: key)) == nil { diverge("a thief's key takes over") }
        }
        copy.forgetAttempts()
        if copy.refusal(copy.command(by: heir)) != nil { diverge("after a theft the heir is not obeyed") }
    }

    /// One thing that a thief of `key` tries on a node; the key that it goes on with.
    private func rob(_ node: Stage, _ key: SigningKey) throws -> SigningKey {
        node.forgetAttempts()
        let mallory = Cast.mallory
        let heading = node.heading()
        switch pick(7) {
        case 0:
            var result = node.authorities
            result.owner = mallory.publicKey
            let acceptance = Acceptance(
                of: node.device, epoch: node.epoch, network: Cast.network, newOwner: mallory, purpose: .rotate,
                from: key.publicKey,
                resultingIn: result)
            if node.refusal(.rotate(heading, to: acceptance, owner: key)) == nil { return mallory }
        case 1:
            let acceptance = Acceptance(
                of: node.device, epoch: node.epoch, network: Cast.network, newOwner: mallory, purpose: .transfer,
                from: key.publicKey,
                resultingIn: Authorities(owner: mallory.publicKey))
            let consent = Consent(
                to: .transfer, of: node.device, epoch: node.epoch, network: Cast.network,
                resultingIn: Authorities(owner: mallory.publicKey).digest, recovery: key)
            if node.refusal(.transfer(heading, to: acceptance, consent: chance(50) ? consent : nil, owner: key)) == nil {
                return mallory
            }
        case 2: _ = node.refusal(.release(heading, owner: key))
        case 3: _ = node.refusal(.backups(heading, [.init(key: mallory.publicKey, silence: 1)], owner: key))
        case 4: _ = node.refusal(.time(heading, seconds: 1 << 39, token: try node.token(for: key), owner: key))
        case 5: if node.refusal(try node.takeover(by: key)) == nil { return key }
        default:
            let lent = node.grant(to: mallory, salt: UInt8(pick(256)), by: key)
            _ = node.refusal(node.command(by: mallory, grant: lent))
        }
        node.pass(seconds: UInt64(1 + pick(100)))
        return key
    }

    // MARK: Floods

    /// A stranger on one wire sends what it can. The owner is heard on the other at once, and on this one two seconds after the last.
    func flood() throws {
        guard let owner = model.owner else { return }
        tally[.flood] += 1
        let wire: WireNumber = chance(50) ? .serial : .usb
        var last: Reason?
        for _ in 0..<20 { last = stage.refusal(stage.command(by: Cast.mallory), wire: wire) }
        if last != .tooManyAttempts { diverge("the last of a flood was \(last.map { "\($0)" } ?? "accepted")") }
        if !isHeard(owner, on: wire == .serial ? .usb : .serial) { diverge("a flood on one wire blocks the other") }
        pass(seconds: 2)
        if !isHeard(owner, on: wire) { diverge("a flood blocks its own wire for more than two seconds") }
    }

    /// The owner's command is carried out.
    private func isHeard(_ owner: Int, on wire: WireNumber) -> Bool {
        let heading = stage.heading()
        var letter = Letter(
            kind: .command, signer: owner, epoch: model.epoch, seq: heading.sequence,
            message: .release(heading, owner: Cast.alice))
        (letter.device, letter.action) = (2, Int32(pick(101)))
        (letter.signedAt, letter.signedIn) = (time, model.epoch)
        letter.message = stage.command(
            "$('gauge').set(\(letter.action))", by: Walk.keys[owner], sequence: heading.sequence)
        let accepted = tally[.accepted]
        deliver(letter, wire: wire)
        return tally[.accepted] > accepted
    }

    // MARK: Comparing

    func note(_ letter: Letter, _ before: Model, _ outcome: Vocabulary.Outcome) {
        tally[.accepted] += 1
        if letter.time.map({ $0 != letter.signedAt }) ?? false { hasLied = true }
        if letter.time.map({ $0 > time }) ?? false { tally[.farTime] += 1 }
        if letter.chain.count > 1 { tally[.derived] += 1 }
        if letter.chain.contains(where: { $0.tick != 0 }), outcome == .done { tally[.metered] += 1 }
        if model.hasForgotten, !before.hasForgotten { tally[.slotReused] += 1 }
        switch (letter.kind, outcome) {
        case (.transfer, _): tally[.sale] += 1
        case (.takeover, _): tally[.takeover] += 1
        case (.recover, _): tally[.recovery] += 1
        case (.backups, _): if before.deputies.contains(where: { !letter.deputies.contains($0) }) { tally[.backupReplaced] += 1 }
        case (_, .grantUsedUp): tally[.usedUp] += 1
        case (_, .grantRevoked): tally[.revoked] += 1
        case (_, .timeHeld): tally[.timeHeld] += 1
        default: break
        }
    }

    func note(_ reason: Reason) {
        tally[.refused] += 1
        switch reason {
        case .grantSlotsFull: tally[.slotsFull] += 1
        case .logFull: tally[.logFull] += 1
        case .superseded: tally[.superseded] += 1
        default: break
        }
    }

    func compare() {
        if stage.condition != (model.owner == nil ? .unowned : .owned) { diverge("the device is \(stage.condition)") }
        if stage.epoch != model.epoch { diverge("epoch \(stage.epoch), expected \(model.epoch)") }
        if stage.ownerMark != model.marks[.owner] ?? 0 { diverge("high-water mark \(stage.ownerMark), expected \(model.marks)") }
        if stage.wires["led"] != UInt32(model.levels[0]) || stage.wires["gauge"] != UInt32(model.levels[2]) {
            diverge("pins \(stage.wires.levels), expected \(model.levels)")
        }
        if stage.floor != model.floor || stage.savedFloor != model.saved {
            diverge("time \(stage.floor), saved \(stage.savedFloor), expected \(model.floor), saved \(model.saved)")
        }
        for number in model.slots.indices where stage.slot(number) != model.slots[number] {
            diverge(
                "slot \(number) \(String(describing: stage.slot(number))), expected \(String(describing: model.slots[number]))")
        }
    }

    func compareHistory() throws {
        var last: Receipt?
        for receipt in try stage.history() {
            if fresh[receipt.index] != nil, fresh[receipt.index] != ReceiptTests.claims(receipt) {
                diverge("entry \(receipt.index) was another when fresh")
            }
            if let last, last.chain != receipt.previous { diverge("the chain breaks at \(receipt.index)") }
            last = receipt
        }
        let log = stage.log
        fresh = fresh.filter { $0.key + 400 > log }
    }
}
