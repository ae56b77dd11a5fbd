import Foundation
import HostedNode
import Reporting
import Testing
import Transport

@testable import Keystore
@testable import NodeProtocol

@Suite("The log of all nodes, in SQLite", .serialized)
struct NodeLogTests {
    let vectors = Vectors.shared

    private func receipts() throws -> [Receipt] {
        try vectors.receipts.map {
            try Receipt(verifying: bytes($0), identity: vectors.identityKey, network: vectors.network)
        }
    }

    private func record(_ receipts: [Receipt], in log: NodeLog) throws {
        try log.record(receipts, identity: vectors.identityKey, network: vectors.network)
    }

    // R11
    @Test("What was recorded comes back in the node's order, verified, and a program that starts later finds it")
    func keeps() throws {
        try withFolder { folder throws in
            let receipts = try receipts()
            try record(receipts.reversed(), in: try NodeLog(folder + "/log.sqlite"))
            let later = try NodeLog(folder + "/log.sqlite")
            #expect(try later.entries(of: vectors.node).receipts == receipts)
            #expect(try later.entries(of: vectors.node, from: receipts[1].index).receipts == Array(receipts.dropFirst()))
            #expect(try later.firstMissing(of: vectors.node, from: receipts[0].index) == receipts.last!.index + 1)
            let mode = try FileManager.default.attributesOfItem(atPath: folder + "/log.sqlite")[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test("A gap is what neither came nor can come; what lies in it already is no gap")
    func gaps() throws {
        try withFolder { folder throws in
            let log = try NodeLog(folder + "/log.sqlite")
            let receipts = try receipts()
            let middle = receipts[1].index
            try record([receipts[1]], in: log)
            try log.recordGap(
                0..<(middle + 3), of: vectors.node, identity: vectors.identityKey, network: vectors.network)
            let entries = try log.entries(of: vectors.node)
            #expect(entries.gaps == [0..<middle, (middle + 1)..<(middle + 3)].filter { !$0.isEmpty })
            #expect(entries.map(\.first) == entries.map(\.first).sorted())
            #expect(try log.firstMissing(of: vectors.node) == middle + 3)
        }
    }

    @Test("A receipt that contradicts one seen before is not recorded, nor what came with it")
    func contradiction() throws {
        try withFolder { folder throws in
            let receipts = try receipts()
            let log = try NodeLog(folder + "/log.sqlite")
            try record([receipts[0]], in: log)
            // The chain that the next receipt names is not the one that this file has.
            try changeFile(folder, "UPDATE receipt SET chainAfter = zeroblob(32)")
            #expect { try record([receipts[1], receipts[2]], in: log) } throws: { ($0 as? Failure)?.kind == .notAuthentic }
            #expect(try log.entries(of: vectors.node).receipts == [receipts[0]])
        }
    }

    @Test("A file that somebody changed is noticed when it is read")
    func changed() throws {
        try withFolder { folder throws in
            let log = try NodeLog(folder + "/log.sqlite")
            try record(try receipts(), in: log)
            try changeFile(folder, "UPDATE receipt SET bytes = (SELECT bytes FROM receipt WHERE number = 0) WHERE number = 1")
            #expect { try log.entries(of: vectors.node) } throws: { ($0 as? Failure)?.kind == .notAuthentic }
            try Data("no database".utf8).write(to: URL(fileURLWithPath: folder + "/other.sqlite"))
            #expect { try NodeLog(folder + "/other.sqlite") } throws: { ($0 as? Failure)?.kind == .environment }
        }
    }

    /// As any SQLite program would.
    private func changeFile(_ folder: String, _ sql: String) throws {
        _ = try python(
            ["-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"]
                + [folder + "/log.sqlite", sql])
    }

    @Test("A node's log that outran its ring is fetched with its gap, and fetching resumes where it was interrupted")
    func resumes() async throws {
        // Signatures are rationed by the node's clock.
        let stage = try await OwningTests.Stage(speed: 100)
        try await stage.node.bind(label: stage.label)
        let call = Call(device: "led", method: "toggle")
        let node = try await stage.node.known()
        // Commands of this owner that this control node never saw the receipts of.
        func unseen(_ count: Int) async throws {
            for _ in 0..<count {
                let message = try stage.node.sign(call, for: node)
                _ = try await stage.client.send(.post("command", message.bytes, contentFormat: 18))
            }
        }
        try await unseen(40)
        stage.hosted.loseAnswers(.max, after: 3)
        await #expect(throws: Failure.self) { try await stage.node.history() }
        let part = try stage.controller.log.entries(of: node.address).receipts
        #expect(!part.isEmpty && part.count < 41)
        stage.hosted.loseAnswers(0)
        let all = try await stage.node.history()
        #expect(all.gaps.isEmpty && all.receipts.map(\.index) == Array(0...40))

        try await unseen(640)
        let long = try await stage.node.history()
        let gap = try #require(long.gaps.first)
        #expect(gap.lowerBound == 41 && long.receipts.map(\.index) == Array(0...40) + Array(gap.upperBound...680))
        #expect(long.missing == nil)
    }

    @Test("Entries that somebody on the way holds back are neither taken for lost nor forgotten")
    func heldBack() async throws {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        let node = try await stage.node.known()
        for _ in 0..<3 {
            let message = try stage.node.sign(Call(device: "led", method: "toggle"), for: node)
            _ = try await stage.client.send(.post("command", message.bytes, contentFormat: 18))
        }
        // The receipts of an answer that `isWanted`, by number in the answer.
        @Sendable func keep(_ answer: [UInt8], _ isWanted: (Int) -> Bool) -> [UInt8] {
            guard (try? Message(answer))?.contentFormat == 63,
                let start = answer.indices.first(where: { answer[$0...].starts(with: [0xFF, 0xD2, 0x84]) }),
                let items = try? CBORItem.sequence(Array(answer[(start + 1)...]))
            else { return answer }
            let kept = items.indices.filter(isWanted).flatMap { items[$0] }
            return Array(answer[..<start]) + (kept.isEmpty ? [] : [0xFF] + kept)
        }
        for hidden in 0..<2 {
            stage.hosted.changeAnswers { answer in keep(answer) { $0 != hidden } }
            let failure = await #expect(throws: Failure.self) { try await stage.node.history() }
            #expect(failure?.kind == .notAuthentic, "\(String(describing: failure))")
            #expect(try stage.controller.log.entries(of: node.address).gaps.isEmpty)
        }
        stage.hosted.changeAnswers { answer in keep(answer) { _ in false } }
        let nothing = try await stage.node.history()
        #expect(nothing.gaps.isEmpty && nothing.missing == 1..<4, "\(nothing)")
        // What came before and behind is not missing.
        stage.hosted.changeAnswers { answer in answer[1] == 0x45 ? keep(answer) { _ in false } : answer }
        try await stage.node.perform(Call(device: "led", method: "toggle"))
        stage.hosted.changeAnswers { answer in keep(answer) { _ in false } }
        let between = try await stage.node.history()
        #expect(between.missing == 1..<4 && between.map(\.first) == [0, 1, 4], "\(between)")
        stage.hosted.changeAnswers { $0 }
        let all = try await stage.node.history()
        #expect(all.gaps.isEmpty && all.missing == nil && all.receipts.map(\.index) == Array(0..<5))
    }
}
