// Whose device it is: provisioning, binding, and every way in which ownership ends.

import LightNode
import SimulatedNOR
import Testing
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Ownership") struct OwnershipTests {
    // R1, R2
    @Test("A device is provisioned once in its life, and then proves its identity") func provisioning() throws {
        let stage = Stage()
        #expect(stage.condition == .blank)
        #expect(stage.refusal(stage.command(epoch: 0)) == .wrongState)
        #expect(throws: Reason.wrongState) { try stage.attest([UInt8](repeating: 1, count: 16)) }
        let answer = try CBORItem(try stage.provision())
        #expect(answer[0]?.bytes == Cast.identity.publicKey.bytes && answer[1]?.text == stage.device.description)
        #expect(stage.condition == .unowned && stage.epoch == 0)
        #expect(throws: Reason.wrongState) { try stage.provision(claim: Cast.mallory.publicKey) }
        stage.reboot()
        #expect(throws: Reason.wrongState) { try stage.provision(claim: Cast.mallory.publicKey) }
        let nonce = [UInt8](repeating: 7, count: 16)
        let proof = try Attestation(
            verifying: try stage.attest(nonce), nonce: nonce, identity: Cast.identity.publicKey, network: Cast.network)
        #expect(proof.board == "bench" && proof.epoch == 0)
        #expect(throws: Reason.malformed) { try stage.attest([1]) }
    }

    @Test("A chip without true randomness takes an identity from the factory and makes none itself") func entropy() throws {
        let stage = Stage(isTrueRandom: false)
        #expect(throws: Reason.noEntropy) { try stage.provision(inject: false) }
        #expect(stage.condition == .blank)
        _ = try stage.provision()
        var tokens: [[UInt8]] = []
        for _ in 0..<3 {
            tokens.append(try stage.token())
            tokens.append(try stage.token(for: Cast.bob))
            stage.reboot()
        }
        #expect(Set(tokens).count == 6, "a token came twice")
    }

    // R3
    @Test("Bind is verified first, then recorded; a forged one changes nothing") func bind() throws {
        let stage = Stage()
        _ = try stage.provision()
        let before = stage.flash.operations
        let forged = SignedMessage.bind(
            stage.device, owner: Cast.mallory, epoch: 0, sequence: 5, network: Cast.network, claim: Cast.mallory)
        #expect(stage.refusal(forged) == .badSignature)
        #expect(stage.flash.operations == before && stage.condition == .unowned)
        let receipt = try stage.send(stage.bindMessage())
        #expect(receipt.subject == ["bind"] && receipt.outcome == .done && receipt.epoch == 0)
        #expect(stage.condition == .owned && stage.epoch == 1)
        stage.reboot()
        #expect(stage.condition == .owned && stage.epoch == 1)
        try stage.send(stage.command())
        #expect(stage.wires["led"] == 1)
    }

    // R3
    @Test("While the device is owned the claim key is dead, and the thief with the label gets nothing") func deadClaim() throws {
        let stage = try Stage.owned()
        #expect(stage.refusal(stage.bindMessage(to: Cast.mallory)) == .wrongState)
        #expect(stage.refusal(stage.command(by: Cast.claim)) == .badSignature)
        #expect(stage.refusal(.release(stage.heading(), owner: Cast.claim)) == .badSignature)
        stage.reboot()
        #expect(stage.refusal(stage.bindMessage(to: Cast.mallory)) == .wrongState)
        try stage.send(stage.release())
        #expect(stage.condition == .unowned && stage.epoch == 2)
        try stage.send(stage.bindMessage(to: Cast.bob))
        #expect(stage.epoch == 3)
        try stage.send(stage.command(by: Cast.bob))
        #expect(stage.refusal(stage.command(by: Cast.alice)) == .badSignature)
    }

    // R4
    @Test("Wrong address, network, epoch and type are each refused") func context() throws {
        let stage = try Stage.owned()
        let other = NodeAddress(of: Cast.mallory.publicKey)
        let call = try Call(parsing: "$('led').on()")
        func make(_ device: NodeAddress, _ epoch: UInt32, _ network: UInt64) -> SignedMessage {
            .call(call, to: device, epoch: epoch, sequence: stage.nextSequence(), network: network, key: Cast.alice)
        }
        #expect(stage.refusal(make(other, 1, 7)) == .wrongAddress)
        #expect(stage.refusal(make(stage.device, 0, 7)) == .wrongEpoch)
        #expect(stage.refusal(make(stage.device, 2, 7)) == .wrongEpoch)
        #expect(stage.refusal(make(stage.device, 1, 8)) == .badSignature)
        #expect(stage.refusal(.state, make(stage.device, 1, 7).bytes) == .badSignature)
        for type in [NodeProtocol.MessageType.receipt, .attest, .accept, .grant] {
            #expect(stage.refusal(type, make(stage.device, 1, 7).bytes) == .malformed)
        }
        #expect(stage.wires.moves == 0)
    }

    /// Each way in which a device changes hands: afterwards the epoch is one higher, `heir` commands, and what was signed before is dead.
    // R5
    @Test(
        "Each change of ownership raises the epoch, survives a reboot, and kills what was signed before",
        arguments: Change.allCases)
    func change(_ change: Change) throws {
        let stage = try Stage.owned()
        try stage.send(.backups(stage.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice))
        #expect(stage.epoch == 1, "naming backups is no change of ownership")
        try stage.send(stage.command())
        let lent = stage.grant()
        try stage.send(stage.command("$('led').on()", by: Cast.holder, grant: lent))
        let kept = [
            stage.command("$('led').off()"), stage.command("$('gauge').set(9)", as: .state),
            try stage.release(),
            stage.command("$('led').on()", by: Cast.holder, grant: lent),
            .revoke(stage.heading(), grant: lent.id, owner: Cast.alice),
            .tick(stage.heading(), grant: lent.id, paid: 2, owner: Cast.alice),
            .time(stage.heading(), seconds: 1, token: nil, owner: Cast.alice),
            try stage.transfer(to: Cast.mallory),
            .recover(stage.heading(), to: Cast.mallory.publicKey, recovery: Cast.recovery),
        ]
        #expect(stage.wires["led"] == 1)
        try change.perform(stage)
        #expect(stage.epoch == 2)
        #expect(stage.wires["led"] == 0, "devices are safe when their owner goes")
        for round in 0..<2 {
            #expect(stage.condition == (change.heir == nil ? .unowned : .owned))
            for message in kept { #expect(stage.refusal(message) == .wrongEpoch) }
            if let heir = change.heir {
                try stage.send(stage.command(by: heir))
                if heir.publicKey != Cast.alice.publicKey {
                    #expect(stage.refusal(stage.command(by: Cast.alice)) == .badSignature)
                }
            } else {
                #expect(stage.refusal(stage.command()) == .wrongState)
            }
            #expect(stage.refusal(stage.command(by: Cast.holder, grant: stage.grant(by: Cast.alice))) != nil)
            if round == 0 { stage.reboot() }
        }
        // Recovery key and backups stay with rotation and recovery, and go with the owner otherwise.
        guard let heir = change.heir else { return }
        let recovered = stage.refusal(.recover(stage.heading(), to: heir.publicKey, recovery: Cast.recovery))
        #expect((recovered == nil) == change.keepsRecovery)
    }

    enum Change: CaseIterable {
        case release, transfer, rotate, recover, takeover, reset

        var heir: SigningKey? {
            switch self {
            case .release, .reset: nil
            case .transfer, .rotate, .recover: Cast.bob
            case .takeover: Cast.backup
            }
        }
        var keepsRecovery: Bool { self == .rotate || self == .recover || self == .takeover }

        func perform(_ stage: Stage) throws {
            switch self {
            case .release: try stage.send(stage.release())
            case .transfer: try stage.send(stage.transfer(to: Cast.bob))
            case .rotate: try stage.send(stage.rotate(to: Cast.bob))
            case .recover: try stage.send(.recover(stage.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery))
            case .takeover:
                stage.pass(seconds: 59)
                guard stage.refusal(try stage.takeover()) == .ownerAlive else { throw Reason.forbidden }
                stage.pass(seconds: 1)
                try stage.send(stage.takeover())
            case .reset: try stage.physicalReset()
            }
        }
    }

    @Test("A transfer needs the new owner's acceptance, for this node and this ownership") func acceptance() throws {
        let stage = try Stage.owned(recovery: false)
        func accept(
            _ node: NodeAddress? = nil, epoch: UInt32 = 1, network: UInt64 = Cast.network, from: SigningKey = Cast.alice,
            purpose: NodeProtocol.MessageType = .transfer, result: Authorities = Authorities(owner: Cast.bob.publicKey)
        ) -> Acceptance {
            Acceptance(
                of: node ?? stage.device, epoch: epoch, network: network, newOwner: Cast.bob, purpose: purpose,
                from: from.publicKey, resultingIn: result)
        }
        let wrong = [
            accept(NodeAddress(of: Cast.bob.publicKey)), accept(epoch: 0), accept(network: 8), accept(from: Cast.mallory),
            accept(purpose: .rotate), accept(purpose: .bind),
            accept(result: Authorities(owner: Cast.bob.publicKey, recovery: Cast.recovery.publicKey)),
            accept(result: Authorities(owner: Cast.alice.publicKey)),
        ]
        for acceptance in wrong {
            stage.pass(seconds: 10)  // attempts are rationed
            let message = SignedMessage.transfer(stage.heading(), to: acceptance, owner: Cast.alice)
            let before = Footprint(stage)
            #expect(stage.refusal(message) == .consentInvalid)
            #expect(Footprint(stage) == before)
            let told = try RefusalStatement(
                verifying: stage.signedRefusal, of: message, identity: Cast.identity.publicKey, network: Cast.network)
            #expect(told.code == Reason.consentInvalid.rawValue, "its sender is told by the node itself")
        }
        stage.pass(seconds: 10)
        #expect(stage.refusal(.transfer(stage.heading(), to: accept(), owner: Cast.bob)) == .badSignature)
        #expect(stage.signedRefusal.isEmpty && stage.epoch == 1 && stage.condition == .owned)
        try stage.send(.transfer(stage.heading(), to: accept(), owner: Cast.alice))
    }

    @Test("A buyer's acceptance of a transfer serves no rotation, which would keep the seller's recovery key and backups")
    func saleFraud() throws {
        let stage = try Stage.owned()
        try stage.send(.backups(stage.heading(), [.init(key: Cast.backup.publicKey, silence: 1)], owner: Cast.alice))
        let acceptance = try stage.acceptance(by: Cast.bob)
        #expect(stage.refusal(.rotate(stage.heading(), to: acceptance, owner: Cast.alice)) == .consentInvalid)
        let receipt = try stage.send(stage.transfer(to: Cast.bob))
        let now = try stage.attestation()
        #expect(now.authorities == Authorities(owner: Cast.bob.publicKey), "nothing of the seller's is left")
        #expect(receipt.authorities == now.authorities.digest && receipt.subject == ["transfer"])
        let raised = try #require(try stage.history(from: now.since - 1).first)
        #expect(raised.type == .transfer && raised.authoritiesMark == Array(now.authorities.digest.prefix(4)))
        #expect(stage.refusal(.recover(stage.heading(), to: Cast.alice.publicKey, recovery: Cast.recovery)) == .forbidden)
        #expect(stage.refusal(try stage.takeover()) == .forbidden)
    }

    @Test(
        "While there is a recovery key, what would remove it takes its consent; recovery ends what a thief of the owner's key set"
    )
    func stolenOwnerKey() throws {
        let stage = try Stage.owned()
        let acceptance = try stage.acceptance(by: Cast.mallory)
        #expect(stage.refusal(.transfer(stage.heading(), to: acceptance, owner: Cast.alice)) == .consentRequired)
        #expect(stage.refusal(.release(stage.heading(), owner: Cast.alice)) == .consentRequired)
        stage.pass(seconds: 10)
        for wrong in [
            Consent(
                to: .release, of: stage.device, epoch: 1, network: Cast.network, resultingIn: acceptance.authorities,
                recovery: Cast.recovery),
            Consent(
                to: .transfer, of: stage.device, epoch: 1, network: Cast.network, resultingIn: acceptance.authorities,
                recovery: Cast.alice),
            Consent(
                to: .transfer, of: stage.device, epoch: 1, network: Cast.network, resultingIn: Authorities.none.digest,
                recovery: Cast.recovery),
        ] {
            stage.pass(seconds: 10)
            let message = SignedMessage.transfer(stage.heading(), to: acceptance, consent: wrong, owner: Cast.alice)
            #expect(stage.refusal(message) == .consentInvalid)
        }
        // The thief does what it can: its own backup, its own key.
        try stage.send(.backups(stage.heading(), [.init(key: Cast.backup.publicKey, silence: 1)], owner: Cast.alice))
        try stage.send(stage.rotate(to: Cast.mallory))
        #expect(stage.refusal(try stage.rotate(to: Cast.friend, by: Cast.mallory)) == .tooManyAttempts, "it cannot run ahead")
        try stage.send(.recover(stage.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery))
        stage.pass(seconds: 100)
        #expect(stage.refusal(try stage.takeover()) == .forbidden)
        #expect(stage.refusal(stage.command(by: Cast.mallory)) == .badSignature)
        let expected = Authorities(owner: Cast.bob.publicKey, recovery: Cast.recovery.publicKey)
        #expect(try stage.attestation().authorities == expected)
    }

    @Test(
        "The table of the owner's key is made in idle time, and is nobody else's: verdicts are the same before, with it and after"
    ) func table() throws {
        let stage = try Stage.owned(recovery: false)
        func obeys(_ owner: SigningKey, not other: SigningKey) throws {
            try stage.send(stage.command(by: owner))
            #expect(stage.refusal(stage.command(by: other)) == .badSignature)
            stage.pass(seconds: 10)
        }
        func idle() { for _ in 0..<40 { stage.poll() } }
        #expect(!stage.hasTable)
        try obeys(Cast.alice, not: Cast.bob)
        idle()
        #expect(stage.hasTable)
        try obeys(Cast.alice, not: Cast.bob)
        try stage.send(stage.rotate(to: Cast.bob))
        try obeys(Cast.bob, not: Cast.alice)
        idle()
        #expect(stage.hasTable)
        try obeys(Cast.bob, not: Cast.alice)
        stage.reboot()
        #expect(!stage.hasTable)
        idle()
        try obeys(Cast.bob, not: Cast.alice)
        try stage.send(.release(stage.heading(), owner: Cast.bob))
        idle()
        #expect(!stage.hasTable, "without an owner there is no key")
        #expect(stage.refusal(stage.command(by: Cast.bob)) == .wrongState)
    }

    @Test("The label alone makes no one owner who cannot sign, and nothing that cannot be undone") func labelAlone() throws {
        let stage = Stage()
        _ = try stage.provision()
        // A key of small order, and a label's bind without the owner's acceptance.
        let zero = PublicKey([UInt8](repeating: 0, count: 32))!
        let good = stage.bindMessage()
        let claims = try SignedObject.claims(good.bytes)
        func forged(_ owner: PublicKey, _ acceptance: Acceptance) -> SignedMessage {
            .make(
                .bind, stage.heading(), claims: [8: SignedMessage.confirmation(owner)], node: [4: .bytes(acceptance.bytes)],
                key: Cast.claim)
        }
        let others = Acceptance(
            of: stage.device, epoch: 0, network: Cast.network, newOwner: Cast.alice, purpose: .bind, from: Cast.claim.publicKey,
            resultingIn: Authorities(owner: Cast.alice.publicKey))
        #expect(claims[8] != nil && stage.refusal(forged(zero, others)) == .keyInvalid)
        #expect(stage.refusal(forged(Cast.mallory.publicKey, others)) == .consentInvalid)
        #expect(stage.condition == .unowned)
        stage.pass(seconds: 10)
        try stage.send(stage.bindMessage(to: Cast.mallory, recovery: false))
        let forbid = { SignedMessage.settings(stage.heading(), forbidsReset: true, owner: Cast.mallory) }
        stage.press()
        #expect(stage.refusal(forbid()) == .presenceRequired, "for a day the button works")
        stage.pass(seconds: 86_400)
        #expect(stage.refusal(forbid()) == .presenceRequired)
        try stage.physicalReset()
        #expect(stage.condition == .unowned)
    }

    @Test("Backups and recovery keys that are no keys are refused") func keysMustDecode() throws {
        let stage = try Stage.owned()
        for bytes in [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31), [UInt8](repeating: 0xFF, count: 32),
        ] {
            stage.pass(seconds: 10)
            let key = PublicKey(bytes)!
            let before = Footprint(stage)
            #expect(stage.refusal(.backups(stage.heading(), [.init(key: key, silence: 60)], owner: Cast.alice)) == .keyInvalid)
            #expect(stage.refusal(.recover(stage.heading(), to: key, recovery: Cast.recovery)) == .keyInvalid)
            #expect(Footprint(stage) == before)
        }
    }

    // R6
    @Test("Backups take over by rank and silence; any message of the owner restarts the silence") func silence() throws {
        let stage = try Stage.owned()
        let both = [Backup(key: Cast.backup.publicKey, silence: 100), Backup(key: Cast.secondBackup.publicKey, silence: 200)]
        try stage.send(.backups(stage.heading(), both, owner: Cast.alice))
        stage.pass(seconds: 90)
        try stage.send(stage.command())
        stage.pass(seconds: 99)
        let early = try stage.takeover()
        let log = stage.log
        #expect(stage.refusal(early) == .ownerAlive && stage.log == log, "journaled is only what changes something")
        #expect(stage.refusal(try stage.takeover(by: Cast.mallory)) == .forbidden)
        stage.reboot()
        stage.pass(seconds: 150)
        #expect(stage.refusal(early) == .tokenInvalid, "one that a bridge has kept is worthless")
        #expect(stage.refusal(try stage.takeover(by: Cast.secondBackup)) == .ownerAlive)
        try stage.send(stage.takeover())
        stage.reboot()
        stage.pass(seconds: 200)
        #expect(stage.refusal(try stage.takeover()) == .forbidden, "its place is taken by itself as owner")
        try stage.send(stage.takeover(by: Cast.secondBackup))
        #expect(stage.epoch == 3)
    }

    @Test("A backup that was dismissed cannot block the one that was named in its place") func dismissedBackup() throws {
        let stage = try Stage.owned()
        try stage.send(.backups(stage.heading(), [.init(key: Cast.backup.publicKey, silence: 60)], owner: Cast.alice))
        let top = stage.heading(SignedMessage.maximumSequence)
        #expect(stage.refusal(.takeover(top, token: try stage.token(for: Cast.backup), backup: Cast.backup)) == .ownerAlive)
        try stage.send(.backups(stage.heading(), [.init(key: Cast.secondBackup.publicKey, silence: 60)], owner: Cast.alice))
        stage.pass(seconds: 61)
        #expect(stage.refusal(try stage.takeover()) == .forbidden)
        try stage.send(stage.takeover(by: Cast.secondBackup))
    }

    @Test("The owner can forbid the reset by button, and can do without a recovery key") func options() throws {
        let stage = try Stage.owned(recovery: false)
        try stage.forbidReset()
        #expect(try stage.attestation().authorities.forbidsReset)
        #expect(throws: Reason.forbidden) { try stage.physicalReset() }
        stage.reboot()
        #expect(throws: Reason.forbidden) { try stage.physicalReset() }
        #expect(stage.refusal(.recover(stage.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery)) == .forbidden)
        try stage.send(.settings(stage.heading(), forbidsReset: false, owner: Cast.alice))
        try stage.physicalReset()
        #expect(stage.epoch == 2 && stage.condition == .unowned)
        #expect(try stage.history().last?.subject == ["reset"])
    }

    @Test("A button that is held from power-on on, or was pressed in another ownership, is no consent to forbidding it")
    func presence() throws {
        let stage = try Stage.owned(recovery: false)
        stage.pass(seconds: 86_400)
        let forbid = { SignedMessage.settings(stage.heading(), forbidsReset: true, owner: Cast.alice) }
        #expect(stage.refusal(forbid()) == .presenceRequired)
        stage.press()
        stage.pass(seconds: 61)
        #expect(stage.refusal(forbid()) == .presenceRequired)
        stage.press()
        try stage.send(.settings(stage.heading(), forbidsReset: true, owner: Cast.alice))
        try stage.send(.settings(stage.heading(), forbidsReset: false, owner: Cast.alice))
        #expect(stage.refusal(forbid()) == .presenceRequired, "a press serves one message")
        try stage.physicalReset()
        stage.press()
        try stage.send(stage.bindMessage(to: Cast.alice, recovery: false))
        stage.pass(seconds: 1)
        #expect(stage.refusal(forbid()) == .presenceRequired)
    }

    @Test("An ownership that the flash took, but whose outcome it did not, is in force at once") func outcomeNotTaken() throws {
        let stage = try Stage.owned(recovery: false)
        let page = stage.flash.pages.count  // every unit of the journal from here on leaves a bit at one
        // Learn where the outcome of a release goes, on a copy, then make just that unit worn.
        let trial = stage.copy()
        let before = trial.flash.bytes
        try trial.send(trial.release())
        let changed = before.indices.filter { before[$0] != trial.flash.bytes[$0] && $0 >= 2048 }
        let outcome = changed.max()! & ~3
        stage.flash.faults.worn = [[outcome / 1024, outcome % 1024]]
        _ = stage.refusal(try stage.release())
        #expect(page == 16 && stage.refusal(stage.command()) != nil, "the former owner still commands")
        let now = stage.condition
        stage.reboot()
        #expect(stage.condition == .unowned && (now == .unowned || now == .damaged))
    }
}
