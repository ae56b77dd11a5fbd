// A node's server in a test: datagrams in and out, time and pins in the test's hands.

import CBOR
import CoAP
import LightNode
import NodeServer
import SimulatedNOR
import SimulatedPins
import TestNode
import Vocabulary

@testable import HostCrypto
@testable import NodeProtocol

/// A light, a button, a lock, and a gauge that does nothing it is told.
enum BenchFitting: TestFitting {
    static let devices: [TestDevice] = [.led, .button, .lock, .gauge]
}

/// A message taken apart, copied out of the datagram.
struct Datagram {
    let type: CoAPType
    let code: CoAPCode
    let id: UInt16
    let token: [UInt8]
    private(set) var options: [UInt16: [[UInt8]]] = [:]
    let payload: [UInt8]

    init(_ bytes: [UInt8]) throws {
        let message = try CoAPMessage(bytes.span.bytes)
        (type, code, id, payload) = (message.type, message.code, message.id, message.payload.array)
        token = (0..<message.token.count).map { message.token[$0] }
        var options = message.options
        while options.next() { self.options[options.number, default: []].append(options.value.array) }
    }

    func uint(_ option: UInt16) -> UInt32? { options[option]?.first.map { $0.reduce(0) { $0 << 8 | UInt32($1) } } }
    var observe: UInt32? { uint(CoAPOptionNumber.observe) }
    var block2: CoAPBlock? { uint(CoAPOptionNumber.block2).flatMap { CoAPBlock(optionValue: $0) } }
    /// The name in the problem details.
    var reason: String? { try? CBORItem(payload)[-1]?.text }
}

