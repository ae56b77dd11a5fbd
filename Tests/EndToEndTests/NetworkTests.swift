// Nodes in QEMU on the network: through the gateway, seen by programs that nobody here wrote, and through a bridge that spoils what it can.
import Bridge
import Emulation
import Foundation
import Gateway
import Testing
import Transport

@testable import ControlNode
@testable import NodeProtocol

@Suite("Emulated nodes on the network", .serialized)
struct NetworkTests {
    /// Serves an emulated node at a free port of this computer while `body` runs.
    private func serving(_ stage: Stage, as name: String, _ body: (SocketAddress) async throws -> Void) async throws {
        let client = stage.owner.client
        let gateway = try Gateway([AttachedNode(name) { client }])
        let server = try await gateway.open(at: try SocketAddress(host: "127.0.0.1", port: 0))
        let running = Task { await server.run() }
        defer {
            server.close()
            running.cancel()
        }
        try await body(server.address)
    }

    @Test("aiocoap discovers, observes and commands a node in QEMU through the gateway", arguments: emulatedBoards)
    func aiocoap(name: String) async throws {
        let stage = try await Stage("light-node", on: name)
        let node = try await stage.owner.known()
        let commands = try ["on", "off"].map { try stage.owner.sign(Call(device: "led", method: $0), for: node) }
        let python = sourceRoot.appendingPathComponent("build/witness/bin/python")
        try #require(FileManager.default.isExecutableFile(atPath: python.path), "run `make witness` first")
        try await serving(stage, as: "porch") { address async throws in
            let result = try await inBackground {
                try Program(home: stage.scratch.url.path)(
                    sourceRoot.appendingPathComponent("Tests/GatewayTests/Witness/client.py").path,
                    "coap://127.0.0.1:\(address.port)/porch", commands[0].bytes.hex, commands[1].bytes.hex,
                    program: python)
            }
            #expect(result.status == 0, "\(result.error)")
            let seen = try result.json()
            #expect((seen["links"] as? [String])?.contains("/porch/command") == true)
            let receipts = try (seen["receipts"] as? [[Any]] ?? []).map {
                try Receipt(
                    verifying: [UInt8](hex: $0[2] as? String ?? "") ?? [], identity: node.identity, network: node.network)
            }
            #expect(receipts.count == 2 && zip(receipts, commands).allSatisfy { $0.answers($1) && $0.outcome == .done })
            #expect((seen["observed"] as? [String])?.count == 3, "dark, lit, dark")
            #expect((seen["replay"] as? [Any])?.first as? String == "4.09 Conflict")
        }
        try await stage.node.powerOff()
    }

    @Test("libcoap's coap-client discovers, reads, commands and observes a node in QEMU through the gateway")
    func libcoap() async throws {
        let stage = try await Stage("light-node", on: "microbit")
        let node = try await stage.owner.known()
        let on = try stage.owner.sign(Call(device: "led", method: "on"), for: node)
        let folder = stage.scratch.url
        try Data(on.bytes).write(to: folder.appendingPathComponent("command"))
        try await serving(stage, as: "porch") { address async throws in
            let base = "coap://127.0.0.1:\(address.port)"
            func client(_ arguments: String...) async throws -> Program.Result {
                try await inBackground {
                    try Program(home: folder.path).run(
                        ["coap-client-notls", "-B", "60"] + arguments, program: URL(fileURLWithPath: "/usr/bin/env"))
                }
            }
            #expect(try await client("-m", "get", base + "/.well-known/core").output.contains("</porch/command>"))
            let seen = folder.appendingPathComponent("observed")
            async let observing = client("-m", "get", "-s", "15", "-o", seen.path, base + "/porch/devices")
            try await Task.sleep(for: .seconds(2))
            let receipt = folder.appendingPathComponent("receipt")
            _ = try await client(
                "-m", "post", "-t", "18", "-f", folder.appendingPathComponent("command").path, "-o", receipt.path,
                base + "/porch/command")
            let answer = try Receipt(
                verifying: Array(try Data(contentsOf: receipt)), identity: node.identity, network: node.network)
            #expect(answer.answers(on) && answer.outcome == .done)
            #expect(try await observing.status == 0)
            // The representations one after the other: before the command, and after it.
            let items = try CBORItem.sequence(Array(try Data(contentsOf: seen)))
            let states = try items.map { try DeviceDescription.list($0, from: "porch").first { $0.name == "led" }?.state }
            #expect(states.first == false && states.last == true)
        }
        #expect(try stage.isLit())
        try await stage.node.powerOff()
    }

