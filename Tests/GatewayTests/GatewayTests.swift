import CoAP
import Foundation
import HostedNode
import Reporting
import Testing
import Transport

@testable import ControlNode
@testable import Gateway
@testable import HostCrypto
@testable import NodeProtocol

@Suite("The gateway", .serialized)
struct GatewayTests {
    private func attached(_ stage: Stage, _ name: String = "porch") -> AttachedNode {
        AttachedNode(name) { stage.owner.client }
    }

    // R7
    @Test("The control node does through the gateway whatever it does on the node's own line, binding included")
    func wholeLife() async throws {
        let stage = try await Stage(isBound: false)
        try await withGateway([attached(stage)]) { address async throws in
            let remote = RemoteNode(try client(address, "porch"), controller: stage.owner.controller)
            #expect(try await remote.bind(label: stage.label).outcome == .done)
            try await remote.`$`("led").on()
            #expect(stage.hosted.isHigh("led"))
            try await remote.`$`("lock").open()
            #expect(try await remote.history().receipts.map(\.subject) == [["bind"], ["led", "on"], ["lock", "open"]])
            await #expect(throws: Refusal.self) { try await remote.takeOver() }
        }
    }

    @Test("Several nodes are told apart by path and by host; discovery lists all, each below its name")
    func several() async throws {
        let (one, two) = (try await Stage("one"), try await Stage("two"))
        try await withGateway([attached(one, "one"), attached(two, "two")]) { address async throws in
            for (name, stage) in [("one", one), ("two", two)] {
                let byPath = try await NodeProbe(try client(address, name)).status()
                #expect(byPath.address == stage.label.address)
                let bare = CoAPClient(try UDPLink(url: "coap://127.0.0.1:\(address.port)"), name: name)
                let byHost = try await bare.pass(
                    .get,
                    options: [.init(CoAPOptionNumber.uriHost, "\(name).example"), .init(CoAPOptionNumber.uriPath, "status")],
                    payload: [])
                #expect(try NodeStatus(byHost.payload, from: name).address == stage.label.address)
            }
            let bare = CoAPClient(try UDPLink(url: "coap://127.0.0.1:\(address.port)"), name: "gateway")
            let links = String(decoding: try await bare.send(.get(".well-known/core")).payload, as: UTF8.self)
            for path in ["</one/status>", "</two/status>", "</one/command>", "</two/history>"] { #expect(links.contains(path)) }
            #expect(try await bare.send(.get("status")).codeText == "4.04")
            #expect(try await bare.send(.get("three/status")).codeText == "4.04")
        }
    }

    @Test("A node alone is served at the root too")
    func alone() async throws {
        let stage = try await Stage()
        try await withGateway([attached(stage)]) { address async throws in
            let bare = CoAPClient(try UDPLink(url: "coap://127.0.0.1:\(address.port)"), name: "gateway")
            #expect(try await NodeProbe(bare).status().address == stage.label.address)
        }
    }

    @Test("Provisioning does not pass unless it was allowed; a proxy's options and unknown critical ones are refused")
    func refusals() async throws {
        let hosted = HostedNode()
        let line = CoAPClient(hosted, name: "blank")
        let node = AttachedNode("blank") { line }
        try await withGateway([node]) { address async throws in
            let claim = SigningKey.generate().publicKey
            let probe = NodeProbe(try client(address, "blank"))
            await #expect(throws: Failure.self) {
                try await probe.provision(claim: claim, identity: nil, network: 1, isTest: false)
            }
            #expect(try await probe.status().state == .blank)
            let bare = CoAPClient(try UDPLink(url: "coap://127.0.0.1:\(address.port)"), name: "gateway")
            let proxy = try await bare.pass(
                .get, options: [.init(CoAPOptionNumber.proxyURI, "coap://192.0.2.1/")], payload: [])
            #expect(proxy.code == CoAPCode(5, 5))
            let unknown = try await bare.pass(
                .get, options: [.init(CoAPOptionNumber.uriPath, "status"), .init(2049, [1])], payload: [])
            #expect(unknown.code == .badOption)
        }
        var policy = Gateway.Policy()
        policy.allowsProvisioning = true
        try await withGateway([node], policy: policy) { address async throws in
            let probe = NodeProbe(try client(address, "blank"))
            _ = try await probe.provision(
                claim: SigningKey.generate().publicKey, identity: nil, network: 1, isTest: false)
            #expect(try await probe.status().state == .unowned)
        }
    }

    @Test("Whoever sends bad signatures is kept from the node after a few, and nobody else is")
    func rations() async throws {
        let stage = try await Stage()
        let stranger = try await Stage()
        try await withGateway([attached(stage)]) { address async throws in
            let node = try await stage.owner.known()
            let bad = try client(address, "porch")
            var codes: [String] = []
            let start = ContinuousClock.now
            for _ in 0..<12 {
                let forged = try stranger.owner.sign(Call(device: "led", method: "on"), for: node)
                codes.append(try await bad.send(.post("command", forged.bytes, contentFormat: 18)).codeText)
            }
            // One more every 5 s: on a computer that is busy some of the twelve may come late enough for it.
            #expect(codes.prefix(3) == ["4.01", "4.01", "4.01"] && Set(codes) == ["4.01", "4.29"], "\(codes)")
            #expect(codes.count { $0 == "4.01" } <= 3 + Int((ContinuousClock.now - start).components.seconds / 5) + 1)
            // Another host: this computer's other address on the loopback network.
            let good = try OtherHost(address)
            let answer = try await good.post("porch/command", try await stage.signed("on").bytes)
            #expect(answer.code == .changed)
            #expect(stage.hosted.isHigh("led"))
        }
    }

