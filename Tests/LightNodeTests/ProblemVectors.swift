// The bodies of error responses, as the server writes them into real answers: for the vectors in docs/vectors.

import CBOR
import CoAP
import LightNode
import NodeServer
import TestNode

@testable import NodeProtocol

enum ProblemVectors {
    /// What a node that is provisioned already, and one that is not, answer to requests that are wrong.
    static func bodies() throws -> [[UInt8]] {
        let request = CBORItem.map([
            0: .bytes(Cast.claim.publicKey.bytes), 1: .bytes(Cast.identity.seed.withUnsafeBytes { Array($0) }),
            2: .uint(Cast.network),
        ]).encoded
        return [
            try answer(to: [("provision", [0xA0])]),  // malformed
            try answer(to: [("provision", request), ("provision", request)]),  // wrong-state
            try answer(to: [("nothing", [1])]),  // not-found
            try complete(),
        ]
    }

    /// The payload of the last answer, which must be an error.
    private static func answer(to requests: [(path: String, payload: [UInt8])]) throws -> [UInt8] {
        let world = TestWorld(.seeded(1))
        var server = NodeServer(
            Bench(flash: Stage.part(), devices: TestDevices(world), platform: TestPlatform(world)))
        var body: [UInt8] = []
        for (number, request) in requests.enumerated() {
            var buffer = [UInt8](repeating: 0, count: 256)
            var writer = CoAPWriter(
                buffer.mutableSpan, type: .confirmable, code: .post, id: UInt16(number), token: CoAPToken(1, count: 1))
            writer.option(CoAPOptionNumber.uriPath, Array(request.path.utf8).span.bytes)
            writer.payload(request.payload.span.bytes)
            let count = try writer.finish()
            let datagram = Array(buffer.prefix(count))
            server.receive(datagram.span.bytes, from: .serial)
            let message = try CoAPMessage(server.answer)
            var options = message.options
            var isProblem = false
            while options.next() {
                let value = options.value
                let isFormat = options.number == CoAPOptionNumber.contentFormat && value.byteCount == 2
                isProblem = isProblem || isFormat && value.unsafeLoadUnaligned(as: UInt16.self).byteSwapped == 257
            }
            body = (0..<message.payload.byteCount).map { message.payload.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
            if number == requests.count - 1, !isProblem { throw CoAPError.truncated }
        }
        return body
    }

    /// With everything that the form has room for.
    private static func complete() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 256)
        var writer = CBORWriter(buffer.mutableSpan)
        CoAPProblem(title: "wrong-epoch", detail: "The device is in epoch 3.", code: 3, expected: 3).write(to: &writer)
        let count = try writer.finish()
        return Array(buffer.prefix(count))
    }
}
