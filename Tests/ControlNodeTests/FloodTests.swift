// A stranger who sends without pause on the owner's own wire delays the owner, and does not lock it out.
import CoAP
import Foundation
import HostedNode
import Testing
import Transport

@testable import HostCrypto
@testable import NodeProtocol

@Suite("A stranger's flood", .serialized) struct FloodTests {
    @Test("Each of the owner's commands is carried out once while a stranger sends 50 forged ones a second") func flood()
        async throws
    {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        let node = try await stage.node.known()
        let hosted = stage.hosted
        let stranger = SigningKey.generate()
        let flood = Task {
            var sequence: UInt64 = 1_900_000_000_000_000
            while !Task.isCancelled {
                sequence += 1
                let forged = SignedMessage.call(
                    Call(device: "led", method: "off"), to: node.address, epoch: node.epoch, sequence: sequence,
                    network: node.network, key: stranger)
                let request = Message(
                    .confirmable, .post, id: UInt16(truncatingIfNeeded: sequence), token: [0xF1, 0, 0, 0],
                    options: [.init(CoAPOptionNumber.uriPath, "command"), .init(CoAPOptionNumber.contentFormat, uint: 18)],
                    payload: forged.bytes)
                try await hosted.send(SlipmuxFrames.coap(try request.encoded()))
                try await Task.sleep(for: .milliseconds(20))
            }
            return sequence
        }
        // What it had saved up is gone.
        try await Task.sleep(for: .seconds(1))
        for _ in 0..<4 { #expect(try await stage.node.`$`("led").toggle().outcome == .done) }
        flood.cancel()
        _ = try? await flood.value
        #expect(!hosted.isHigh("led"))
        #expect(try await stage.node.status().nextIndex == 5, "the bind and four commands, none of them twice")
    }
}
