import Foundation
import Gateway
import HostedNode
import Testing
import Transport

@testable import ControlNode

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

    @Test("libcoap's coap-client discovers, reads, commands and observes a node")
    func libcoap() async throws {
        let stage = try await Stage()
        let file = FileManager.default.temporaryDirectory.path + "/ln-command-\(randomBytes(6).hex)"
        defer { for name in ["", ".out"] { try? FileManager.default.removeItem(atPath: file + name) } }
        let on = try await stage.signed("on")
        try Data(on.bytes).write(to: URL(fileURLWithPath: file))
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
            let receipt = try Receipt(
                verifying: Array(try Data(contentsOf: URL(fileURLWithPath: file + ".receipt"))),
                identity: try await stage.owner.known().identity, network: 1)
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
        let device = try await owner.known()
        #expect(try DeviceStatus([UInt8](hex: status[1]) ?? [], from: "porch").address == device.address)
        #expect(receipts.count == commands.count)
        for (answer, command) in zip(receipts, commands) {
            guard answer.count == 3, case .text(let hex) = answer[2] else {
                Issue.record("\(answer)")
                continue
            }
            #expect(answer[0] == .text("2.04 Changed") && answer[1] == .number(18))
            let receipt = try Receipt(verifying: [UInt8](hex: hex) ?? [], identity: device.identity, network: device.network)
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
