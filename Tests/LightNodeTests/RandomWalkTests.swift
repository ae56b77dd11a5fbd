// The executor against the model, at random: all messages, through a bridge that drops, duplicates, delays and reorders, with power cuts.

import Foundation
import LightNode
import SimulatedNOR
import Testing
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Random walks") struct RandomWalkTests {
    @Test("In 100,000 random steps, with power cuts and a treacherous bridge, the executor does what the model says") func walk()
        throws
    {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["LIGHTNODE_MODEL_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...999_999)
        let steps = environment["LIGHTNODE_MODEL_STEPS"].flatMap { Int($0) } ?? 100_000
        print("random walk: LIGHTNODE_MODEL_SEED=\(seed) LIGHTNODE_MODEL_STEPS=\(steps)")
        let walk = try Walk(seed: seed)
        while walk.steps < steps, walk.divergence == nil { try walk.step() }
        print(
            "random walk: \(walk.steps) steps, \(walk.accepted) messages accepted, \(walk.refused) refused, \(walk.cuts) power cuts, epoch \(walk.model.epoch)"
        )
        #expect(walk.divergence == nil, "step \(walk.steps) with LIGHTNODE_MODEL_SEED=\(seed): \(walk.divergence ?? "")")
        #expect(walk.stage.flash.violations.isEmpty)
    }
}

final class Walk {
    let stage = Stage(Stage.part(pages: 8))
    var model = Model()
    private(set) var (steps, accepted, refused, cuts) = (0, 0, 0, 0)
    private(set) var divergence: String?
    private var random: Random
    /// What the bridge holds back or may send again.
    private var bridge: [Letter] = []
    private var fresh: [UInt32: [String]] = [:]
    private var chain: [UInt8]?
    private var time: UInt64 = 2_000_000_000
    static let keys = [
        Cast.alice, Cast.bob, Cast.key(20), Cast.recovery, Cast.backup, Cast.holder, Cast.mallory, Cast.claim,
    ]

    init(seed: UInt64) throws {
        random = Random(seed: seed)
        _ = try stage.provision()
    }

    private func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    private func chance(_ percent: Int) -> Bool { pick(100) < percent }

    func step() throws {
        steps += 1
        pass(seconds: UInt64(2 + pick(8)))
        switch pick(100) {
        case 0..<2: reboot()
        case 2..<3: try reset()
        case 3..<8: pass(seconds: UInt64(pick(60)))
        default: try exchange()
        }
        compare()
        if steps % 997 == 0 { try compareHistory() }
    }

    private func pass(seconds: UInt64) {
        stage.pass(seconds: seconds)
        model.uptime += seconds * 1_000_000
        time += seconds
        model.poll()
    }

    private func reboot() {
        stage.reboot()
        model.reboot()
    }

    private func reset() throws {
        try stage.physicalReset()
        model.change(to: nil, recovery: false, backups: [])
        try readChain()
    }

    // MARK: Messages

    private func exchange() throws {
        // The bridge loses, keeps, repeats.
        if bridge.isEmpty || chance(70) {
            let letter = try write()
            if chance(5) { return }
            bridge.append(letter)
            if bridge.count > 12 { bridge.remove(at: pick(bridge.count)) }
        }
        let index = chance(70) ? bridge.count - 1 : pick(bridge.count)
        let letter = bridge[index]
        if chance(60) { bridge.remove(at: index) }
        let canCut = letter.grant.map { Model.terms[$0].tick == 0 && model.end(of: $0) == nil } ?? true
        if canCut, chance(4) { try deliverWithCut(letter) } else { deliver(letter) }
    }

    private func deliver(_ letter: Letter) {
        let (before, operations, log) = (model, stage.flash.operations, stage.log)
        let expected = model.receive(letter)
        do throws(Reason) {
            let bytes = try stage.post(letter.message.type, letter.message.bytes)
            guard case .accepted(let value, let outcome) = expected else {
                return diverge("accepted, expected \(expected)", letter)
            }
            accepted += 1
            check(bytes, letter, value, outcome, epoch: before.epoch, log: log)
        } catch {
            refused += 1
            if expected != .refused(error) { diverge("refused as \(error), expected \(expected)", letter) }
            if stage.flash.operations != operations { diverge("refused, and yet it wrote", letter) }
        }
    }

