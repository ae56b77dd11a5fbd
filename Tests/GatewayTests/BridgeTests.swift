import Foundation
import HostedNode
import Reporting
import Testing
import Transport

@testable import Bridge
@testable import ControlNode
@testable import NodeProtocol

@Suite("Through a bad bridge", .serialized)
struct BridgeTests {
    private func faults(_ seed: UInt64) -> Faults {
        var faults = Faults()
        (faults.drop, faults.duplicate, faults.reorder, faults.replay, faults.seed) = (15, 30, 10, 30, seed)
        faults.delay = .zero ... .milliseconds(20)
        return faults
    }

    private func timing() -> CoAPClient.Timing {
        var timing = CoAPClient.Timing()
        timing.acknowledgement = .milliseconds(100)
        timing.retransmissions = 6
        return timing
    }

    // R8
    @Test("Control commands are carried out once each, and the newest state change holds", arguments: [1, 2, 3] as [UInt64])
    func commands(_ seed: UInt64) async throws {
        let stage = try await Stage()
        let socket = try SocketAddress(host: "127.0.0.1", port: 0)
        // The bridge takes the node's line over.
        let flash = stage.hosted.flash
        await stage.owner.client.close()
        let hosted = HostedNode(flash: flash)
        let bridge = try Bridge(at: socket, to: SlipmuxLink(hosted), faults: faults(seed))
        let relaying = Task { try await bridge.run() }
        let far = CoAPClient(try UDPLink(url: "coap://\(bridge.address)"), name: "far", timing: timing())
        let remote = RemoteNode(far, controller: stage.owner.controller)

        var edges = 0, sent = 0
        for _ in 0..<20 {
            let receipt = try await remote.send(Call(device: "led", method: "toggle"))
            #expect(receipt.outcome == .done)
            sent += 1
        }
        edges = hosted.changes("led")
        #expect(edges == sent, "each toggle moved the pin once")

        // States are made in one order and delivered in another: the newest holds.
        let node = try await remote.known()
        let states = try (0..<10).map {
            try remote.sign(Call(device: "dimmer", method: "set", arguments: [.int(Int64($0 * 10))]), as: .state, for: node)
        }
        for state in [states[9]] + states[..<9].shuffled() {
            _ = try? await far.send(.post("state", state.bytes, contentFormat: 18))
        }
        #expect(try await remote.devices().first { $0.name == "dimmer" }?.state == 90)
        let (requests, answers) = bridge.counts
        #expect(
            requests.dropped + answers.dropped > 0 && requests.duplicated > 0 && requests.replayed > 0 && requests.reordered > 0)
        // Whatever was recorded and played again, the log has each command once.
        let log = try await remote.history().receipts.filter { $0.subject == ["led", "toggle"] }
        #expect(log.count == sent)
        relaying.cancel()
        bridge.close()
    }

    @Test("The same seed meets the same faults; another meets others")
    func seeds() {
        func plan(_ seed: UInt64) -> [[UInt8]] {
            var plan = FaultPlan(faults(seed), direction: 1)
            return (0..<50).flatMap { plan.steps(for: [UInt8($0)]).map(\.bytes) }
        }
        #expect(plan(7) == plan(7))
        #expect(plan(7) != plan(8))
    }

    @Test("Without faults everything passes, once and in order; with all dropped nothing does")
    func extremes() {
        var none = FaultPlan(Faults(), direction: 1)
        #expect((0..<50).flatMap { none.steps(for: [UInt8($0)]).map(\.bytes) } == (0..<50).map { [UInt8($0)] })
        var all = Faults()
        all.drop = 100
        var nothing = FaultPlan(all, direction: 2)
        #expect((0..<50).allSatisfy { nothing.steps(for: [UInt8($0)]).isEmpty })
        #expect(nothing.counts.dropped == 50)
    }
}
