// What a control node says and does while somebody on the way delivers, holds back and answers as it likes.
import CoAP
import Foundation
import HostedNode
import Keystore
import Reporting
import Testing
import Transport

@testable import ControlNode
@testable import HostCrypto
@testable import NodeProtocol

@Suite("Nothing unsigned is believed", .serialized) struct HostileBridgeTests {
    /// A problem in an answer's place: header and token of `message`, then `reason`, which nobody has signed.
    private static func refused(_ reason: RefusalReason, in message: [UInt8]) -> [UInt8] {
        let tokenLength = Int(message[0] & 15)
        // An acknowledgement with the code of the reason.
        let header = [0x60 | UInt8(tokenLength), reason.responseCode, message[2], message[3]] + message[4..<(4 + tokenLength)]
        let problem = CBORItem.map([.negative(-1): .text(reason.rawValue)]).encoded
        return header + [0xC2, 0x01, 0x01, 0xFF] + problem
    }

    /// True for a request that carries a signed message to `path`.
    private static func isRequest(_ message: [UInt8], to path: String) -> Bool {
        message[1] == CoAPCode.post.rawValue && String(decoding: message, as: Unicode.ASCII.self).contains(path)
    }

    private func bound() async throws -> OwningTests.Stage {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        return stage
    }

    private func error(_ body: () async throws -> Void) async -> any Error {
        do { try await body() } catch { return error }
        return CancellationError()
    }

    @Test(
        "A command that was carried out and answered as refused is reported as done, and carried out once",
        arguments: [
            RefusalReason.storeFailed, .tokenRequired, .replayed, .badSignature, .wrongEpoch, .ownerAlive,
        ])
    func deliveredAndRefused(_ reason: RefusalReason) async throws {
        let stage = try await bound()
        // 2.04 is the answer of nothing but a receipt.
        stage.hosted.changeAnswers { $0[1] == CoAPCode.changed.rawValue ? Self.refused(reason, in: $0) : $0 }
        let receipt = try await stage.node.perform(Call(device: "led", method: "toggle"))
        #expect(receipt.outcome == .done && receipt.isExported)
        #expect(stage.hosted.changes("led") == 1 && stage.hosted.isHigh("led"))
    }

    @Test("A command that was not delivered and answered as refused is refused, once the node's own log lacks it")
    func heldAndRefused() async throws {
        let stage = try await bound()
        stage.hosted.meetRequests {
            Self.isRequest($0, to: "command") ? .hold(answer: Self.refused(.storeFailed, in: $0)) : .pass
        }
        let refusal = await error { try await stage.node.perform(Call(device: "led", method: "on")) } as? Refusal
        #expect(refusal?.known == .storeFailed && refusal?.isSigned == false)
        #expect(!stage.hosted.isHigh("led"))
    }

    @Test("While the node's log is kept back nobody says that nothing was done: it is unknown")
    func uncertain() async throws {
        let stage = try await bound()
        stage.hosted.changeAnswers { $0[1] == CoAPCode.changed.rawValue ? Self.refused(.storeFailed, in: $0) : $0 }
        stage.hosted.meetRequests { Self.isRequest($0, to: "attest") ? .hold(answer: Self.refused(.tooLarge, in: $0)) : .pass }
        let failure = await error { try await stage.node.perform(Call(device: "led", method: "toggle")) } as? Failure
        #expect(failure?.kind == .uncertain, "\(String(describing: failure))")
        #expect(stage.hosted.changes("led") == 1, "the same bytes again are carried out once")
    }

    /// A command whose first request the bridge holds back and answers with `reason`: the owner has it carried out, and then what was held
    /// back arrives.
    private func toggledDespite(_ reason: RefusalReason) async throws -> Stage {
        let stage = try await bound()
        let first = Counter()
        stage.hosted.meetRequests {
            Self.isRequest($0, to: "command") && first.next() == 0 ? .hold(answer: Self.refused(reason, in: $0)) : .pass
        }
        #expect(try await stage.node.perform(Call(device: "led", method: "toggle")).outcome == .done)
        stage.hosted.deliverHeld()
        return stage
    }

    @Test("A false “replayed” is contradicted by the node's mark: the same bytes are sent again")
    func falseReplay() async throws {
        let stage = try await toggledDespite(.replayed)
        #expect(stage.hosted.changes("led") == 1, "what was held back is a replay by then")
    }

    @Test("A false “token-required” gets no second command out of the owner: both bear one number, and the node takes one")
    func falseTokenRequired() async throws {
        let stage = try await toggledDespite(.tokenRequired)
        #expect(stage.hosted.isHigh("led") && stage.hosted.changes("led") == 1)
    }

    @Test("The node's own refusal, once it knows the sender, is signed")
    func signedRefusal() async throws {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label, recovery: SigningKey.generate().publicKey)
        let refusal = await error { try await stage.node.release() } as? Refusal
        #expect(refusal?.known == .consentRequired && refusal?.isSigned == true)
        let pressed = await error { try await stage.node.setReset(forbidden: true) } as? Refusal
        #expect(pressed?.known == .presenceRequired && pressed?.isSigned == true)
        try await stage.node.setReset(forbidden: false)
    }

    @Test("What others have done meanwhile is fetched as evidence with the owner's next receipt")
    func evidence() async throws {
        let stage = try await bound()
        let guest = try stage.stranger()
        var terms = Grant.Terms(holder: guest.controller.key.publicKey, scope: [.init("led")])
        terms.uses = 3
        let grant = try await stage.node.grant(terms)
        for method in ["on", "off", "on"] { try await guest.perform(Call(device: "led", method: method), under: grant) }
        try await stage.node.`$`("led").off()
        let entries = try stage.controller.log.entries(of: stage.label.address)
        #expect(entries.gaps.isEmpty && entries.map(\.first) == Array(0..<6))
        // The slot's taking names the grant, and binds it to its number of entry.
        #expect(entries.receipts[1].subject == ["grant"] && entries.receipts[1].grant == grant.id)
        #expect(entries.receipts[2...4].allSatisfy { $0.signer == entries.receipts[1].signer && $0.grant == grant.id })
    }
}

/// Counts across the queue of a node and the test.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    func next() -> Int {
        lock.withLock {
            defer { count += 1 }
            return count
        }
    }
}
