// One random walk: its steps, the bridge, and power cuts. What is written is in WalkWriting.swift, what is checked in WalkInvariants.swift.

import LightNode
import SimulatedNOR
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

final class Walk {
    /// What a walk must come by, and how often it did.
    enum Event: String, CaseIterable {
        case accepted, refused, cut, sale, derived, metered, usedUp, revoked, slotReused, slotsFull, logFull, superseded
        case farTime, timeHeld, takeover, backupReplaced, recovery, thief, flood, fresh, resetForbidden
    }
    struct Tally: CustomStringConvertible {
        private var counts: [Event: Int] = [:]
        subscript(event: Event) -> Int {
            get { counts[event, default: 0] }
            set { counts[event] = newValue }
        }
        var description: String { Event.allCases.map { "\($0.rawValue) \(self[$0])" }.joined(separator: ", ") }
    }

    static let keys = [
        Cast.alice, Cast.bob, Cast.key(20), Cast.recovery, Cast.backup, Cast.holder, Cast.mallory, Cast.claim, Cast.friend,
        Cast.key(21), Cast.key(22), Cast.secondBackup, Cast.key(23),
    ]
    static let (recoveries, backups, holders) = ([3, 10], [4, 11, 12], [5, 8, 9])

    let stage = Stage(Stage.part(pages: 8))
    var model = Model()
    var steps = 0
    var tally = Tally()
    private(set) var divergence: String?
    private var random: Random
    /// For choices of the library's own.
    lazy var dice = Random(seed: random.next())
    /// The owner of this epoch has told a wrong time.
    var hasLied = false
    /// What the bridge holds back or may send again.
    private(set) var bridge: [Letter] = []
    /// Grants that owners and holders have given, those of former epochs too.
    var lendings: [Lending] = []
    /// Operations under each grant, over all boots.
    var operations: [UInt64: Int] = [:]
    var fresh: [UInt32: [String]] = [:]
    private var chain: [UInt8]?
    /// The grant whose holder alone is heard, and until which step.
    var soloist: (lending: Lending, until: Int)?
    /// The true time.
    private(set) var time: UInt64 = 2_000_000_000
    /// Wires of which flash knows that strangers used up their attempts.
    private var exhausted: UInt8 = 0

    init(seed: UInt64) throws {
        random = Random(seed: seed)
        _ = try stage.provision()
    }

