// Whose device it is: provisioning, binding, and every way in which ownership ends.

import LightNode
import SimulatedNOR
import Testing

@testable import ControlNode

@Suite("Ownership") struct OwnershipTests {
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
            stage.reboot()
        }
        #expect(Set(tokens).count == 3, "a token came twice")
    }

    @Test("Bind is verified first, then recorded; a forged one changes nothing") func bind() throws {
        let stage = Stage()
        _ = try stage.provision()
        let before = stage.flash.operations
        let forged = SignedMessage.bind(
            stage.device, owner: Cast.mallory.publicKey, epoch: 0, sequence: 5, network: Cast.network, claim: Cast.mallory)
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

    @Test("While the device is owned the claim key is dead, and the thief with the label gets nothing") func deadClaim() throws {
        let stage = try Stage.owned()
        #expect(stage.refusal(stage.bindMessage(to: Cast.mallory)) == .wrongState)
        #expect(stage.refusal(stage.command(by: Cast.claim)) == .badSignature)
        #expect(stage.refusal(.release(stage.heading(), owner: Cast.claim)) == .badSignature)
        stage.reboot()
        #expect(stage.refusal(stage.bindMessage(to: Cast.mallory)) == .wrongState)
        try stage.send(.release(stage.heading(), owner: Cast.alice))
        #expect(stage.condition == .unowned && stage.epoch == 2)
        try stage.send(stage.bindMessage(to: Cast.bob))
        #expect(stage.epoch == 3)
        try stage.send(stage.command(by: Cast.bob))
        #expect(stage.refusal(stage.command(by: Cast.alice)) == .badSignature)
    }

    @Test("Wrong address, network, epoch and type are each refused") func context() throws {
        let stage = try Stage.owned()
        let other = DeviceAddress(of: Cast.mallory.publicKey)
        let call = try Call(parsing: "$('led').on()")
        func make(_ device: DeviceAddress, _ epoch: UInt32, _ network: UInt64) -> SignedMessage {
            .call(call, to: device, epoch: epoch, sequence: stage.nextSequence(), network: network, key: Cast.alice)
        }
        #expect(stage.refusal(make(other, 1, 7)) == .wrongAddress)
        #expect(stage.refusal(make(stage.device, 0, 7)) == .wrongEpoch)
        #expect(stage.refusal(make(stage.device, 2, 7)) == .wrongEpoch)
        #expect(stage.refusal(make(stage.device, 1, 8)) == .badSignature)
        #expect(stage.refusal(.state, make(stage.device, 1, 7).bytes) == .badSignature)
        for type in [ControlNode.MessageType.receipt, .attest, .accept, .grant] {
            #expect(stage.refusal(type, make(stage.device, 1, 7).bytes) == .malformed)
        }
        #expect(stage.wires.moves == 0)
    }

    /// Each way in which a device changes hands: afterwards the epoch is one higher, `heir` commands, and what was signed before is dead.
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
            .release(stage.heading(), owner: Cast.alice),
            stage.command("$('led').on()", by: Cast.holder, grant: lent),
            .revoke(stage.heading(), grant: lent.id, owner: Cast.alice),
            .tick(stage.heading(), grant: lent.id, paid: 2, owner: Cast.alice),
            .time(stage.heading(), seconds: 1, token: nil, owner: Cast.alice),
            .transfer(stage.heading(), to: stage.acceptance(by: Cast.mallory), owner: Cast.alice),
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
            case .release: try stage.send(.release(stage.heading(), owner: Cast.alice))
            case .transfer: try stage.send(.transfer(stage.heading(), to: stage.acceptance(by: Cast.bob), owner: Cast.alice))
            case .rotate: try stage.send(.rotate(stage.heading(), to: stage.acceptance(by: Cast.bob), owner: Cast.alice))
            case .recover: try stage.send(.recover(stage.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery))
            case .takeover:
                stage.pass(seconds: 59)
                let early = try stage.send(.takeover(stage.heading(), backup: Cast.backup))
                guard early.outcome == .ownerAlive else { throw Reason.forbidden }
                stage.pass(seconds: 1)
                try stage.send(.takeover(stage.heading(), backup: Cast.backup))
            case .reset: try stage.physicalReset()
            }
        }
    }

    @Test("A transfer needs the new owner's acceptance, for this device and this ownership") func acceptance() throws {
        let stage = try Stage.owned()
        let stale = Acceptance(of: stage.device, epoch: 0, network: Cast.network, newOwner: Cast.bob)
        #expect(stage.refusal(.transfer(stage.heading(), to: stale, owner: Cast.alice)) == .wrongEpoch)
        let elsewhere = Acceptance(of: DeviceAddress(of: Cast.bob.publicKey), epoch: 1, network: Cast.network, newOwner: Cast.bob)
        #expect(stage.refusal(.transfer(stage.heading(), to: elsewhere, owner: Cast.alice)) == .wrongAddress)
        stage.pass(seconds: 10)  // attempts are rationed
        let network = Acceptance(of: stage.device, epoch: 1, network: 8, newOwner: Cast.bob)
        #expect(stage.refusal(.transfer(stage.heading(), to: network, owner: Cast.alice)) == .badSignature)
        #expect(stage.refusal(.transfer(stage.heading(), to: stage.acceptance(by: Cast.bob), owner: Cast.bob)) == .badSignature)
        #expect(stage.epoch == 1 && stage.condition == .owned)
    }

    @Test("Backups take over by rank and silence; any message of the owner restarts the silence") func silence() throws {
        let stage = try Stage.owned()
        let both = [Backup(key: Cast.backup.publicKey, silence: 100), Backup(key: Cast.secondBackup.publicKey, silence: 200)]
        try stage.send(.backups(stage.heading(), both, owner: Cast.alice))
        stage.pass(seconds: 90)
        try stage.send(stage.command())
        stage.pass(seconds: 99)
        #expect(try stage.send(.takeover(stage.heading(), backup: Cast.backup)).outcome == .ownerAlive)
        #expect(stage.refusal(.takeover(stage.heading(), backup: Cast.mallory)) == .forbidden)
        stage.reboot()
        stage.pass(seconds: 150)
        #expect(try stage.send(.takeover(stage.heading(), backup: Cast.secondBackup)).outcome == .ownerAlive)
        try stage.send(.takeover(stage.heading(), backup: Cast.backup))
        stage.reboot()
        stage.pass(seconds: 200)
        #expect(
            stage.refusal(.takeover(stage.heading(), backup: Cast.backup)) == .forbidden, "its place is taken by itself as owner")
        try stage.send(.takeover(stage.heading(), backup: Cast.secondBackup))
        #expect(stage.epoch == 3)
    }

    @Test("The owner can forbid the reset by button, and can do without a recovery key") func options() throws {
        let stage = try Stage.owned(recovery: false, forbidsReset: true)
        #expect(throws: Reason.forbidden) { try stage.physicalReset() }
        #expect(stage.refusal(.recover(stage.heading(), to: Cast.bob.publicKey, recovery: Cast.recovery)) == .forbidden)
        try stage.send(.release(stage.heading(), owner: Cast.alice))
        try stage.physicalReset()
        #expect(stage.epoch == 3 && stage.condition == .unowned)
    }

    @Test("An ownership that the flash took, but whose outcome it did not, is in force at once") func outcomeNotTaken() throws {
        let stage = try Stage.owned()
        let page = stage.flash.pages.count  // every unit of the journal from here on leaves a bit at one
        // Learn where the outcome of a release goes, on a copy, then make just that unit worn.
        let trial = stage.copy()
        let before = trial.flash.bytes
        try trial.send(.release(trial.heading(), owner: Cast.alice))
        let changed = before.indices.filter { before[$0] != trial.flash.bytes[$0] && $0 >= 2048 }
        let outcome = changed.max()! & ~3
        stage.flash.faults.worn = [[outcome / 1024, outcome % 1024]]
        _ = stage.refusal(.release(stage.heading(), owner: Cast.alice))
        #expect(page == 16 && stage.refusal(stage.command()) != nil, "the former owner still commands")
        let now = stage.condition
        stage.reboot()
        #expect(stage.condition == .unowned && (now == .unowned || now == .damaged))
    }
}
