// What the people of a random walk write: owners, buyers, holders, backups, and strangers.

import LightNode
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

extension Walk {
    func write() throws -> Letter {
        guard model.owner != nil else { return try write(chance(85) ? .bind : .command) }
        if let soloist, soloist.until > steps { return try write(chance(50) ? .command : .state) }
        let number = pick(1000)
        return try write(Self.shares.first { number < $0.below }?.kind ?? .time)
    }

    /// Of a thousand letters, the last of each kind.
    private static var shares: [(below: Int, kind: Letter.Kind)] {
        [
            (450, .command), (680, .state), (684, .release), (694, .transfer), (702, .rotate), (708, .recover), (748, .backups),
            (760, .takeover), (785, .revoke), (870, .tick), (875, .bind), (905, .settings),
        ]
    }

    private func write(_ kind: Letter.Kind) throws -> Letter {
        let owner = model.owner ?? 0
        // Now and then for an epoch that is still to come: worth nothing unless its signer is the owner then.
        let epoch = chance(2) ? model.epoch + 1 : model.epoch
        let heading = stage.heading(chance(90) ? nil : stage.sequence - UInt64(pick(20)), epoch: epoch)
        var letter = Letter(
            kind: kind, signer: owner, epoch: epoch, seq: heading.sequence, message: .release(heading, owner: Cast.alice))
        (letter.signedAt, letter.signedIn) = (time, model.epoch)
        letter.heir = pick(3)
        switch kind {
        case .bind: letter.signer = Model.claim
        case .recover: letter.signer = model.recovery ?? Walk.recoveries[0]
        case .takeover:
            letter.heir = chance(80) ? model.deputies.first?.key ?? Walk.backups[0] : any(Walk.backups)
            letter.signer = letter.heir
        default: break
        }
        if chance(4) { letter.signer = Model.stranger }
        switch kind {
        case .command, .state: try writeCall(&letter, heading)
        case .bind, .release, .transfer, .rotate, .recover: writeHandover(&letter, heading)
        default: try writeOrder(&letter, heading, owner)
        }
        return letter
    }

    /// A message of the owner to the node itself, or a backup's.
    private func writeOrder(_ letter: inout Letter, _ heading: SignedMessage.Heading, _ owner: Int) throws {
        let key = Walk.keys[letter.signer]
        switch letter.kind {
        case .backups:
            letter.deputies = Walk.backups.shuffled(using: &dice).prefix(pick(4)).map {
                Deputy(key: $0, silence: UInt32(1 + pick(60)))
            }
            letter.message = .backups(
                heading, letter.deputies.map { .init(key: Walk.keys[$0.key].publicKey, silence: $0.silence) }, owner: key)
        case .takeover:
            try addToken(&letter, letter.heir)
            letter.message = .make(
                .takeover, heading, claims: [8: SignedMessage.confirmation(Walk.keys[letter.heir].publicKey)],
                node: [3: .bytes(letter.token ?? [])], key: key)
        case .revoke, .tick:
            let grant = (lendings.isEmpty || chance(5) ? lend() : any(lendings)).grant
            letter.named = Stage.number(grant.id)
            letter.paid = UInt16(1 + pick(4))
            letter.message =
                letter.kind == .revoke
                ? .revoke(heading, grant: grant.id, owner: key) : .tick(heading, grant: grant.id, paid: letter.paid, owner: key)
        case .settings:
            letter.forbids = chance(70)
            letter.message = .settings(heading, forbidsReset: letter.forbids, owner: key)
        default:
            letter.time = statement()
            if chance(70) { try addToken(&letter, owner) }
            letter.message = .time(heading, seconds: letter.time!, token: letter.token, owner: key)
        }
    }

    /// The time as an owner tells it: the truth, mostly.
    private func statement() -> UInt64 {
        switch pick(20) {
        case 0: time + 10 * 365 * 86_400
        case 1: time + 2 * 86_400
        case 2: time - 86_400
        case 3..<6: time - UInt64(pick(5000))
        default: time
        }
    }

    /// A message that hands the node on, with the consents that it takes as things are, or without them.
    private func writeHandover(_ letter: inout Letter, _ heading: SignedMessage.Heading) {
        let (heir, key) = (Walk.keys[letter.heir], Walk.keys[letter.signer])
        if letter.kind == .bind || letter.kind == .transfer { letter.recovery = chance(60) ? any(Walk.recoveries) : nil }
        let recovery = letter.recovery.map { Walk.keys[$0].publicKey }
        let result = model.result(letter)
        letter.result = result
        letter.consent = chance(15) ? nil : chance(90) ? model.recovery : any(Walk.recoveries)
        let consent = letter.consent.map {
            Consent(
                to: letter.kind == .release ? .release : .transfer, of: stage.device, epoch: heading.epoch, network: Cast.network,
                resultingIn: result.digest, recovery: Walk.keys[$0])
        }
        let acceptance = Acceptance(
            of: stage.device, epoch: heading.epoch, network: Cast.network, newOwner: heir,
            purpose: letter.kind == .rotate ? .rotate : .transfer, from: Walk.keys[model.owner ?? 0].publicKey,
            resultingIn: result)
        letter.counterparty = model.owner
        switch letter.kind {
        case .bind:
            letter.message = .bind(
                stage.device, owner: heir, epoch: heading.epoch, sequence: heading.sequence, network: Cast.network,
                recovery: recovery, claim: key)
        case .recover: letter.message = .recover(heading, to: heir.publicKey, recovery: key)
        case .release: letter.message = .release(heading, consent: consent, owner: key)
        case .transfer: letter.message = .transfer(heading, to: acceptance, recovery: recovery, consent: consent, owner: key)
        default: letter.message = .rotate(heading, to: acceptance, owner: key)
        }
    }

