// The whole chain on both boards: factory, owner, command, power cut, and those who must not command.
import CBOR
import Emulation
import Foundation
import NodeEmulation
import Provisioning
import Testing

@testable import ControlNode
@testable import Keystore
@testable import NodeProtocol

@Suite("The chain over QEMU", .serialized)
struct ChainTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// What the board's lights show when `led` is on: the heart of the micro:bit, or the first light.
    static let lit: [String: [String]] = [
        "microbit": [".#.#.", "#####", "#####", ".###.", "..#.."],
        "mps2-an386": ["#."],
    ]

    private func drawing(_ node: EmulatedNode) throws -> [String] {
        try node.emulated.displayByMonitor().lights.map { String($0.map { $0 ? "#" : "." }) }
    }

    private func isDark(_ node: EmulatedNode) throws -> Bool { try !node.emulated.displayByMonitor().isLit }

    // R7
    @Test("From a blank chip to the owner's signed command, which QEMU's registers show", arguments: emulatedBoards)
    func firstCommand(name: String) async throws {
        let node = try await blankNode(name, scratch)
        #expect(try await NodeProbe(node.client).status().state == .blank)

        let provisioned = try await Station(home: try scratch.home("factory")).provisionAndFinish(node.client)
        #expect(provisioned.record.board == name)
        #expect(
            provisioned.record.isIdentityInjected == (name == "mps2-an386"), "only a chip with a generator makes its own identity"
        )
        #expect(try await NodeProbe(node.client).status().state == .unowned)

        let owner = try node.seen(from: try scratch.home("owner"))
        #expect(try await owner.bind(label: ClaimLabel(parsing: provisioned.label.text)).outcome == .done)
        #expect(try isDark(node))

        let on = try await owner.`$`("led").on()
        #expect(on.subject == ["led", "on"] && on.node == provisioned.record.address)
        #expect(try drawing(node) == Self.lit[name])
        try await owner.`$`("led").off()
        #expect(try isDark(node))

        // `history` verifies every signature and the chain between the receipts.
        #expect(try await owner.history().receipts.map(\.subject) == [["bind"], ["led", "on"], ["led", "off"]])
        try await node.powerOff()
    }

    @Test("A power cut keeps owner, epoch, high-water mark and log, and leaves the light off", arguments: emulatedBoards)
    func powerCycle(name: String) async throws {
        let (node, owner, _) = try await ownedNode(name, scratch)
        let command = try await owner.`$`("led").on()
        let before = try await owner.status()
        for _ in 0..<3 {
            try await node.powerCycle()
            let after = try await NodeProbe(node.client).status()
            #expect(after.state == .owned && after.address == before.address && after.identity == before.identity)
            #expect(after.epoch == before.epoch && after.highWater == command.sequence && after.nextIndex == before.nextIndex)
            #expect(after.damaged.isEmpty)
            // QEMU's stub of the nRF51's POWER block reads 1 everywhere, which says "reset pin".
            if name != "microbit" { #expect(after.resetReason == "power-on") }
            #expect(try isDark(node))
        }
        // The same control node goes on where it was: the log continues its chain.
        let again = try node.seen(from: try scratch.home("owner"))
        let next = try await again.`$`("led").on()
        #expect(next.index == command.index + 1 && next.previous == command.chain)
        #expect(try drawing(node) == Self.lit[name])
        try await node.powerOff()
    }

    @Test("Uptime counts from the reset, also while the timer still stands at its start", arguments: emulatedBoards)
    func uptime(name: String) async throws {
        // Counted instructions: the firmware reaches the timer's setting before its first tick, each time.
        let node = try EmulatedNode(
            image: try checkedImage(name), flashFile: scratch.url.appendingPathComponent("flash.bin"),
            clock: .instructions(shift: 0))
        try await node.powerOn()
        // Half a period of the 32-bit timer is 2,147 s.
        #expect(try await NodeProbe(node.client).status().uptimeMilliseconds < 2_000_000)
        try await node.powerOff()
    }

    @Test("A replay, a stranger and a second bind are refused with their reasons and leave no trace", arguments: emulatedBoards)
    func intruders(name: String) async throws {
        let (node, owner, label) = try await ownedNode(name, scratch)
        let known = try await owner.known()
        let command = try owner.sign(Call(device: "led", method: "on"), for: known)
        #expect(try await owner.transmit(command).outcome == .done)
        try await owner.`$`("led").off()
        let before = try await owner.status()
        let flash = try storeContents(node)

        let stranger = try node.seen(from: try scratch.home("stranger"))
        let forged = try stranger.sign(Call(device: "led", method: "on"), for: known)
        #expect(try await reasonOfRefusal { _ = try await owner.transmit(command) } == "replayed")
        #expect(try await reasonOfRefusal { _ = try await owner.transmit(forged) } == "bad-signature")
        #expect(try await reasonOfRefusal { try await stranger.bind(label: label) } == "wrong-state")

        #expect(try storeContents(node) == flash, "a refusal before the signature writes nothing to the flash")

        // A power cut makes no replay new.
        try await node.powerCycle()
        let later = try node.seen(from: try scratch.home("owner"))
        #expect(try await reasonOfRefusal { _ = try await later.transmit(command) } == "replayed")
        let after = try await later.status()
        #expect(after.nextIndex == before.nextIndex && after.highWater == before.highWater && after.epoch == before.epoch)
        #expect(try isDark(node))
    }

    private func storeContents(_ node: EmulatedNode) throws -> Data {
        let flash = try node.emulated.flashContents(), store = try #require(node.board.store)
        guard node.board.emulator?.flash == .nrf51 else { return flash }
        let start = store.address.int - node.board.flash.address.int
        return flash[start..<start + store.size.int]
    }

    @Test("A message for another address, another epoch or another purpose is refused", arguments: emulatedBoards)
    func misdirected(name: String) async throws {
        let (node, owner, _) = try await ownedNode(name, scratch)
        let known = try await owner.known()
        let call = Call(device: "led", method: "on")
        let elsewhere = KnownNode(
            address: NodeAddress(of: owner.controller.key.publicKey), identity: known.identity, network: known.network,
            epoch: known.epoch, owner: known.owner)
        var laterEpoch = known, otherNetwork = known
        laterEpoch.epoch += 1
        otherNetwork.network += 1
        let state = try owner.sign(call, as: .state, for: known)
        let disguised = SignedMessage(
            .command, heading(of: state, known), bytes: state.bytes, signer: owner.controller.key.publicKey)
        let messages = [
            ("wrong-address", try owner.sign(call, for: elsewhere)), ("wrong-epoch", try owner.sign(call, for: laterEpoch)),
            ("bad-signature", try owner.sign(call, for: otherNetwork)), ("bad-signature", disguised),
        ]
        let before = try await owner.status()
        for (reason, message) in messages {
            #expect(try await reasonOfRefusal { _ = try await owner.transmit(message) } == reason)
        }
        #expect(try await owner.status().nextIndex == before.nextIndex)
        try await owner.`$`("led").on()
        try await node.powerOff()
    }

    @Test("CBOR that is not deterministic is refused even when the owner signed it")
    func nonDeterministic() async throws {
        let (node, owner, _) = try await ownedNode("microbit", scratch)
        let known = try await owner.known()
        let good = try owner.sign(Call(device: "led", method: "on"), for: known)
        let claims = try payload(of: good)
        // The outer map's head A2 once more as B8 02: the same map, a longer head (RFC 8949, section 4.2.1 forbids it).
        try #require(claims.first == 0xA2)
        let long = SignedObject.sign(
            [0xB8, 0x02] + claims.dropFirst(), type: .command, network: known.network, key: owner.controller.key.signing)
        let message = SignedMessage(.command, heading(of: good, known), bytes: long, signer: owner.controller.key.publicKey)
        #expect(try await reasonOfRefusal { _ = try await owner.transmit(message) } == "malformed")
        #expect(try await owner.transmit(good).outcome == .done)
        try await node.powerOff()
    }

    private func heading(of message: SignedMessage, _ known: KnownNode) -> SignedMessage.Heading {
        .init(message.audience, epoch: message.epoch, sequence: message.sequence, network: known.network)
    }

    /// The claims in a signed message: the byte string after the protected and unprotected headers.
    private func payload(of message: SignedMessage) throws -> [UInt8] {
        guard case .tag(18, let sign1) = try CBORItem(message.bytes) else { throw CBORError.unexpectedType }
        return try #require(sign1.array?[2].bytes)
    }

    @Test("A node and a method that do not exist are refused with the list of those that do", arguments: emulatedBoards)
    func unknownNames(name: String) async throws {
        let (node, owner, _) = try await ownedNode(name, scratch)
        let devices = try await owner.devices()
        let noDevice = try await #require(throws: NotDone.self) { try await owner.`$`("laser").on() }
        #expect(noDevice.receipt.outcome == .noSuchDevice)
        for device in devices { #expect(noDevice.advice.contains(device.name)) }
        let noMethod = try await #require(throws: NotDone.self) { try await owner.`$`("led").explode() }
        #expect(
            noMethod.receipt.outcome == .noSuchMethod && noMethod.advice.contains(".on") && noMethod.advice.contains(".toggle"))
        try await node.powerOff()
    }
}
