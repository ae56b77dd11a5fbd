// Each command of the program against a node that signs what is not so.
import Foundation
import HostedNode
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Each command against a hostile node", .serialized)
struct HostileNodeTests {
    private let program = CommandLineTests()

    private func key(_ stage: HostileStage) throws -> SigningKey {
        try #require(HostileNode.identity(of: stage.identity, in: stage.node(.owned).flash.bytes))
    }

    @Test("Whatever a node says and signs, no command crashes, waits for ever, or prints what a terminal obeys")
    func noTerminalText() async throws {
        let stage = try HostileStage()
        let (key, cases, lies) = (try key(stage), stage.cases, HostileNode.Lie.all)
        let isWhole = ProcessInfo.processInfo.environment["LIGHTNODE_HOSTILE"] == "all"
        let found = await HostileBridgeTests.each(cases.count) { number in
            let command = cases[number]
            var found: [String] = []
            for (offset, lie) in lies.enumerated() where isWhole || offset == 0 || (offset + number) % 5 == 0 {
                let node = HostileNode(lie, identity: command.world == .blank ? nil : key)
                let run = try HostileRun(command, stage, json: (offset / 5 + number) % 2 == 0) { node.pass($0, $1) }
                found += run.misbehaviour.map {
                    "\(command.name), \(lie): \($0)\n\(run.result.output)\(run.result.error)"
                }
            }
            return found
        }
        #expect(found.isEmpty, "\(found.count):\n\(found.joined(separator: "\n"))")
    }

    @Test("What a node signs against its own log is told as a fork; of another call or for another network, as not genuine")
    func contradictions() throws {
        let stage = try HostileStage()
        let key = try key(stage)
        func result(_ lie: HostileNode.Lie, _ words: [String]) throws -> CommandLineTests.Result {
            let command = HostileCase(command: words[0], world: .owned, arguments: { _ in words })
            let node = HostileNode(lie, identity: key)
            return try HostileRun(command, stage, json: false) { node.pass($0, $1) }.result
        }
        func ends(_ lie: HostileNode.Lie, _ words: [String]) throws -> Int32 { try result(lie, words).status }
        func isFork(_ lie: HostileNode.Lie, _ words: [String]) throws -> Bool {
            let result = try result(lie, words)
            return result.status == 0 && result.error.contains("Both branches are kept")
        }
        let zeros = CBORItem.bytes(Array(repeating: 0, count: 32))
        let send = ["send", "$('led').toggle()"]
        #expect(try isFork(.claim(NodeClaim.previous, zeros), send), "a chain that does not go on")
        #expect(try isFork(.claim(NodeClaim.index, .uint(2)), send), "a number that another entry has")
        #expect(try ends(.claim(NodeClaim.call, .array([.text("lock"), .text("open")])), send) == 5, "a receipt of another call")
        #expect(try isFork(.claim(NodeClaim.head, .array([.uint(0), zeros])), ["history"]), "a log that was longer")
        #expect(try ends(.network(2), ["attest"]) == 5 && ends(.network(2), ["status", "--verify"]) == 5)
        #expect(try ends(.type(.receipt), ["attest"]) == 5, "a receipt is no attestation")
    }

    @Test("A log without end is fetched for as many entries as a node can have, and what is missing is told")
    func endlessLog() throws {
        let stage = try HostileStage()
        let node = HostileNode(.endlessLog, identity: try key(stage))
        let command = HostileCase(command: "history show", world: .unowned, arguments: { _ in ["history"] })
        // As its owner, who has not seen any of it yet.
        var bound = command
        bound.prelude = ["bind", stage.label]
        let run = try HostileRun(bound, stage, json: false) { node.pass($0, $1) }
        #expect(run.misbehaviour.isEmpty, "\(run.misbehaviour)")
        let lines = run.result.output.split(separator: "\n")
        #expect((1...10_000).contains(lines.count) && lines.last?.contains("not handed over") == true, "\(run.result)")
    }

    @Test("The factory's records, tables and labels of a node with such names are plain text")
    func factory() throws {
        try program.withHome { home throws in
            let hosted = HostedNode()
            let line = ChainTests.Line(hosted)
            // Its board and version are such texts in the status and as it signs them.
            let liar = HostileNode(.names, identity: nil)
            hosted.lead { liar.pass($0, $1) }
            let node = ["--node", "serial:\(line.path)"]
            let made = try program.run(
                ["provision", "--batch", "lamps", "--count", "1", "--inject-identity", "--labels", home + "/labels"] + node,
                home: home)
            #expect(made.status == 0, "\(made)")
            let one = try program.run(["label", "nonsense\(terminalText)"], home: home)
            var texts = [made.output, made.error, one.output, one.error]
            for arguments in [
                ["batch", "list"], ["batch", "show", "lamps"], ["batch", "export", "lamps", "--format", "csv"],
                ["batch", "export", "lamps"], ["list"],
            ] {
                for json in [[], ["--json"]] {
                    let result = try program.run(arguments + json, home: home)
                    // RFC 4180 ends lines with both.
                    texts += [result.output.replacing("\r\n", with: "\n"), result.error]
                }
            }
            let labels = try FileManager.default.subpathsOfDirectory(atPath: home + "/labels").filter { $0.hasSuffix(".svg") }
            #expect(!labels.isEmpty)
            texts += try labels.map { try String(contentsOfFile: home + "/labels/" + $0, encoding: .utf8) }
            #expect(texts.contains { $0.contains("u{1B}") }, "the node's name is in none of them")
            #expect(texts.compactMap(HostileRun.unprintable).isEmpty, "\(texts)")
        }
    }
}
