// One run of the program against a node behind something hostile, and what is false in what it says.
import CoAP
import Foundation
import HostedNode
import Transport

@testable import HostCrypto
@testable import NodeProtocol

/// A run, what the node's own log says of it, and what the program said.
struct HostileRun {
    let command: HostileCase
    let result: CommandLineTests.Result
    let stage: HostileStage
    let json: Bool
    /// The node's log afterwards, and how many entries it had before.
    let log: [Receipt]
    let before: Int
    let authorities: Authorities?
    /// The address that the node has.
    let nodeAddress: String?
    /// Files that it wrote for people.
    let files: [String]

    private static let program = CommandLineTests()
    private static let limit = 90

    /// Runs `command` in a fresh copy of its world.
    /// - Parameter way: what is between program and node.
    init(
        _ command: HostileCase, _ stage: HostileStage, json: Bool,
        way: @escaping @Sendable ([UInt8], ([UInt8]) -> [UInt8]) -> [[UInt8]]
    ) throws {
        self.command = command
        self.json = json
        self.stage = stage
        let hosted = stage.node(command.world)
        let line = ChainTests.Line(hosted)
        let node = ["--node", "serial:\(line.path)", "--timeout", "1"]
        (result, files, before) = try stage.withHome(command.world) { home in
            if let prelude = command.prelude { _ = try Self.program.run(prelude + node, home: home) }
            if command.delay > 0 { Thread.sleep(forTimeInterval: command.delay) }
            let before = Self.log(hosted, stage).count
            hosted.lead(way)
            let limit = command.isEndless ? 4 : Self.limit
            let result = try Self.program.run(
                ["\(limit)", CommandLineTests.program.path] + command.arguments(home) + node + (json ? ["--json"] : []),
                home: home,
                input: command.input, program: URL(fileURLWithPath: "/usr/bin/timeout"))
            let files = ["label.svg", "new.grant"].compactMap { try? String(contentsOfFile: home + "/" + $0, encoding: .utf8) }
            return (result, files, before)
        }
        nodeAddress = hosted.identityKey.flatMap { PublicKey($0) }.map { NodeAddress(of: $0).description }
        log = Self.log(hosted, stage)
        authorities = Self.authorities(hosted, stage)
    }

    // MARK: The node's own word, past whatever is on the way

    private static func ask(_ hosted: HostedNode, _ request: Message) -> Message? {
        var request = request
        request.id = .random(in: 0 ... .max)
        return (try? request.encoded()).flatMap { try? Message(hosted.ask($0)) }
    }

    private static func log(_ hosted: HostedNode, _ stage: HostileStage) -> [Receipt] {
        var log: [Receipt] = []
        while let answer = ask(
            hosted,
            Message(
                .confirmable, .get, id: 0,
                options: [
                    .init(CoAPOptionNumber.uriPath, "history"), .init(CoAPOptionNumber.uriQuery, "from=\(log.count)"),
                ])), answer.code == .content,
            let items = try? CBORItem.sequence(answer.payload), !items.isEmpty
        {
            log += items.compactMap { try? Receipt(verifying: $0, identity: stage.identity, network: 1) }
        }
        return log
    }

    private static func authorities(_ hosted: HostedNode, _ stage: HostileStage) -> Authorities? {
        let nonce = randomBytes(16)
        let request = CBORItem.map([.uint(UInt64(AttestRequestField.nonce)): .bytes(nonce)]).encoded
        let answer = ask(
            hosted,
            Message(
                .confirmable, .post, id: 0,
                options: [
                    .init(CoAPOptionNumber.uriPath, "attest"),
                    .init(CoAPOptionNumber.contentFormat, uint: UInt32(CoAPContentFormat.cbor)),
                ], payload: request))
        return answer.flatMap {
            try? Attestation(verifying: $0.payload, nonce: nonce, identity: stage.identity, network: 1).authorities
        }
    }

    // MARK: What is false