    func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    func chance(_ percent: Int) -> Bool { pick(100) < percent }
    func any<Element>(_ elements: [Element]) -> Element { elements[pick(elements.count)] }
    func salt() -> [UInt8] { (0..<8).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

    func step() throws {
        steps += 1
        pass(seconds: UInt64(2 + pick(8)))
        switch pick(1000) {
        case 0..<15: reboot()
        case 15..<18: try reset()
        case 18..<60: pass(seconds: UInt64(pick(60)))
        case 60..<62: pass(seconds: 86_400)
        case 62..<70: press()
        case 70..<74: try flood()
        case 74..<79: try recoverFromThief()
        case 79..<82: try forbidReset()
        case 82..<84: keepQuiet()
        default: try exchange()
        }
        compare()
        if steps % 1999 == 0 { try compareHistory() }
    }

    func pass(seconds: UInt64) {
        stage.pass(seconds: seconds)
        model.uptime += seconds * 1_000_000
        time += seconds
        model.poll()
        // What is kept of attempts is written together with the time.
        if stage.exhausted != exhausted { (exhausted, model.saved) = (stage.exhausted, model.floor) }
    }

    func press() {
        stage.press()
        model.pressed = model.uptime
    }

    private func reboot() {
        stage.reboot()
        model.reboot()
    }

    private func reset() throws {
        let isForbidden = model.forbidsReset && model.owner != nil
        do throws(Reason) {
            try stage.physicalReset()
            if isForbidden { diverge("reset although it is forbidden") }
            model.change(to: nil)
            endEpoch()
        } catch {
            if !isForbidden || error != .forbidden { diverge("reset refused as \(error)") }
            tally[.resetForbidden] += 1
        }
        try readChain()
    }

    /// For a while nobody is heard but the holder of one grant.
    private func keepQuiet() {
        guard model.owner != nil else { return }
        soloist = (lendUnlimited(), steps + 70)
        bridge = []
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
        if chance(4) { try deliverWithCut(letter) } else { deliver(letter, wire: chance(80) ? .serial : .usb) }
    }

    /// The letters that the bridge kept from other epochs.
    var lettersOfThePast: [Letter] { bridge.filter { $0.epoch < model.epoch } }

    func deliver(_ letter: Letter, wire: WireNumber = .serial) {
        let (before, log, moves) = (model, stage.log, stage.wires.settings)
        let expected = model.receive(letter)
        let trace = stage.everything
        do throws(Reason) {
            let bytes = try stage.post(letter.message.type, letter.message.bytes, wire: wire)
            watch(letter, before, hasMoved: stage.wires.settings != moves)
            guard case .accepted(let value, let outcome) = expected else {
                return diverge("accepted, expected \(expected)", letter)
            }
            note(letter, before, outcome)
            check(bytes, letter, value, outcome, epoch: before.epoch, log: log)
            if letter.kind.raisesEpoch { endEpoch() }
        } catch {
            if stage.everything != trace { diverge("refused as \(error), and yet something has changed", letter) }
            note(error)
            if expected != .refused(error) { diverge("refused as \(error), expected \(expected)", letter) }
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
        if let chain, receipt.previous != chain, receipt.previous != passed(chain, from: log, to: receipt.index) {
            diverge("its receipt does not continue the chain", letter)
        }
        if let leaf = letter.chain.first, receipt.grant.map(Stage.number) != leaf.id {
            diverge("its receipt names another grant", letter)
        }
        chain = receipt.chain
        fresh[receipt.index] = ReceiptTests.claims(receipt)
    }

    /// The chain behind the entries by which slots of grants were taken, before the message's own.
    private func passed(_ chain: [UInt8], from first: UInt32, to end: UInt32) -> [UInt8]? {
        var chain = chain
        for entry in (try? stage.history(from: first)) ?? [] where entry.index < end {
            if entry.type != .grant || entry.previous != chain { return nil }
            chain = entry.chain
        }
        return chain
    }

    // MARK: Power cuts

    /// The power fails in the middle. Either nothing is left, or the number is spent, or it is done.
    private func deliverWithCut(_ letter: Letter) throws {
        var before = model
        let expected = model.receive(letter)
        guard case .accepted(let value, let outcome) = expected else {
            model = before
            return deliver(letter)
        }
        tally[.cut] += 1
        let (log, wires) = (stage.log, stage.wires)
        let moves = wires.settings
        stage.flash.powerUp(.cut(at: pick(40), torn: chance(75) ? random.next() : nil))
        let answer = try? stage.post(letter.message.type, letter.message.bytes)
        let hasMoved = wires.settings != moves
        if chance(30) { stage.reboot(.cut(at: pick(4), torn: random.next())) }
        stage.reboot()
        let entry = try stage.history(from: log).first { $0.answers(letter.message) }
        if entry != nil || hasMoved { watch(letter, before, hasMoved: hasMoved) }
        if let answer {
            check(answer, letter, value, outcome, epoch: before.epoch, log: log)
            if entry == nil { diverge("acknowledged, and lost by the cut", letter) }
        }
        before.reboot()
        model.reboot()
        settle(letter, before, entry, isAnswered: answer != nil)
        if letter.kind.raisesEpoch, stage.epoch == model.epoch, model.epoch != before.epoch { endEpoch() }
        try readChain()
    }

    /// Finds out what a cut has left of a message that would have led from `before` to the present model. What is neither is a divergence.
    private func settle(_ letter: Letter, _ before: Model, _ entry: Receipt?, isAnswered: Bool) {
        let after = model
        if letter.kind.raisesEpoch {
            if stage.epoch == after.epoch { return }
            if entry?.outcome == .done { diverge("done says the receipt, and it is not", letter) }
            model = before
            if entry != nil { model.spend(letter) }
        } else {
            if entry == nil { model = before }
            settleCounts(letter, before, after, entry, isAnswered)
        }
        for (had, has) in [(before.authorities, after.authorities)] where stage.epoch == before.epoch {
            let now = stage.authorities
            if now != had && now != has { diverge("a cut left \(now)", letter) }
            (model.deputies, model.forbidsReset) =
                now == has ? (after.deputies, after.forbidsReset) : (before.deputies, before.forbidsReset)
        }
        let floor = stage.savedFloor
        if floor != before.saved && floor != after.saved { diverge("a cut left the time \(floor)", letter) }
        (model.saved, model.floor, model.atBoot) = (floor, floor, floor)
    }

    /// The counts of all grants of a chain are of one moment, whatever the cut.
    private func settleCounts(_ letter: Letter, _ before: Model, _ after: Model, _ entry: Receipt?, _ isAnswered: Bool) {
        let isUse = entry.map { [.done, .unknown, .deviceFault].contains($0.outcome) } ?? false
        for number in before.slots.indices {
            let (had, has, now) = (before.slots[number], after.slots[number], stage.slot(number))
            if now == had, entry == nil { continue }
            // What an owner names has its slot written only with what is told of it.
            if now == nil, had == nil, has == nil || has?.id == letter.named {
                model.slots[number] = nil
                continue
            }
            guard let now, var expected = now.id == has?.id ? has : had, now.id == expected.id else {
                diverge("a cut left slot \(number) as \(String(describing: stage.slot(number)))", letter)
                continue
            }
            let earlier = had?.id == now.id ? had : nil
            if letter.chain.contains(where: { $0.id == now.id }) {
                expected.used = (earlier?.used ?? 0) + (isUse ? 1 : 0)
                // The use was saved with a tick that began, and is not yet taken back.
                if letter.action > 100, entry != nil, now.begun != earlier?.begun { expected.used = now.used }
                expected.unheard = (earlier?.unheard ?? 0) + (entry == nil ? 0 : 1)
                if entry == nil { expected.seq = earlier?.seq ?? 0 }
            } else if entry == nil {
                expected.unheard = earlier?.unheard ?? 0
            }
            // What is written for its own sake may have been written or not.
            let old = earlier ?? Model.Slot(id: now.id)
            if now.isUnbound { (expected.expiry, expected.parent, expected.tick, expected.agreed) = (0, nil, 0, 0) }
            if !isAnswered {
                if now.begun == old.begun { expected.begun = old.begun }
                if now.paid == old.paid { (expected.paid, expected.toldEnd) = (old.paid, old.toldEnd) }
                if now.isRevoked == old.isRevoked { expected.isRevoked = old.isRevoked }
            }
            if now.toldEnd == old.toldEnd { expected.toldEnd = old.toldEnd }
            if now.toldScope == old.toldScope { expected.toldScope = old.toldScope }
            if now != expected { diverge("a cut left slot \(number) as \(now), expected \(expected)", letter) }
            model.slots[number] = now
        }
        model.hasForgotten = stage.hasForgotten
        if model.hasForgotten != before.hasForgotten, model.hasForgotten != after.hasForgotten {
            diverge("a cut made it forget that it has forgotten", letter)
        }
    }

    func readChain() throws {
        let history = try stage.history(from: stage.log > 3 ? stage.log - 3 : 0)
        chain = history.last?.chain
        for receipt in history where fresh[receipt.index] == nil { fresh[receipt.index] = ReceiptTests.claims(receipt) }
    }

    func diverge(_ what: String, _ letter: Letter? = nil) {
        if divergence != nil { return }
        divergence =
            what + (letter.map { " (\($0.kind) of epoch \($0.epoch) by \($0.signer), number \($0.seq), model \(model))" } ?? "")
    }
}