    // MARK: Calls

    private func writeCall(_ letter: inout Letter, _ heading: SignedMessage.Heading) throws {
        letter.device = any([0, 0, 2, 2, 1])
        var lending: Lending?
        if let soloist, soloist.until > steps {
            (lending, letter.chain, letter.signer) = (soloist.lending, soloist.lending.chain, soloist.lending.holder)
        } else if chance(50) {
            let given =
                lendings.isEmpty || chance(10)
                ? lend() : chance(80) ? lendings.suffix(8).randomElement(using: &dice)! : any(lendings)
            if letter.signer != Model.stranger { letter.signer = given.holder }
            (letter.chain, lending) = (given.chain, given)
        }
        let call: String
        switch letter.device {
        case 0:
            letter.action = Int32(pick(3))
            call = "$('led').\(["off", "on", "toggle"][Int(letter.action)])()"
        case 1:
            letter.action = 1
            call = "$('lock').open(60000)"
            if chance(70) { try addToken(&letter, lending?.holder ?? model.owner ?? 0) }
        default:
            letter.action = Int32(pick(104))
            call = "$('gauge').set(\(letter.action))"
        }
        if lending == nil, chance(10) {
            letter.time = statement()
            if chance(50) { try addToken(&letter, model.owner ?? 0) }
        }
        if chance(10) { letter.expires = time + UInt64(pick(200)) - 50 }
        letter.message = stage.command(
            call, as: letter.kind == .state ? .state : .command, by: Walk.keys[letter.signer], sequence: heading.sequence,
            epoch: heading.epoch, token: letter.token, expires: letter.expires, grant: lending?.grant, time: letter.time)
    }

    func addToken(_ letter: inout Letter, _ holder: Int) throws {
        letter.token = try stage.token(for: Walk.keys[holder])
        (letter.tokenHolder, letter.tokenIssued, letter.tokenBoot) = (holder, model.uptime, model.boot)
        letter.tokenGivenAt = time
    }

    // MARK: Episodes

    /// The owner waits for a day, goes to the node, and forbids the reset by its button.
    func forbidReset() throws {
        guard model.owner != nil else { return }
        pass(seconds: 86_400)
        press()
        deliver(try write(.settings))
    }

    /// A grant of everything, for as long as the ownership lasts.
    func lendUnlimited() -> Lending {
        let holder = any(Walk.holders)
        let terms = Terms(epoch: model.epoch, holder: holder, scope: [0, 1, 2])
        return add(terms, to: nil)
    }

    // MARK: Grants

    /// The owner lends something, or a holder passes on what it has.
    private func lend() -> Lending {
        let parent =
            chance(45)
            ? lendings.filter { $0.chain.count < 3 && $0.chain[0].epoch == model.epoch }.randomElement(using: &dice) : nil
        let holder = any(Walk.holders)
        var terms = Terms(epoch: model.epoch, holder: holder, scope: chance(20) ? [pick(3)] : [0, 1, 2])
        if chance(35) { terms.uses = 1 + pick(6) }
        if chance(25) { (terms.tick, terms.ticks) = (UInt64(10 + pick(60)), UInt16(1 + pick(4))) }
        if chance(parent == nil ? 70 : 40) { terms.expires = time + UInt64(60 + pick(chance(30) ? 100_000 : 900)) }
        if chance(10) { terms.notBefore = time - 30 + UInt64(pick(60)) }
        if chance(60) { terms.hops = 1 + pick(2) }
        return add(terms, to: parent)
    }

    /// Signs a grant, the owner's own or one passed on by the holder of `parent`.
    private func add(_ terms: Terms, to parent: Lending?) -> Lending {
        var terms = terms
        var written = Grant.Terms(
            holder: Walk.keys[terms.holder].publicKey,
            scope: terms.scope.sorted().map { .init(device: ["led", "lock", "gauge"][$0], methods: []) })
        if terms.uses != 0 { written.uses = UInt16(terms.uses) }
        if terms.tick != 0 { written.meter = .init(tick: UInt32(terms.tick), ticks: terms.ticks) }
        if terms.expires != 0 { written.expires = terms.expires }
        if terms.notBefore != 0 { written.notBefore = terms.notBefore }
        if terms.hops != 0 { written.hops = UInt8(terms.hops) }
        let grant =
            parent?.grant.passed(on: written, salt: salt(), holder: Walk.keys[parent!.holder])
            ?? Grant(
                written, on: stage.device, epoch: model.epoch, network: Cast.network, salt: salt(),
                owner: Walk.keys[model.owner ?? 0])
        terms.id = Stage.number(grant.id)
        lendings.append(Lending(grant: grant, chain: [terms] + (parent?.chain ?? [])))
        if lendings.count > 24 { lendings.removeFirst(12) }
        return lendings.last!
    }
}