    private func check(
        _ bytes: [UInt8], _ letter: Letter, _ value: Int32?, _ outcome: Vocabulary.Outcome, epoch: UInt32, log: UInt32
    ) {
        guard let receipt = try? Receipt(verifying: bytes, identity: Cast.identity.publicKey, network: Cast.network) else {
            return diverge("its receipt does not verify", letter)
        }
        if !receipt.answers(letter.message) || receipt.outcome.rawValue != outcome.rawValue || receipt.epoch != epoch
            || receipt.value != value.map({ .int(Int64($0)) })
        {
            diverge("its receipt says \(receipt)", letter)
        }
        if let chain, receipt.previous != chain {
            // The entry by which a grant's slot was taken may have come between.
            let between = (try? stage.history(from: log).first { $0.type == .grant && $0.index >= log }) ?? nil
            if between?.previous != chain || between?.chain != receipt.previous {
                diverge("its receipt does not continue the chain", letter)
            }
        }
        if letter.grant != nil, receipt.grant != letter.grantID { diverge("its receipt names another grant", letter) }
        chain = receipt.chain
        fresh[receipt.index] = ReceiptTests.claims(receipt)
    }

    /// The power fails in the middle. Either nothing is left, or the number is spent, or it is done.
    private func deliverWithCut(_ letter: Letter) throws {
        let before = model
        let expected = model.receive(letter)
        guard case .accepted(let value, let outcome) = expected else {
            model = before
            return deliver(letter)
        }
        cuts += 1
        let log = stage.log
        stage.flash.powerUp(.cut(at: pick(30), torn: chance(75) ? random.next() : nil))
        let answer = try? stage.post(letter.message.type, letter.message.bytes)
        if chance(30) { stage.reboot(.cut(at: pick(4), torn: random.next())) }
        stage.reboot()
        if let answer { check(answer, letter, value, outcome, epoch: before.epoch, log: log) }
        let entry = try stage.history(from: log).first { $0.answers(letter.message) }
        if stage.epoch != model.epoch || entry == nil {
            if answer != nil { diverge("acknowledged, and lost by the cut", letter) }
            if entry?.outcome == .done { diverge("done says the receipt, and it is not", letter) }
            model = before
            if entry != nil { model.spend(letter) }
        }
        model.reboot()
        try readChain()
        guard entry != nil, answer == nil else { return }
        switch letter.kind {
        case .backups, .revoke, .tick, .time:
            // Its outcome is unknown, so its sender does it again.
            deliver(try write(letter.kind, again: letter))
        default: break
        }
    }

    private func readChain() throws {
        let history = try stage.history(from: stage.log > 8 ? stage.log - 8 : 0)
        chain = history.last?.chain
        for receipt in history where fresh[receipt.index] == nil { fresh[receipt.index] = ReceiptTests.claims(receipt) }
    }

    // MARK: Writing

    private func write() throws -> Letter {
        guard model.owner != nil else { return try write(chance(85) ? .bind : .command) }
        switch pick(100) {
        case 0..<45: return try write(.command)
        case 45..<70: return try write(.state)
        case 70..<72: return try write(.release)
        case 72..<75: return try write(.transfer)
        case 75..<77: return try write(.rotate)
        case 77..<79: return try write(.recover)
        case 79..<83: return try write(.backups)
        case 83..<86: return try write(.takeover)
        case 86..<89: return try write(.revoke)
        case 89..<94: return try write(.tick)
        case 94..<95: return try write(.bind)
        default: return try write(.time)
        }
    }

    private func write(_ kind: Letter.Kind, again: Letter? = nil) throws -> Letter {
        let heading = stage.heading(chance(90) || again != nil ? nil : stage.sequence - UInt64(pick(20)))
        let owner = model.owner ?? 0
        var letter = Letter(
            kind: kind, signer: owner, epoch: model.epoch, seq: heading.sequence, message: .release(heading, owner: Cast.alice))
        if let again {
            (letter.heir, letter.silences, letter.paid, letter.seconds) = (
                again.heir, again.silences, again.paid, max(again.seconds, model.floor)
            )
        }
        switch kind {
        case .bind: letter.signer = Model.claim
        case .recover: letter.signer = Model.recovery
        case .takeover: letter.signer = Model.backup
        default: break
        }
        if again == nil, chance(4) { letter.signer = 6 }
        let key = Walk.keys[letter.signer]
        if again == nil { letter.heir = pick(3) }
        let heir = Walk.keys[letter.heir]
        switch kind {
        case .command, .state: try writeCall(&letter, heading)
        case .bind:
            letter.message = .bind(
                stage.device, owner: heir, epoch: heading.epoch, sequence: heading.sequence, network: Cast.network,
                recovery: Cast.recovery.publicKey, claim: key)
        case .release, .transfer, .rotate: writeHandover(&letter, heading, heir, key)
        case .recover: letter.message = .recover(heading, to: heir.publicKey, recovery: key)
        case .backups:
            if again == nil { letter.silences = chance(80) ? [UInt32(1 + pick(60))] : [] }
            letter.message = .backups(heading, letter.silences.map { .init(key: Cast.backup.publicKey, silence: $0) }, owner: key)
        case .takeover:
            try addToken(&letter, Model.backup)
            letter.message = takeover(heading, letter.token ?? [], by: key)
        case .revoke: letter.message = .revoke(heading, grant: grant(letter.heir).id, owner: key)
        case .tick:
            if again == nil { letter.paid = UInt16(1 + pick(4)) }
            letter.message = .tick(heading, grant: grant(letter.heir).id, paid: letter.paid, owner: key)
        case .time:
            if again == nil {
                letter.seconds = chance(80) ? time : time - UInt64(pick(5000))
                if chance(70) { try addToken(&letter, owner) }
            }
            letter.message = .time(heading, seconds: letter.seconds, token: letter.token, owner: key)
        }
        return letter
    }

