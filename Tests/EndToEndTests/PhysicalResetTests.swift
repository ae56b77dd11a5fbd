// Whoever holds the micro:bit in the hand: button A held from power-on on, the lights count down, and the node is nobody's.
import ControlNode
import Emulation
import Foundation
import NodeEmulation
import NodeProtocol
import Provisioning
import Reporting
import Testing

@Suite("Reset by the button", .serialized)
struct PhysicalResetTests {
    private static let buttonA = 17
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Powers on with the button down.
    private func powerOnHolding(_ node: EmulatedNode) async throws {
        try await node.powerOff()
        try node.emulated.start(paused: true)
        try node.connect()
        try node.emulated.setInput(pin: Self.buttonA, high: false)
        try node.emulated.resume()
    }

    /// The numbers of lights that were seen lit, until the log says `line`. Of a picture that is scanned, a look may miss a row.
    private func countdown(_ node: EmulatedNode, until line: String) async throws -> [Int] {
        var counts: [Int] = []
        let end = Date().addingTimeInterval(120)
        while !node.log.contains(where: { $0.contains(line) }), Date() < end {
            let lit = try node.emulated.displayByMonitor().lights.joined().count { $0 }
            if counts.last != lit { counts.append(lit) }
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(node.log.contains { $0.contains(line) })
        return counts
    }

    // R5
    @Test("Held until the lights are out, it takes the owner's node from it; the label binds anew") func reset() async throws {
        let (node, owner, label) = try await ownedNode("microbit", scratch)
        let before = try owner.sign(Call(device: "led", method: "on"), for: try await owner.known())
        try await powerOnHolding(node)
        let counts = try await countdown(node, until: "no owner")
        #expect(counts.max() == 5)
        let last = (1...5).reversed().map { counts.lastIndex(of: $0) ?? -1 }
        #expect(last[0] >= 0 && last == last.sorted(), "one light for each second that is left: \(counts)")
        try node.emulated.setInput(pin: Self.buttonA, high: true)
        let status = try await NodeProbe(node.client).status()
        #expect(status.state == .unowned && status.epoch == 2)

        let finder = try node.seen(from: try scratch.home("finder"))
        try await finder.bind(label: label)
        try await finder.`$`("led").on()
        let former = try node.seen(from: try scratch.home("owner"))
        let length = try await finder.status().nextIndex
        let refused = await #expect(throws: Failure.self, "what it signed is dead") { _ = try await former.transmit(before) }
        #expect(refused?.what.contains("obeys the key \(finder.controller.key.publicKey)") == true)
        #expect(try await finder.status().nextIndex == length)
        try await node.powerOff()
    }

    @Test("Released in time it changes nothing; and the press for it is no presence that forbids the reset") func kept()
        async throws
    {
        let node = try await blankNode("microbit", scratch)
        let label = try await Station(home: try scratch.home("factory")).provisionAndFinish(node.client).label
        let owner = try node.seen(from: try scratch.home("owner"))
        try await owner.bind(label: label)
        try await powerOnHolding(node)
        #expect(try await AppWait.until { node.log.contains { $0.contains("release the button") } })
        try node.emulated.setInput(pin: Self.buttonA, high: true)
        _ = try await countdown(node, until: "given up")
        #expect(try await NodeProbe(node.client).status().epoch == 1)

        let again = try node.seen(from: try scratch.home("owner"))
        #expect(try await reasonOfRefusal { try await again.setReset(forbidden: true) } == "presence-required")
        try await again.setReset(forbidden: false)
        #expect(try await NodeProbe(node.client).status().state == .owned)
        try await node.powerOff()
    }
}

private enum AppWait {
    static func until(_ condition: () async throws -> Bool) async throws -> Bool {
        let end = Date().addingTimeInterval(60)
        while Date() < end {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
