// What a program had begun when it ended is finished by the next one.
import Foundation
import HostedNode
import Keystore
import NodeProtocol
import Reporting
import Testing
import Transport

@testable import ControlNode
@testable import HostCrypto

@Suite("A change of ownership that was not seen to its end", .serialized) struct SettlingTests {
    private let noticed = Noticed()

    private func bound(recovery: PublicKey? = nil) async throws -> (OwningTests.Stage, RemoteNode) {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label, recovery: recovery)
        return (stage, RemoteNode(stage.client, controller: noticed.listening(stage.controller)))
    }

    private func node(_ stage: OwningTests.Stage, _ key: SigningKey) -> RemoteNode {
        let own = stage.controller
        return RemoteNode(
            stage.client,
            controller: noticed.listening(
                Controller(key: ControllerKey(key), sequence: own.sequence, book: own.book, log: own.log)))
    }

    /// Loses every answer from the one to the message on, while `body` runs: it does not know what the node did.
    private func losingAnswers(_ stage: OwningTests.Stage, after kept: Int, _ body: () async throws -> Receipt) async throws {
        stage.hosted.loseAnswers(1000, after: kept)
        await #expect { _ = try await body() } throws: { ($0 as? Failure)?.kind == .uncertain }
        stage.hosted.loseAnswers(0)
    }

    @Test("a rotation whose answer was lost is finished by either key, and by saying it again")
    func rotation() async throws {
        for way in 0..<3 {
            let (stage, owner) = try await bound()
            let next = SigningKey.generate()
            // Status twice, attestation.
            try await losingAnswers(stage, after: 3) { try await owner.rotate(to: next) }
            switch way {
            case 0: #expect(try await node(stage, next).`$`("led").on().outcome == .done)
            case 1:
                await #expect { try await owner.`$`("led").on() } throws: {
                    let failure = $0 as? Failure
                    return failure?.kind == .usage && failure!.what.contains(next.publicKey.description)
                }
                #expect(try await node(stage, next).`$`("led").on().outcome == .done)
            default:
                #expect(try await owner.rotate(to: next).type == .rotate)
                #expect(try await node(stage, next).`$`("led").on().outcome == .done)
            }
            let known = try #require(try stage.controller.book.node(stage.label.address))
            #expect(known.owner == next.publicKey && known.pending == nil && known.epoch == 2)
            #expect(noticed.take().contains { $0.contains("an earlier rotate") })
        }
    }

    @Test("a release and a transfer whose answers were lost leave no stale book")
    func leaving() async throws {
        let (stage, owner) = try await bound()
        try await losingAnswers(stage, after: 2) { try await owner.release() }
        #expect(try await owner.release().type == .release)
        #expect(try stage.controller.book.nodes().isEmpty)
        try await owner.bind(label: stage.label)

        let buyer = try stage.stranger()
        let acceptance = try await buyer.accept()
        try await losingAnswers(stage, after: 2) { try await owner.transfer(to: acceptance) }
        await #expect { try await owner.`$`("led").on() } throws: { ($0 as? Failure)?.kind == .usage }
        #expect(try stage.controller.book.nodes().isEmpty)
        try await buyer.finishTransfer()
        #expect(try await buyer.`$`("led").on().outcome == .done)
    }

    @Test("a recovery and a bind whose answers were lost are found by the next command")
    func acquiring() async throws {
        let recovery = SigningKey.generate()
        let (stage, _) = try await bound(recovery: recovery.publicKey)
        let heir = RemoteNode(stage.client, controller: noticed.listening(try stage.stranger().controller))
        // Status twice, attestation.
        try await losingAnswers(stage, after: 3) { try await heir.recover(with: recovery) }
        #expect(try await heir.`$`("led").on().outcome == .done)
        #expect(noticed.take().contains { $0.contains("an earlier recover") })
        #expect(try heir.controller.book.node(stage.label.address)?.unconfirmedBind == nil)

        let fresh = try await OwningTests.Stage()
        let owner = RemoteNode(fresh.client, controller: noticed.listening(fresh.controller))
        try await losingAnswers(fresh, after: 2) { try await owner.bind(label: fresh.label) }
        #expect(try await owner.`$`("led").on().outcome == .done)
    }

    @Test("a takeover whose answer was lost is found by the next command")
    func takeover() async throws {
        let stage = try await OwningTests.Stage(speed: 20)
        try await stage.node.bind(label: stage.label)
        let heir = RemoteNode(stage.client, controller: noticed.listening(try stage.stranger().controller))
        try await stage.node.setBackups([Backup(key: heir.controller.key.publicKey, silence: 1)])
        try await Task.sleep(for: .milliseconds(200))
        // Status, status, attestation, token.
        try await losingAnswers(stage, after: 4) { try await heir.takeOver() }
        #expect(try await heir.`$`("led").on().outcome == .done)
        #expect(noticed.take().contains { $0.contains("an earlier takeover") })
    }

    @Test("a change that never reached the node is struck out once it cannot be taken any more")
    func neverArrived() async throws {
        let (stage, owner) = try await bound()
        let known = try await owner.known()
        let message = SignedMessage.backups(
            .init(known.address, epoch: known.epoch, sequence: try stage.controller.sequence.next(), network: known.network), [],
            owner: stage.controller.key.signing)
        try stage.controller.book.update(known.address) {
            $0.pending = .init(message, newOwner: nil, logLength: known.nextIndex ?? 0)
        }
        // As long as it may be on its way the book has it.
        try await owner.`$`("led").on()
        #expect(try stage.controller.book.node(known.address)?.pending != nil)
        try await owner.`$`("led").off()
        #expect(try stage.controller.book.node(known.address)?.pending == nil)
        #expect(noticed.take().contains { $0.contains("was not carried out, and never will be") })
    }

    @Test("a book that is older than the node catches up")
    func olderBook() async throws {
        let (stage, owner) = try await bound()
        let old = try PrivateFile(stage.folder + "/owner/devices.json").read()
        let next = SigningKey.generate()
        try await owner.rotate(to: next)
        try await node(stage, next).rotate(to: stage.controller.key.signing)
        try PrivateFile(stage.folder + "/owner/devices.json").write(old)
        #expect(try await owner.`$`("led").on().outcome == .done)
        #expect(noticed.take().contains { $0.contains("is in epoch 3") })
    }

    @Test("secrets under temporary names that a killed program has left are swept")
    func leftovers() async throws {
        try withFolder { folder in
            let home = try Home(folder)
            try ControllerKey.generate().save(to: home.controllerKey)
            let left = [
                "controller.key.999999-abcd1234.new", "devices.json.999999-00000000.new", "other.key.999999-11111111.new",
            ]
            for name in left { try PrivateFile(folder + "/" + name).write(Array("secret".utf8)) }
            _ = try Controller(home, passphrase: { nil })
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".new") } == [])
        }
    }
}