    /// A stranger names the backup's key, or it would be told from afar.
    private func takeover(_ heading: SignedMessage.Heading, _ token: [UInt8], by key: SigningKey) -> SignedMessage {
        .make(
            .takeover, heading, claims: [8: SignedMessage.confirmation(Cast.backup.publicKey)], node: [3: .bytes(token)], key: key
        )
    }

    /// A message that hands the node on, with the consents that it takes as things are.
    private func writeHandover(
        _ letter: inout Letter, _ heading: SignedMessage.Heading, _ heir: SigningKey, _ key: SigningKey
    ) {
        let result = model.result(letter)
        letter.result = result
        let acceptance = Acceptance(
            of: stage.device, epoch: model.epoch, network: Cast.network, newOwner: heir,
            purpose: letter.kind == .rotate ? .rotate : .transfer, from: Walk.keys[model.owner ?? 0].publicKey,
            resultingIn: result)
        let consent =
            model.hasRecovery
            ? Consent(
                to: letter.kind == .release ? .release : .transfer, of: stage.device, epoch: model.epoch, network: Cast.network,
                resultingIn: result.digest, recovery: Cast.recovery) : nil
        switch letter.kind {
        case .release: letter.message = .release(heading, consent: consent, owner: key)
        case .transfer: letter.message = .transfer(heading, to: acceptance, consent: consent, owner: key)
        default: letter.message = .rotate(heading, to: acceptance, owner: key)
        }
    }

    /// One of the three grants that the present owner has given.
    private func grant(_ id: Int) -> Grant {
        let terms = Model.terms[id]
        return stage.grant([.init("led"), .init("gauge")], salt: UInt8(id + 1), by: Walk.keys[model.owner ?? 0]) {
            if terms.uses != 0 { $0.uses = UInt16(terms.uses) }
            if terms.tick != 0 { $0.meter = .init(tick: UInt32(terms.tick), ticks: terms.ticks) }
        }
    }

    private func writeCall(_ letter: inout Letter, _ heading: SignedMessage.Heading) throws {
        letter.device = [0, 0, 2, 2, 1][pick(5)]
        var grant: Grant?
        if letter.device != 1, chance(40) {
            let id = pick(3)
            letter.grant = id
            if letter.signer != 6 { letter.signer = Model.holder }
            grant = self.grant(id)
            letter.grantID = grant?.id
        }
        let call: String
        switch letter.device {
        case 0:
            letter.action = Int32(pick(3))
            call = "$('led').\(["off", "on", "toggle"][Int(letter.action)])()"
        case 1:
            letter.action = 1
            call = "$('lock').open(60000)"
            if chance(70) { try addToken(&letter, letter.grant == nil ? model.owner ?? 0 : Model.holder) }
        default:
            letter.action = Int32(pick(101))
            call = "$('gauge').set(\(letter.action))"
        }
        if chance(10) { letter.expires = time + UInt64(pick(200)) - 50 }
        letter.message = stage.command(
            call, as: letter.kind == .state ? .state : .command, by: Walk.keys[letter.signer], sequence: heading.sequence,
            token: letter.token,
            expires: letter.expires, grant: grant)
    }

    private func addToken(_ letter: inout Letter, _ holder: Int) throws {
        letter.token = try stage.token(for: Walk.keys[holder])
        (letter.tokenHolder, letter.tokenIssued, letter.tokenBoot) = (holder, model.uptime, model.boot)
    }

    // MARK: Comparing

    private func diverge(_ what: String, _ letter: Letter? = nil) {
        if divergence == nil {
            divergence = what + (letter.map { " (\($0.kind) of epoch \($0.epoch) by \($0.signer), model \(model))" } ?? "")
        }
    }

    private func compare() {
        if stage.condition != (model.owner == nil ? .unowned : .owned) { diverge("the device is \(stage.condition)") }
        if stage.epoch != model.epoch { diverge("epoch \(stage.epoch), expected \(model.epoch)") }
        if stage.highWater != model.ownerMark { diverge("high-water mark \(stage.highWater), expected \(model.ownerMark)") }
        if stage.wires["led"] != model.levels[0] || stage.wires["gauge"] != model.levels[2] {
            diverge("pins \(stage.wires.levels), expected \(model.levels)")
        }
    }

    private func compareHistory() throws {
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
