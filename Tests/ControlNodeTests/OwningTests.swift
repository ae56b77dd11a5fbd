import ControlNode
import Foundation
import HostCrypto
import HostedNode
import Keystore
import NodeProtocol
import Reporting
import Testing
import Transport

/// The library against the executor itself, which runs in this process over simulated flash and pins.
@Suite("Owning and commanding a node", .serialized)
struct OwningTests {
    /// A provisioned node, its label, and a controller with a home of its own.
    final class Stage {
        let folder: String
        let controller: Controller
        private(set) var hosted: HostedNode
        private(set) var client: CoAPClient
        private(set) var label: ClaimLabel

        /// - Parameter speed: of the node's clock.
        init(speed: UInt64 = 1) async throws {
            folder = FileManager.default.temporaryDirectory.path + "/lightnode-test-\(randomBytes(6).hex)"
            controller = try Stage.controller(folder + "/owner")
            hosted = HostedNode(speed: speed)
            client = Stage.connect(hosted)
            let claim = SigningKey.generate()
            let identity = try await NodeProbe(client).provision(
                claim: claim.publicKey, identity: nil, network: 1, isTest: false)
            label = ClaimLabel(address: NodeAddress(of: identity), claimKey: claim)
        }

        var node: RemoteNode { RemoteNode(client, controller: controller) }

        static func controller(_ path: String) throws -> Controller {
            let home = try Home(path)
            try ControllerKey.generate().save(to: home.controllerKey)
            return try Controller(home, passphrase: { nil })
        }

        static func connect(_ hosted: HostedNode) -> CoAPClient {
            var timing = CoAPClient.Timing()
            timing.acknowledgement = .milliseconds(250)
            timing.retransmissions = 2
            return CoAPClient(hosted, name: "hosted", timing: timing)
        }

        func powerCycle() async {
            await client.close()
            hosted = HostedNode(flash: hosted.flash)
            client = Stage.connect(hosted)
        }

        func stranger() throws -> RemoteNode { RemoteNode(client, controller: try Stage.controller(folder + "/stranger")) }

        deinit { try? FileManager.default.removeItem(atPath: folder) }
    }

    private func refusal(_ body: () async throws -> Receipt) async -> String? {
        do {
            _ = try await body()
            return nil
        } catch { return (error as? Refusal)?.reason ?? "\(error)" }
    }

    @Test("Bound by its label, the node obeys `$`(\"led\").on() and signs a receipt; the pin is high")
    func firstLight() async throws {
        let stage = try await Stage()
        #expect(try await stage.node.status().state == .unowned)
        let bound = try await stage.node.bind(label: stage.label, name: "porch")
        #expect(bound.subject == ["bind"] && bound.outcome == .done)
        let status = try await stage.node.status()
        #expect(status.state == .owned && status.epoch == 1)

        let receipt = try await stage.node.`$`("led").on()
        #expect(stage.hosted.isHigh("led"))
        #expect(receipt.subject == ["led", "on"] && receipt.outcome == .done && receipt.index == bound.index + 1)
        #expect(receipt.previous == bound.chain)
        try await stage.node.`$`("led").off()
        #expect(!stage.hosted.isHigh("led"))
        let known = try #require(try stage.controller.book.node(stage.label.address))
        #expect(known.name == "porch" && known.epoch == 1 && known.nextIndex == 3)
    }

    // R4
    @Test("After a power cycle the node is still bound, and refuses a replay, a stranger and a second bind")
    func refusals() async throws {
        let stage = try await Stage()
        try await stage.node.bind(label: stage.label)
        let known = try await stage.node.known()
        let command = try stage.node.sign(Call(device: "led", method: "on"), for: known)
        let receipt = try await stage.node.transmit(command)
        #expect(receipt.answers(command))
        await stage.powerCycle()
        #expect(!stage.hosted.isHigh("led"))

        #expect(try await stage.node.status().highWater == command.sequence)
        #expect(await refusal { try await stage.node.transmit(command) } == "replayed")
        #expect(!stage.hosted.isHigh("led"))

        let stranger = try stage.stranger()
        await #expect(throws: Failure.self) { try await stranger.`$`("led").on() }
        let forged = SignedMessage.call(
            Call(device: "led", method: "on"), to: stage.label.address, epoch: 1,
            sequence: try stranger.controller.sequence.next(),
            network: 1, key: stranger.controller.key.signing)
        let answer = try await stage.client.send(.post("command", forged.bytes, contentFormat: 18))
        #expect(answer.codeText == "4.01")
        #expect(await refusal { try await stranger.bind(label: stage.label) } == "wrong-state")
        #expect(try stranger.controller.book.nodes().isEmpty)
        #expect(await refusal { try await stage.node.bind(label: stage.label) } == "wrong-state")
        // A second bind that is refused takes nothing away from the first.
        try await stage.node.`$`("led").on()
        #expect(stage.hosted.isHigh("led"))
    }

    @Test("A label of another node, and one with another claim key, bind nothing")
    func wrongLabels() async throws {
        let stage = try await Stage()
        let other = ClaimLabel(address: NodeAddress(of: SigningKey.generate().publicKey), claimKey: stage.label.claimKey)
        await #expect(throws: Failure.self) { try await stage.node.bind(label: other) }
        let forged = ClaimLabel(address: stage.label.address, claimKey: .generate())
        #expect(await refusal { try await stage.node.bind(label: forged) } == "bad-signature")
        #expect(try stage.controller.book.nodes().isEmpty)
        try await stage.node.bind(label: stage.label)
    }