final class Stage {
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))! }
    static let (identity, claim, owner, network) = (key(1), key(2), key(3), UInt64(7))

    let clock = TestWorld(.constant(7), microseconds: 1_000_000)
    var waveform: Waveform { clock.waveform }
    var button: SimulatedInput { clock.button }
    let flash: SimulatedNOR<4>
    private var server: TestServer<BenchFitting>
    private var id: UInt16 = 0x4000
    private var sequence: UInt64 = 1_700_000_000_000_000
    let device = NodeAddress(of: Stage.identity.publicKey)

    private let isTrueRandom: Bool

    init(
        flash: SimulatedNOR<4> = blankPart(), isTrueRandom: Bool = true,
        isProvisioned: Bool = true, isBound: Bool = true, recovery: PublicKey? = nil
    ) throws {
        self.flash = flash
        self.isTrueRandom = isTrueRandom
        clock.isGaugeBroken = true
        server = Stage.start(flash, clock, isTrueRandom)
        if server.node.condition != .blank || !isProvisioned { return }
        let request = CBORItem.map([
            0: .bytes(Stage.claim.publicKey.bytes), 1: .bytes(Stage.identity.seed.withUnsafeBytes { Array($0) }),
            2: .uint(Stage.network),
        ])
        _ = try ask(.post, "provision", payload: request.encoded)
        if !isBound { return }
        _ = try post(
            .bind(
                device, owner: Stage.owner, epoch: 0, sequence: heading().sequence, network: Stage.network,
                recovery: recovery, claim: Stage.claim))
    }

    private static func start(_ flash: SimulatedNOR<4>, _ world: TestWorld, _ isTrueRandom: Bool) -> TestServer<BenchFitting> {
        NodeServer(Node(flash: flash, devices: TestDevices(world), platform: TestPlatform(world, isTrueRandom: isTrueRandom)))
    }

    /// The node starts anew from what the flash has; its clock goes on.
    func restart() { server = Stage.start(flash, clock, isTrueRandom) }

    var condition: Condition { server.node.condition }

    func heading() -> SignedMessage.Heading {
        sequence += 1
        return .init(device, epoch: server.node.epoch, sequence: sequence, network: Stage.network)
    }

    // MARK: Datagrams

    func send(_ datagram: [UInt8], isCut: Bool = false, from wire: WireNumber = .serial) throws -> Datagram? {
        let answer = server.exchange(datagram, isCut: isCut, from: wire)
        return answer.isEmpty ? nil : try Datagram(answer)
    }

    func request(
        _ code: CoAPCode, _ path: String, token: UInt64 = 1, type: CoAPType = .confirmable, query: String? = nil,
        options: [(UInt16, UInt32)] = [], payload: [UInt8] = []
    ) -> [UInt8] {
        id += 1
        var buffer = [UInt8](repeating: 0, count: 1200)
        var writer = CoAPWriter(buffer.mutableSpan, type: type, code: code, id: id, token: CoAPToken(token, count: 2))
        for (number, value) in options where number < CoAPOptionNumber.uriPath { writer.option(number, uint: value) }
        for segment in path.split(separator: "/") { writer.option(CoAPOptionNumber.uriPath, Array(segment.utf8).span.bytes) }
        for (number, value) in options where number == CoAPOptionNumber.contentFormat { writer.option(number, uint: value) }
        if let query { writer.option(CoAPOptionNumber.uriQuery, Array(query.utf8).span.bytes) }
        for (number, value) in options where number > CoAPOptionNumber.uriQuery { writer.option(number, uint: value) }
        if !payload.isEmpty { writer.payload(payload.span.bytes) }
        let count = try! writer.finish()
        return Array(buffer.prefix(count))
    }

    @discardableResult
    func ask(
        _ code: CoAPCode, _ path: String, token: UInt64 = 1, query: String? = nil, options: [(UInt16, UInt32)] = [],
        payload: [UInt8] = [], from wire: WireNumber = .serial
    ) throws -> Datagram {
        let answer = try send(
            request(code, path, token: token, query: query, options: options, payload: payload), from: wire)
        return try answer ?? { throw CoAPError.truncated }()
    }

    @discardableResult
    func post(_ message: SignedMessage) throws -> Datagram { try ask(.post, message.type.rawValue, payload: message.bytes) }

    func command(_ text: String) throws -> Datagram {
        try post(
            .call(
                try Call(parsing: text), as: .command, to: device, epoch: server.node.epoch, sequence: heading().sequence,
                network: Stage.network, key: Stage.owner))
    }

    func empty(_ type: CoAPType, _ id: UInt16) throws {
        var buffer = [UInt8](repeating: 0, count: 4)
        let writer = CoAPWriter(buffer.mutableSpan, type: type, code: .empty, id: id)
        _ = try writer.finish()
        _ = try send(buffer)
    }

    /// The node's token for the holder of `key`.
    func token(for key: SigningKey) throws -> [UInt8] {
        let signer = key.publicKey.bytes.prefix(8).map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
        return try ask(.get, "token", query: "for=" + signer).payload
    }

    // MARK: Time

    /// Lets time pass of which nothing is asked.
    func rest(seconds: UInt64) { clock.pass(seconds: seconds) }

    /// Lets time pass as the main loop does, in steps of 10 ms; the notifications that were sent meanwhile.
    func pass(milliseconds: Int, acknowledge: Bool = true) throws -> [Datagram] {
        var sent: [Datagram] = []
        for _ in 0..<max(1, milliseconds / 10) {
            clock.microseconds += 10_000
            let notification = server.turn()
            if !notification.isEmpty {
                sent.append(try Datagram(notification))
                if acknowledge { try empty(.acknowledgement, sent.last!.id) }
            }
        }
        return sent
    }

    var notificationWire: WireNumber { server.notificationWire }

    func press() throws -> [Datagram] {
        button.drive(true)
        return try pass(milliseconds: 50)
    }

    /// The claims of signed telemetry, its signature verified by libsodium.
    func telemetry(_ bytes: [UInt8]) throws -> CBORItem {
        let claims = try SignedObject.open(
            bytes, type: .telemetry, network: Stage.network, signer: Stage.identity.publicKey, from: "the bench")
        return claims[Int64(SignedMessage.nodeClaim)]!
    }
}
