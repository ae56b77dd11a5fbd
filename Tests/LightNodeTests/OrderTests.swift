// The order of checks in docs/protocol.md: of two that a message fails, the earlier answers.

import LightNode
import SimulatedNOR
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Order of checks") struct OrderTests {
    /// The documented checks, in their order, each with one way to fail it and the refusal that this gets.
    enum Check: CaseIterable {
        case shape, condition, address, epoch, state, attempts, sequence, life, token, grants, signature, slots, intent

        var refusal: Reason {
            switch self {
            case .shape: .malformed
            case .condition, .state: .wrongState
            case .address: .wrongAddress
            case .epoch: .wrongEpoch
            case .attempts: .tooManyAttempts
            case .sequence: .replayed
            case .life: .expired
            case .token: .tokenInvalid
            case .grants: .notInScope
            case .signature: .badSignature
            case .slots: .grantSlotsFull
            case .intent: .storeFailed
            }
        }
    }

    private func lent(_ stage: Stage, salt: UInt8 = 1) -> Grant { stage.grant(salt: salt) }

    /// A node that makes a message fail `checks`.
    private func stage(failing checks: Set<Check>) throws -> Stage {
        if checks.contains(.condition) { return Stage() }
        let stage = try Stage.owned()
        try stage.tellTime(2_000_000_000)
        // The grant is known: it was used, and its holder was told about its scope.
        try stage.send(stage.command(by: Cast.holder, grant: lent(stage)))
        try stage.send(stage.command("$('gauge').set(1)", by: Cast.holder, grant: lent(stage)))
        if checks.contains(.slots) {
            for salt in 2..<9 { try stage.send(stage.command(by: Cast.holder, grant: lent(stage, salt: UInt8(salt)))) }
        }
        if checks.contains(.state) { try stage.send(stage.release()) }
        if checks.contains(.attempts) {
            let forged = checks.contains(.state) ? bind : { $0.command(by: Cast.mallory) }
            for _ in 0..<20 { _ = stage.refusal(forged(stage)) }
        }
        if checks.contains(.intent) { stage.flash.powerUp(.cut(at: 0)) }
        return stage
    }

    private func bind(_ stage: Stage) -> SignedMessage {
        .bind(
            stage.device, owner: Cast.mallory, epoch: stage.epoch, sequence: stage.nextSequence(), network: Cast.network,
            claim: Cast.mallory)
    }

    private func refusal(failing checks: Set<Check>) throws -> Reason? {
        let stage = try stage(failing: checks)
        let device = checks.contains(.address) ? NodeAddress(of: Cast.mallory.publicKey) : stage.device
        let message = SignedMessage.call(
            try Call(parsing: checks.contains(.grants) ? "$('gauge').set(1)" : "$('led').on()"), to: device,
            epoch: checks.contains(.epoch) ? 9 : stage.epoch, sequence: checks.contains(.sequence) ? 1 : stage.nextSequence(),
            network: Cast.network, token: checks.contains(.token) ? [UInt8](repeating: 0, count: 12) : nil,
            expires: checks.contains(.life) ? 1_000 : nil, grant: lent(stage, salt: checks.contains(.slots) ? 9 : 1),
            key: checks.contains(.signature) ? Cast.mallory : Cast.holder)
        return stage.refusal(message.type, checks.contains(.shape) ? message.bytes + [0] : message.bytes)
    }

    @Test("A message that fails no check is accepted") func good() throws { #expect(try refusal(failing: []) == nil) }

    @Test("A message that fails one check gets its refusal", arguments: Check.allCases)
    func single(_ check: Check) throws { #expect(try refusal(failing: [check]) == check.refusal) }

    @Test(
        "A message that fails two checks, one behind the other, gets the refusal of the first",
        arguments: zip(Check.allCases, Check.allCases.dropFirst()))
    func pair(_ first: Check, _ second: Check) throws { #expect(try refusal(failing: [first, second]) == first.refusal) }

    @Test("Grants are held against node and epoch before the state, and each against its life before the token") func grants()
        throws
    {
        let stage = try Stage.owned()
        let old = stage.grant()
        try stage.send(stage.rotate(to: Cast.bob))
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: old)) == .wrongEpoch)
        try stage.send(stage.release(by: Cast.bob))
        #expect(stage.refusal(stage.command(by: Cast.holder, grant: old)) == .wrongEpoch, "and not wrong-state")
        let owned = try Stage.owned()
        try owned.tellTime(2_000_000_000)
        let ended = owned.grant { $0.expires = 1_999_999_999 }
        #expect(owned.refusal(owned.command(by: Cast.holder, token: [UInt8](repeating: 0, count: 12), grant: ended)) == .expired)
    }

    @Test("Keys are checked before consents, the acceptance before the recovery key's consent") func consents() throws {
        let stage = try Stage.owned()
        let right = try stage.acceptance(by: Cast.bob)
        var other = Authorities(owner: Cast.bob.publicKey)
        other.forbidsReset = true
        let wrong = try stage.acceptance(by: Cast.bob, resultingIn: other)
        let smallOrder = CBORItem.bytes([1] + [UInt8](repeating: 0, count: 31))
        func transfer(_ acceptance: Acceptance, recovery: CBORItem? = nil) -> SignedMessage {
            .make(
                .transfer, stage.heading(), claims: [8: SignedMessage.confirmation(Cast.bob.publicKey)],
                node: [4: .bytes(acceptance.bytes), 11: recovery], key: Cast.alice)
        }
        #expect(stage.refusal(transfer(wrong, recovery: smallOrder)) == .keyInvalid)
        #expect(stage.refusal(transfer(wrong)) == .consentInvalid)
        stage.pass(seconds: 10)  // attempts are rationed
        #expect(stage.refusal(transfer(right)) == .consentRequired)
    }
}
