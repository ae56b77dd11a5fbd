// A node whose flash was rolled back: it goes on, and both logs are evidence.
import Foundation
import HostedNode
import Keystore
import NodeProtocol
import Reporting
import Synchronization
import Testing
import Transport

@testable import ControlNode

/// Notices of a controller, as they come.
final class Noticed: Sendable {
    private let found = Mutex<[Notice]>([])
    var all: [String] { found.withLock { $0.map { "\($0)" } } }
    func take() -> [String] {
        found.withLock { found in
            defer { found = [] }
            return found.map { "\($0)" }
        }
    }
    func listening(_ controller: Controller) -> Controller {
        var controller = controller
        controller.notice = { [self] notice in found.withLock { $0.append(notice) } }
        return controller
    }
}

@Suite("A log that forks", .serialized) struct ForkTests {
    private let noticed = Noticed()

    private func node(_ stage: OwningTests.Stage) -> RemoteNode {
        RemoteNode(stage.client, controller: noticed.listening(stage.controller))
    }

    /// A node with three entries, of which the last two are rolled back.
    private func rolledBack() async throws -> (stage: OwningTests.Stage, former: [Receipt]) {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        let old = stage.hosted.flash.snapshot
        let former = [try await stage.node.`$`("led").on(), try await stage.node.`$`("led").off()]
        await stage.client.close()
        stage.hosted.flash.restore(old)
        await stage.powerCycle()
        return (stage, former)
    }

    @Test(
        "A command to a node that was rolled back is done; the fork is told once, and history shows what the node no longer has")
    func send() async throws {
        let (stage, former) = try await rolledBack()
        let receipt = try await node(stage).`$`("dimmer").set(7)
        #expect(receipt.outcome == .done && receipt.index == 1)
        #expect(noticed.take().filter { $0.contains("from entry 1 on") }.count == 1)
        let second = try await node(stage).`$`("dimmer").set(8)
        #expect(noticed.take().isEmpty)
        let entries = try await node(stage).history()
        #expect(entries.receipts.map(\.entry).suffix(2) == [receipt.entry, second.entry])
        let branch = try #require(entries.branches.first)
        #expect(entries.branches.count == 1 && branch.number == 1 && branch.receipts.map(\.entry) == former.map(\.entry))
        #expect(try Date(branch.seen, strategy: .iso8601) <= Date())
        #expect(noticed.take().isEmpty)
    }

    @Test("A node that was rolled back and has done nothing since is told by history, and its former entries are kept")
    func historyAlone() async throws {
        let (stage, former) = try await rolledBack()
        let entries = try await node(stage).history()
        #expect(entries.receipts.count == 1 && entries.branches.first?.receipts.map(\.entry) == former.map(\.entry))
        #expect(noticed.take().count == 1)
        #expect(try await node(stage).history().branches.count == 1)
        #expect(try await node(stage).`$`("led").on().index == 1)
        #expect(noticed.take().isEmpty)
    }

    @Test("Where others have written the new branch, its beginning is found and the whole of it fetched")
    func others() async throws {
        let (stage, former) = try await rolledBack()
        // Another program with the same key, whose log begins here.
        let other = try Stage.copy(of: stage)
        var written: [Receipt] = []
        for level in 0..<6 {
            written.append(try await RemoteNode(stage.client, controller: other).`$`("dimmer").set(.int(Int64(level))))
        }
        let entries = try await node(stage).history()
        #expect(entries.receipts.map(\.entry).dropFirst() == written.map(\.entry)[...])
        #expect(entries.branches.first?.receipts.map(\.entry) == former.map(\.entry))
        #expect(noticed.take().count == 1)
        #expect(try await node(stage).`$`("led").on().index == 7)
    }

    @Test("A lost answer of a node that was rolled back is found in its new log")
    func lostAnswer() async throws {
        let (stage, _) = try await rolledBack()
        let known = try await stage.node.known()
        _ = known
        // Status passes; the receipt's three sendings are lost.
        stage.hosted.loseAnswers(3, after: 1)
        let receipt = try await node(stage).`$`("led").toggle()
        #expect(receipt.outcome == .done && receipt.isExported)
        #expect(stage.hosted.changes("led") == 1)
        #expect(noticed.take().contains { $0.contains("from entry 1 on") })
    }

    private enum Stage {
        /// A controller with the same key and book, and a log of its own.
        static func copy(of stage: OwningTests.Stage) throws -> Controller {
            let folder = stage.folder + "/copy"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            for name in ["controller.key", "devices.json", "sequence"] {
                try FileManager.default.copyItem(atPath: stage.folder + "/owner/" + name, toPath: folder + "/" + name)
            }
            return try Controller(try Home(folder), passphrase: { nil })
        }
    }
}