    /// Entries that the run has made.
    private var new: [Receipt] { Array(log.dropFirst(before)) }
    private var wasTaken: Bool { new.contains { $0.subject == command.subject } }
    private var object: [String: Any] {
        let text = result.status == 0 ? result.output : result.error
        return (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
    }

    /// How it ended when it should not have ended so, and what it printed that a terminal obeys.
    var misbehaviour: [String] {
        let ends: Set<Int32> = command.isEndless ? [0, 1, 2, 3, 4, 5, 6, 64, 124] : [0, 1, 2, 3, 4, 5, 6, 64]
        return unprintable + (ends.contains(result.status) ? [] : ["it ended with \(result.status)"])
    }

    /// What this run said or did that is not so; empty when all is well.
    var falsehoods: [String] {
        var found = misbehaviour
        switch result.status {
        case 0: found += falseSuccess
        case 1:
            if wasTaken { found.append("it says that the node did nothing, and the node did") }
        case 2:
            if result.error.contains("the node took the command, but"), !wasTaken {
                found.append("it tells an outcome, and the node has none")
            }
        default: break
        }
        if result.status != 0, (result.output + result.error).contains("nothing was"), wasTaken {
            found.append("it says that nothing was done, and the node did")
        }
        return found
    }

    private var unprintable: [String] {
        let texts = [("output", result.output), ("error", result.error)] + files.map { ("a file", $0) }
        return texts.compactMap { name, text in Self.unprintable(text).map { "\($0) in its \(name)" } }
    }

    /// The first character of a text that a terminal would obey, or that turns its direction round.
    static func unprintable(_ text: String) -> String? {
        text.unicodeScalars.first { scalar in
            switch scalar.value {
            case 0x9, 0xA: false
            case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
            default: false
            }
        }.map { "U+\(String($0.value, radix: 16))" }
    }

    private var falseSuccess: [String] {
        // A cable leads where it leads: what another node has done, or signed, is told of that node.
        if result.output.contains(stage.otherAddress) { return [] }
        if let subject = command.subject {
            let done = new.filter { $0.subject == subject && $0.outcome == .done }
            guard done.count == 1 else { return ["it says done, and the node has \(done.count) such entries"] }
            if command.command == "console" { return [] }
            guard json else {
                return result.output.contains("#\(done[0].index) ") ? [] : ["it shows another receipt than the node's"]
            }
            let shown = (object["receipt"] as? [String: Any])?["receipt"] as? String ?? object["receipt"] as? String
            return receipt(shown)?.entry == done[0].entry ? [] : ["it shows another receipt than the node's"]
        }
        return falseAnswer
    }

    private func receipt(_ hex: String?) -> Receipt? {
        hex.flatMap { [UInt8](hex: $0) }.flatMap { try? Receipt(verifying: $0, identity: stage.identity, network: 1) }
    }

    /// Of a command that asks: what it shows as signed.
    private var falseAnswer: [String] {
        let text = result.output
        switch command.name {
        case "status (verify)":
            let isShown = text.contains(authorities?.owner?.description ?? "?") && text.contains(stage.recovery)
            let length = ((object["verified"] as? [String: Any])?["logLength"] as? Int).map { $0 == log.count }
            return isShown && length ?? text.contains("log        \(log.count) entries\n") ? [] : ["it shows another attestation"]
        // The other node's.
        case "history show" where text.contains("dimmer"): return []
        case "history show", "history export":
            guard !text.contains("not handed over"), !text.contains("missing") else { return [] }
            let count = (object["receipts"] as? Int) ?? text.components(separatedBy: json ? "\"receipt\"" : "#").count - 1
            let told = json || command.command == "history show" ? count : Int(text.prefix { $0.isNumber }) ?? -1
            return told == log.count ? [] : ["it shows \(told) entries of \(log.count), and none as missing"]
        case "transfer (accept)":
            let acceptance = json ? object["acceptance"] as? String ?? "" : text
            let counterparty = (try? Acceptance(parsing: acceptance))?.counterparty
            return counterparty == authorities?.owner ? [] : ["it accepts from another than the owner"]
        case "attest":
            return text.contains(json ? "\"owned\"" : ", owned") ? [] : ["it says that the node has no owner"]
        case "watch": return text.contains("led") ? [] : ["it shows what did not happen"]
        case "adopt":
            return text.contains(authorities?.owner?.description ?? "?") && text.contains(stage.recovery)
                ? [] : ["it shows other authorities"]
        case "grant give":
            let grant = try? Grant(parsing: files.first ?? "")
            return grant?.node == NodeAddress(of: stage.identity) ? [] : ["the grant is for another node"]
        case "provision":
            return text.contains(nodeAddress ?? "?") ? [] : ["it says that another node was provisioned"]
        default: return []
        }
    }
}
