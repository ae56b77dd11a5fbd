// What the factory relies on: keys once for ever, but for rehearsals; proofs that say which keys; protection before keys.

import LightNode
import SimulatedNOR
import Testing
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Provisioning") struct ProvisioningTests {
    private func proof(_ stage: Stage, _ identity: SigningKey = Cast.identity) throws -> Attestation {
        let nonce = [UInt8](repeating: 7, count: 16)
        return try Attestation(
            verifying: try stage.attest(nonce), nonce: nonce, identity: identity.publicKey, network: Cast.network)
    }

    @Test("The proof names the claim key that the device has, and whether its chip can be read") func claim() throws {
        let stage = Stage()
        _ = try stage.provision(protects: true)
        #expect(try proof(stage).claim == Cast.claim.publicKey && proof(stage).isProtected && !proof(stage).isTest)
        let open = Stage()
        _ = try open.provision()
        #expect(try !proof(open).isProtected)
    }

    @Test("The status tells which image runs") func image() throws {
        #expect(Stage().status[17]?.bytes == [UInt8](repeating: 0xA5, count: 24))
        #expect(try NodeStatus(Stage().status.encoded, from: "it").firmwareHash.hasPrefix("a5a5"))
    }

    @Test("Test keys can be replaced until somebody owns the device; nothing of them stays in the flash") func rehearsal() throws
    {
        let stage = Stage()
        _ = try stage.provision(isTest: true)
        #expect(try proof(stage).isTest)
        stage.reboot()
        _ = try stage.provision(claim: Cast.bob.publicKey, identity: Cast.friend)
        #expect(try !proof(stage, Cast.friend).isTest)
        #expect(stage.flash.find(Cast.identity.seed.withUnsafeBytes { Array($0) }) == nil)
        stage.reboot()
        #expect(stage.condition == .unowned && stage.damaged.isEmpty)
        // Real ones cannot, with test ones neither.
        #expect(throws: Reason.wrongState) { try stage.provision() }
        #expect(throws: Reason.wrongState) { try stage.provision(isTest: true) }
    }

    @Test("A device with test keys that has or had an owner keeps them") func ownedRehearsal() throws {
        let stage = Stage()
        _ = try stage.provision(isTest: true)
        try stage.send(stage.bindMessage())
        #expect(throws: Reason.wrongState) { try stage.provision() }
        try stage.send(stage.release())
        #expect(stage.condition == .unowned)
        #expect(throws: Reason.wrongState) { try stage.provision() }
    }

    @Test("Power cut anywhere while test keys are replaced: the device has the old ones or the new ones, whole") func cut() throws
    {
        let stage = Stage()
        _ = try stage.provision(isTest: true)
        let before = stage.flash.operations
        let whole = stage.copy()
        _ = try whole.provision(identity: Cast.friend)
        let count = whole.flash.operations
        #expect(before >= 0 && count > 0)
        for operation in 0..<count {
            let cut = stage.copy()
            cut.reboot(.cut(at: operation))
            _ = try? cut.provision(identity: Cast.friend)
            cut.reboot()
            #expect(cut.condition == .unowned && cut.damaged.isEmpty, "cut at operation \(operation)")
            let isNew = cut.status[16]?.bytes == Cast.friend.publicKey.bytes
            #expect(try proof(cut, isNew ? Cast.friend : Cast.identity).isTest != isNew)
        }
    }
}
