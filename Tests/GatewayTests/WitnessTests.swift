import Foundation
import Gateway
import HostedNode
import Testing
import Transport

@testable import ControlNode
@testable import HostCrypto
@testable import NodeProtocol

/// CoAP clients that nobody here wrote, at the gateway.
@Suite("The gateway, against aiocoap and libcoap", .serialized)
struct WitnessTests {
    private func policy() -> Gateway.Policy {
        var policy = Gateway.Policy()
        policy.polling = .milliseconds(50)
        return policy
    }

    @Test("aiocoap discovers, observes and commands a node; a replay is refused")
    func aiocoap() async throws {
        let stage = try await Stage()
        let (on, off) = (try await stage.signed("on"), try await stage.signed("off"))
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: policy()) { address async throws in
            let script = sourceRoot.appendingPathComponent("Tests/GatewayTests/Witness/client.py").path
            let text = try await python([script, "coap://127.0.0.1:\(address.port)/porch", on.bytes.hex, off.bytes.hex])
            let seen = try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
            try await seen.check(stage.owner, commands: [on, off])
        }
        #expect(!stage.hosted.isHigh("led"))
    }

    @Test("A stranger with aiocoap gets no more of a node's work than its share, and 4.13 for what is too long")
    func stranger() async throws {
        let stage = try await Stage()
        let other = try await Stage()
        let forged = try other.owner.sign(Call(device: "led", method: "on"), for: try await stage.owner.known())
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: policy()) { address async throws in
            let script = sourceRoot.appendingPathComponent("Tests/GatewayTests/Witness/stranger.py").path
            let (start, before) = (ContinuousClock.now, stage.metered.work)
            let text = try await python([script, "coap://127.0.0.1:\(address.port)/porch", forged.bytes.hex])
            let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
            struct Seen: Decodable {
                let codes: [String: [String: Int]]
                let long: String
                let room: Int
            }
            let seen = try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
            let checks = stage.metered.work.checks - before.checks, signatures = stage.metered.work.signatures - before.signatures
            let limits = Gateway.Policy()
            #expect(Double(checks) <= limits.checks.host.size + limits.checks.host.perSecond * seconds + 5, "\(seen)")
            #expect(Double(signatures) <= limits.signatures.host.size + limits.signatures.host.perSecond * seconds + 6, "\(seen)")
            #expect(
                signatures > 0 && seen.codes["/events"]?["4.29"] ?? 0 > 0 && seen.codes["/command"]?["4.29"] ?? 0 > 0, "\(seen)")
            #expect(seen.codes["/status"] == ["2.05": 60], "what costs nothing is not rationed")
            #expect(seen.long == "4.13" && seen.room > 900, "\(seen)")
        }
    }

    /// A command, and the path of a file that holds it.
    private func commandFile(_ stage: Stage) async throws -> (SignedMessage, String) {
        let message = try await stage.signed("on")
        let file = FileManager.default.temporaryDirectory.path + "/ln-command-\(randomBytes(6).hex)"
        try Data(message.bytes).write(to: URL(fileURLWithPath: file))
        return (message, file)
    }

    @Test("libcoap's coap-client sends a command in blocks of 64 bytes")
    func smallBlocks() async throws {
        let stage = try await Stage()
        let (on, file) = try await commandFile(stage)
        defer { for name in ["", ".receipt"] { try? FileManager.default.removeItem(atPath: file + name) } }
        try await withGateway([AttachedNode("porch") { stage.owner.client }]) { address async throws in
            _ = try await run(
                "coap-client-notls",
                [
                    "-m", "post", "-B", "30", "-b", "64", "-t", "18", "-f", file, "-o", file + ".receipt",
                    "coap://127.0.0.1:\(address.port)/porch/command",
                ])
            let receipt = try await stage.receipt(in: file + ".receipt")
            #expect(receipt.answers(on) && receipt.outcome == .done)
        }
        #expect(stage.hosted.isHigh("led"))
    }

    @Test("libcoap's coap-client discovers, reads, commands and observes a node")
    func libcoap() async throws {
        let stage = try await Stage()
        let (on, file) = try await commandFile(stage)
        defer { for name in ["", ".out"] { try? FileManager.default.removeItem(atPath: file + name) } }
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: policy()) { address async throws in
            let base = "coap://127.0.0.1:\(address.port)"
            let client = "coap-client-notls"
            let links = try await run(client, ["-m", "get", "-B", "30", base + "/.well-known/core"])
            #expect(links.contains("</porch/command>"))
            // In small blocks, which pass through to the node.
            let whole = try await run(client, ["-m", "get", "-B", "30", base + "/porch/.well-known/core"])
            let pieces = try await run(client, ["-m", "get", "-B", "30", "-b", "64", base + "/porch/.well-known/core"])
            #expect(pieces == whole && whole.contains("</command>"))
            // Observed for four seconds, in which the command comes.
            async let observed = run(client, ["-m", "get", "-s", "4", "-B", "6", "-o", file + ".out", base + "/porch/devices"])
            try await Task.sleep(for: .seconds(1))
            _ = try await run(
                client, ["-m", "post", "-B", "30", "-t", "18", "-f", file, "-o", file + ".receipt", base + "/porch/command"])
            let receipt = try await stage.receipt(in: file + ".receipt")
            try FileManager.default.removeItem(atPath: file + ".receipt")
            #expect(receipt.answers(on) && receipt.outcome == .done)
            _ = try await observed
            // Both representations one after the other: before the command and after it.
            let items = try CBORItem.sequence(Array(try Data(contentsOf: URL(fileURLWithPath: file + ".out"))))
            let states = try items.map { try DeviceDescription.list($0, from: "porch").first { $0.name == "led" }?.state }
            #expect(states.first == false && states.last == true)
        }
        #expect(stage.hosted.isHigh("led"))
    }
}

/// What Witness/client.py printed.
struct Seen: Decodable {
    let links: [String]
    let status: [String]
    let observed: [String]
    let receipts: [[Either]]
    let replay: [Either]
    let nowhere: String

    enum Either: Decodable, Equatable {
        case text(String), number(Int)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    func check(_ owner: RemoteNode, commands: [SignedMessage]) async throws {
        #expect(links.contains("/porch/status") && links.contains("/porch/command"))
        #expect(status[0] == "2.05 Content")
        let node = try await owner.known()
        #expect(try NodeStatus([UInt8](hex: status[1]) ?? [], from: "porch").address == node.address)
        #expect(receipts.count == commands.count)
        for (answer, command) in zip(receipts, commands) {
            guard answer.count == 3, case .text(let hex) = answer[2] else {
                Issue.record("\(answer)")
                continue
            }
            #expect(answer[0] == .text("2.04 Changed") && answer[1] == .number(18))
            let receipt = try Receipt(verifying: [UInt8](hex: hex) ?? [], identity: node.identity, network: node.network)
            #expect(receipt.answers(command) && receipt.outcome == .done)
        }
        let states = try observed.map {
            try DeviceDescription.list([UInt8](hex: $0) ?? [], from: "porch").first { $0.name == "led" }?.state
        }
        #expect(states == [false, true, false])
        #expect(replay == [.text("4.09 Conflict"), .number(257)])
        #expect(nowhere == "4.04 Not Found")
    }
}
