// What must not disturb a node: noise, cut and endless frames on its UART, and messages with any bit changed.
import ControlNode
import Emulation
import Foundation
import NodeEmulation
import NodeProtocol
import SplitMix
import Testing
import Transport

@Suite("Bad input on the wire", .serialized)
struct NoiseTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func send(_ bytes: [[UInt8]], to node: EmulatedNode) async throws {
        await node.disconnect()
        let wire = try node.emulated.connectUART()
        for chunk in bytes { try wire.send(chunk) }
        // What it answers belongs to nobody; reading it keeps the line from filling up.
        while try !wire.receive(timeout: 0.2).isEmpty {}
    }

    @Test("Garbage, cut frames and frames without end leave the node answering, unmoved", arguments: emulatedBoards)
    func garbage(name: String) async throws {
        let (node, owner, _) = try await ownedNode(name, scratch)
        let command = try await owner.`$`("led").on()
        let before = try await owner.status()
        let frame = SlipmuxFrames.coap(try owner.sign(Call(device: "led", method: "off"), for: try await owner.known()).bytes)
        var noise = SplitMix(state: 1)
        let end: UInt8 = 0xC0
        let kinds: [(String, [[UInt8]])] = [
            ("4 KB of noise", [(0..<4096).map { _ in .random(in: 0...255, using: &noise) }]),
            ("frames cut short", (1..<20).map { [UInt8](frame.prefix(frame.count * $0 / 20)) + [end] }),
            ("a frame that begins and never ends", [[0xA9] + [UInt8](repeating: 0x55, count: 6000)]),
            ("thousands of empty frames", [[UInt8](repeating: end, count: 3000)]),
            ("escapes of nothing", [[end] + [UInt8](repeating: 0xDB, count: 500) + [end]]),
            ("a log line and a packet of IP", [[end, 0x0A] + Array("hello\n".utf8) + [end, end, 0x45, 0, 0, 20, end]]),
            (
                "noise in valid frames",
                (0..<40).map { _ in
                    SlipmuxFrames.coap(
                        (0..<Int.random(in: 0..<200, using: &noise)).map { _ in .random(in: 0...255, using: &noise) })
                }
            ),
            ("a frame longer than any request", [SlipmuxFrames.coap([UInt8](repeating: 0x42, count: 1800))]),
        ]
        for (kind, bytes) in kinds {
            try await send(bytes, to: node)
            try node.connect()
            let status = try await NodeProbe(node.client).status()
            #expect(
                status.state == .owned && status.nextIndex == before.nextIndex && status.highWater == command.sequence,
                "after \(kind)")
            #expect(status.uptimeMilliseconds >= before.uptimeMilliseconds, "it went on without a reset, after \(kind)")
            #expect(status.stackUsed < status.stackSize)
        }
        #expect(!node.log.contains { $0.contains("FAULT") })
        #expect(try await node.seen(from: try scratch.home("owner")).`$`("led").off().outcome == .done)
    }

    @Test("A command with any one bit changed is refused, whichever bit it is")
    func everyBit() async throws {
        let (node, owner, _) = try await ownedNode("microbit", scratch)
        let known = try await owner.known()
        let message = try owner.sign(Call(device: "led", method: "on"), for: known)
        let before = try await owner.status()
        let client = try node.client
        var noise = SplitMix(state: 1)
        var reasons: [String: Int] = [:]
        for index in message.bytes.indices {
            var changed = message.bytes
            changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &noise)
            // 18: application/cose; cose-type="cose-sign1" (RFC 9052, section 11.3).
            let response = try await client.send(.post("command", changed, contentFormat: 18))
            #expect(!response.isSuccess, "byte \(index) changed to \(changed[index])")
            reasons["\(response.codeText)", default: 0] += 1
        }
        let after = try await owner.status()
        #expect(after.nextIndex == before.nextIndex && after.highWater == before.highWater)
        #expect(reasons.count > 1, "\(reasons): more than one of the checks refused")
        #expect(try !node.emulated.displayByMonitor().isLit)
        // The very message is still good: nothing of what failed used it up. Checks are rationed, four a second after the first 16.
        var outcome: Outcome?
        for _ in 0..<20 where outcome == nil {
            do { outcome = try await owner.transmit(message).outcome } catch let refusal as Refusal
                where refusal.reason == "too-many-attempts"
            {
                try await Task.sleep(for: .milliseconds(300))
            }
        }
        #expect(outcome == .done)
    }
}