    @Test("A node that is out of reach is said to be, and served again when it is back")
    func outOfReach() async throws {
        let stage = try await Stage()
        // One power-on at a time uses it.
        nonisolated(unsafe) let flash = stage.hosted.flash
        let isBack = Toggle()
        let node = AttachedNode("porch") {
            guard isBack.isOn else { throw Failure(.unreachable, "the line is cut", advice: "Mend it") }
            return CoAPClient(HostedNode(flash: flash), name: "porch")
        }
        await stage.owner.client.close()
        try await withGateway([node]) { address async throws in
            let remote = try client(address, "porch")
            #expect(try await remote.send(.get("status")).codeText == "5.04")
            isBack.turnOn()
            #expect(try await NodeProbe(remote).status().address == stage.label.address)
        }
    }

    @Test("Observed through the gateway, a change reaches every observer; one that leaves gets none")
    func observing() async throws {
        let stage = try await Stage()
        var policy = Gateway.Policy()
        policy.polling = .milliseconds(20)
        try await withGateway([attached(stage)], policy: policy) { address async throws in
            var iterators: [AsyncThrowingStream<Response, any Error>.Iterator] = []
            for _ in 0..<3 {
                iterators.append(try await client(address, "porch").observe("devices").makeAsyncIterator())
            }
            func next(_ index: Int) async throws -> Value? {
                let answer = try #require(try await iterators[index].next())
                return try DeviceDescription.list(answer.payload, from: "porch").first { $0.name == "led" }?.state
            }
            for index in 0..<3 { #expect(try await next(index) == false) }
            try await stage.owner.`$`("led").on()
            for index in 0..<3 { #expect(try await next(index) == true) }
            iterators.removeLast()
            try await stage.owner.`$`("led").off()
            for index in 0..<2 { #expect(try await next(index) == false) }
        }
    }

    @Test("Links go below the node's name, whatever their attributes hold")
    func links() {
        #expect(
            Links.below("porch", "</a>;title=\"</x>,\\\"<\",</b/c>;ct=40") == "</porch/a>;title=\"</x>,\\\"<\",</porch/b/c>;ct=40"
        )
        #expect(Links.below("porch", "") == "")
    }

    @Test(
        "Names that are no segment of a path or that two nodes have are refused",
        arguments: [["a", "a"], ["a.b"], ["a/b"], [""]])
    func names(_ names: [String]) async throws {
        let nodes = names.map { AttachedNode($0) { throw Failure(.unreachable, "", advice: "") } }
        #expect { try Gateway(nodes) } throws: { ($0 as? Failure)?.kind == .usage }
    }
}

/// A client with another address of the loopback network.
final class OtherHost {
    private let socket: UDPSocket
    private let gateway: SocketAddress
    private var incoming: AsyncThrowingStream<UDPSocket.Datagram, any Error>.Iterator
    private var number: UInt16 = 0
    /// Bytes of the request sent last, and of the datagram that answered it.
    private(set) var sizes = (request: 0, answer: 0)

    init(_ gateway: SocketAddress, host: String = "127.0.0.2") throws {
        socket = try UDPSocket(boundTo: try SocketAddress(host: host, port: 0))
        incoming = socket.incoming.makeAsyncIterator()
        self.gateway = gateway
    }

    func post(_ path: String, _ payload: [UInt8]) async throws -> Message {
        try await ask(.post, path, [.init(CoAPOptionNumber.contentFormat, uint: 18)], payload)
    }

    /// Sends a request and returns what answers it, in the acknowledgement or after it.
    func ask(_ code: CoAPCode, _ path: String, _ options: [Message.Option] = [], _ payload: [UInt8] = []) async throws -> Message
    {
        try send(code, path, options, payload)
        return try await next { $0.token == [UInt8(number & 0xff)] }
    }

    func send(_ code: CoAPCode, _ path: String, _ options: [Message.Option] = [], _ payload: [UInt8] = []) throws {
        number += 1
        let segments = path.split(separator: "/").map { Message.Option(CoAPOptionNumber.uriPath, $0) }
        let request = Message(
            .confirmable, code, id: number, token: [UInt8(number & 0xff)], options: segments + options, payload: payload)
        let bytes = try request.encoded()
        sizes.request = bytes.count
        socket.send(bytes, to: gateway)
    }

    /// The next message that fits; what must be acknowledged is, if `acknowledges`.
    func next(acknowledges: Bool = true, _ fits: (Message) -> Bool = { _ in true }) async throws -> Message {
        while let datagram = try await incoming.next() {
            let message = try Message(datagram.bytes)
            if message.type == .confirmable, acknowledges {
                socket.send(try Message.empty(.acknowledgement, id: message.id).encoded(), to: gateway)
            }
            if message.code == .empty || !fits(message) { continue }
            sizes.answer = datagram.bytes.count
            return message
        }
        throw Failure(.unreachable, "no answer", advice: "")
    }
}