    @Test("A lock gets a fresh token by itself")
    func lock() async throws {
        let stage = try await Stage()
        try await stage.node.bind(label: stage.label)
        try await stage.node.`$`("lock").open(500)
        #expect(stage.hosted.isHigh("lock"))
        try await stage.node.send(Call(device: "lock", method: "close"), fresh: true)
        #expect(!stage.hosted.isHigh("lock"))
    }

    @Test("What does not exist or does not fit comes back with what would have been right")
    func notDone() async throws {
        let stage = try await Stage()
        try await stage.node.bind(label: stage.label)
        func advice(_ text: String) async throws -> String {
            do {
                _ = try await stage.node.perform(try Call(parsing: text))
                return "done"
            } catch let error as NotDone { return "\(error.receipt.outcome): \(error.advice)" }
        }
        #expect(try await advice("$('lamp').on()") == "no-such-device: There are $('led'), $('lock'), $('dimmer')")
        #expect(try await advice("$('led').blink()") == "no-such-method: There are .on(), .off(), .toggle()")
        #expect(try await advice("$('dimmer').set(101)") == "out-of-range: Argument 1 must be between 0 and 100")
        #expect(try await advice("$('dimmer').set()") == "bad-argument: Argument 1 must be between 0 and 100")
        #expect(try await advice("$('dimmer').set('x')") == "out-of-range: Argument 1 must be between 0 and 100")
        #expect(try await advice("$('dimmer').set(50)") == "done")
        #expect(try await stage.node.devices().first { $0.name == "dimmer" }?.state == .int(50))
    }

    @Test("A desired state holds; an older one does not replace it")
    func desiredState() async throws {
        let stage = try await Stage()
        try await stage.node.bind(label: stage.label)
        func state(_ level: Int64, _ sequence: UInt64) -> SignedMessage {
            SignedMessage.call(
                Call(device: "dimmer", method: "set", arguments: [.int(level)]), as: .state, to: stage.label.address, epoch: 1,
                sequence: sequence, network: 1, key: stage.controller.key.signing)
        }
        let (older, newer) = (state(20, try stage.controller.sequence.next()), state(70, try stage.controller.sequence.next()))
        #expect(try await stage.node.transmit(newer).outcome == .done)
        #expect(await refusal { try await stage.node.transmit(older) } == "superseded")
        #expect(try await stage.node.devices().first { $0.name == "dimmer" }?.state == .int(70))
    }

    @Test("When answers are lost the command is carried out once, and its receipt still arrives")
    func lostAnswers() async throws {
        let stage = try await Stage()
        try await stage.node.bind(label: stage.label)
        _ = try await stage.node.known()
        let before = try await stage.node.status().nextIndex
        let command = SignedMessage.call(
            Call(device: "led", method: "toggle"), to: stage.label.address, epoch: 1,
            sequence: try stage.controller.sequence.next(),
            network: 1, key: stage.controller.key.signing)
        stage.hosted.loseAnswers(2)
        #expect(try await stage.node.transmit(command).answers(command))
        #expect(stage.hosted.isHigh("led"))
        #expect(try await stage.node.status().nextIndex == before + 1)
    }

    @Test("A bind whose answer was lost for good is found to be ours at the next attempt")
    func lostBind() async throws {
        let stage = try await Stage()
        // What `bind` does before it sends, then a bind whose three answers are lost.
        let status = try await stage.node.status()
        let identity = try #require(status.identity)
        let message = SignedMessage.bind(
            stage.label.address, owner: stage.controller.key.signing, epoch: 0, sequence: try stage.controller.sequence.next(),
            network: 1, claim: stage.label.claimKey)
        var node = KnownNode(
            address: stage.label.address, identity: identity, network: 1, epoch: 0, owner: stage.controller.key.publicKey)
        node.unconfirmedBind = .init(message, logLength: status.nextIndex)
        try stage.controller.book.record(node)
        stage.hosted.loseAnswers(3)
        await #expect(throws: Failure.self) { try await stage.client.send(.post("bind", message.bytes, contentFormat: 18)) }
        await stage.powerCycle()
        let receipt = try await stage.node.bind(label: stage.label, name: "late")
        #expect(receipt.answers(message))
        let known = try stage.controller.book.node(stage.label.address)
        #expect(known?.unconfirmedBind == nil && known?.name == "late")
        try await stage.node.`$`("led").on()
        #expect(stage.hosted.isHigh("led"))
    }

    @Test("The history is the chain of all receipts, across a power cycle")
    func history() async throws {
        let stage = try await Stage()
        var receipts = [try await stage.node.bind(label: stage.label)]
        for index in 0..<30 {
            receipts.append(try await stage.node.send(Call(device: "led", method: index % 2 == 0 ? "on" : "off")))
        }
        await stage.powerCycle()
        receipts.append(try await stage.node.send(Call(device: "lamp", method: "on")))
        let history = try await stage.node.history().receipts
        #expect(history.map(\.entry) == receipts.map(\.entry))
        #expect(history.map(\.outcome) == receipts.map(\.outcome))
        #expect(history.last?.chain == receipts.last?.chain)
        #expect(try await stage.node.history(from: 20).receipts.map(\.index) == Array(20...31))
        #expect(try await stage.node.history(from: 1000).isEmpty)
    }

    @Test("Commands sent at once are all carried out, each once, in the order of their numbers")
    func concurrent() async throws {
        let stage = try await Stage()
        try await stage.node.bind(label: stage.label)
        let node = stage.node
        let outcomes = await withTaskGroup(of: Outcome?.self) { group in
            for _ in 0..<8 { group.addTask { try? await node.send(Call(device: "led", method: "toggle")).outcome } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == .done }.count == 8)
        #expect(!stage.hosted.isHigh("led"))
        let history = try await node.history(from: 1).receipts
        #expect(history.count == 8)
        #expect(zip(history, history.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
    }
}
