// A node whose receipts are the evidence: the real executor and server, over simulated flash.
import CBOR
import CoAP
import LightNode
import NodeServer
import SimulatedNOR
import TestNode
import Testing

@testable import HostCrypto
@testable import NodeProtocol

enum LockFitting: TestFitting {
    static let devices: [TestDevice] = [.led, .lock]
}

/// A node of Alice's.
final class RealNode {
    let identity: SigningKey
    let owner: SigningKey
    private var server: TestServer<LockFitting>
    private let world = TestWorld(.constant(7), microseconds: 1_000_000)
    private var id: UInt16 = 0
    private var sequence: UInt64 = 1_700_000_000_000_000
    var address: NodeAddress { NodeAddress(of: identity.publicKey) }

    init(owner: SigningKey = Cast.alice, number: Int = 0) throws {
        (identity, self.owner) = (Cast.key(3, number), owner)
        let claim = Cast.key(4, number)
        server = NodeServer(
            Node(flash: blankPart(), devices: TestDevices(world), platform: TestPlatform(world, isTrueRandom: true)))
        let request = CBORItem.map([
            0: .bytes(claim.publicKey.bytes), 1: .bytes(identity.seed.withUnsafeBytes { Array($0) }), 2: .uint(Cast.network),
        ])
        _ = try post("provision", request.encoded)
        let bind = SignedMessage.bind(
            address, owner: owner, epoch: 0, sequence: 1, network: Cast.network, recovery: nil, claim: claim)
        _ = try post("bind", bind.bytes)
    }

    /// A message of the owner's, signed and not sent.
    func message(_ call: String, as type: NodeProtocol.MessageType = .command) throws -> SignedMessage {
        sequence += 1
        return .call(
            try Call(parsing: call), as: type, to: address, epoch: 1, sequence: sequence, network: Cast.network, key: owner)
    }

    /// The receipt of a command that the node carries out.
    func receipt(_ call: String = "$('led').on()") throws -> [UInt8] { try post("command", try message(call).bytes) }

    private func post(_ path: String, _ payload: [UInt8]) throws -> [UInt8] {
        id += 1
        var buffer = [UInt8](repeating: 0, count: 1200)
        var writer = CoAPWriter(
            buffer.mutableSpan, type: .confirmable, code: .post, id: id, token: CoAPToken(UInt64(id), count: 2))
        writer.option(CoAPOptionNumber.uriPath, Array(path.utf8).span.bytes)
        writer.payload(payload.span.bytes)
        let count = try writer.finish()
        let answer = server.exchange(Array(buffer.prefix(count)))
        return try CoAPMessage(answer.span.bytes).payload.array
    }
}