    @Test(
        "Through a bridge that drops, duplicates, delays, reorders and replays, commands happen once and the newest state holds")
    func bridge() async throws {
        let scratch = try Scratch()
        let (node, owner, _) = try await ownedNode("microbit", scratch)
        await node.disconnect()
        var faults = Faults()
        (faults.drop, faults.duplicate, faults.reorder, faults.replay, faults.seed) = (15, 25, 10, 30, 7)
        faults.delay = .zero ... .milliseconds(50)
        let line = try UnixSocket.connect(path: node.emulated.uartSocket.path, name: "uart")
        let bridge = try Bridge(at: try SocketAddress(host: "127.0.0.1", port: 0), to: SlipmuxLink(line), faults: faults)
        let relaying = Task { try await bridge.run() }
        var timing = CoAPClient.Timing()
        timing.retransmissions = 6
        let far = CoAPClient(try UDPLink(url: "coap://\(bridge.address)"), name: "far", timing: timing)
        let remote = RemoteNode(far, controller: owner.controller)
        for _ in 0..<7 { #expect(try await remote.send(Call(device: "led", method: "toggle")).outcome == .done) }
        let known = try await remote.known()
        let states = try [("off", 0), ("on", 1), ("off", 2)].map {
            try remote.sign(Call(device: "led", method: $0.0), as: .state, for: known)
        }
        for state in [states[1], states[2], states[0], states[1]] {
            _ = try? await far.send(.post("state", state.bytes, contentFormat: 18))
        }
        #expect(try await remote.devices().first { $0.name == "led" }?.state == false)
        let log = try await remote.history().receipts
        #expect(log.filter { $0.subject == ["led", "toggle"] && $0.outcome == .done }.count == 7)
        #expect(bridge.counts.requests.dropped + bridge.counts.answers.dropped > 0 && bridge.counts.requests.replayed > 0)
        relaying.cancel()
        bridge.close()
        try await node.powerOff()
    }

    @Test("An automation in ordinary Swift turns the relay off when QEMU's thermometer falls below 15 °C")
    func automation() async throws {
        let stage = try await Stage("light-node", on: "mps2-an386", parts: ["-device", "tmp105,address=0x48,id=room"])
        func set(_ millidegrees: Int) throws {
            try stage.node.emulated.execute(
                "qom-set", ["path": "/machine/peripheral/room", "property": "temperature", "value": millidegrees])
        }
        try set(21_000)
        try await stage.owner.`$`("relay").on()
        try await serving(stage, as: "room") { address async throws in
            let process = Process()
            process.executableURL = Program.beside("below-fifteen")
            process.arguments = ["coap://127.0.0.1:\(address.port)/room"]
            process.environment = ["LIGHTNODE_HOME": stage.scratch.url.appendingPathComponent("owner").path]
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            defer { kill(process.processIdentifier, SIGKILL) }
            try await Task.sleep(for: .seconds(2))
            #expect(try stage.isHigh("relay"), "21 degrees are warm enough")
            try set(14_000)
            #expect(try await stage.wait { try !stage.isHigh("relay") })
            #expect(process.isRunning)
        }
        #expect(try await stage.owner.history().receipts.map(\.subject).suffix(1) == [["relay", "off"]])
        try await stage.node.powerOff()
    }
}

/// Runs what blocks on a thread of its own: the gateway needs this one.
private func inBackground<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
