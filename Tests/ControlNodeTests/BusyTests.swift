// What a gateway says in a node's place: wait, or it is not to be reached.
import CoAP
import Foundation
import HostedNode
import NodeProtocol
import Reporting
import Testing
import Transport

@testable import ControlNode

@Suite("Something on the way that asks to wait", .serialized) struct BusyTests {
    /// An answer in the place of `answer`: `code`, Max-Age `age`, and a text (RFC 7252, section 5.5.2).
    private static func instead(_ answer: [UInt8], _ code: CoAPCode, age: UInt8, _ text: String) -> [UInt8] {
        let length = Int(answer[0] & 15)
        return [0x60 | UInt8(length), code.rawValue] + answer[2..<(4 + length)] + [0xD1, 0x01, age, 0xFF] + Array(text.utf8)
    }

    private func bound() async throws -> OwningTests.Stage {
        let stage = try await OwningTests.Stage()
        try await stage.node.bind(label: stage.label)
        return stage
    }

    @Test(
        "a ration that is used up is waited for, as long as it says: history, and a command",
        arguments: [
            CoAPCode.tooManyRequests, .serviceUnavailable,
        ])
    func waits(_ code: CoAPCode) async throws {
        let stage = try await bound()
        let count = Counter()
        // Every third answer is none.
        stage.hosted.changeAnswers { count.next() % 3 == 2 ? Self.instead($0, code, age: 1, "not now") : $0 }
        #expect(try await stage.node.history().receipts.count == 1)
        #expect(try await stage.node.`$`("led").toggle().outcome == .done)
        #expect(stage.hosted.changes("led") == 1)
    }

    @Test("one that asks for more than this client waits is told with its words, and is no breach of the protocol")
    func tooLong() async throws {
        let stage = try await bound()
        stage.hosted.changeAnswers { Self.instead($0, .tooManyRequests, age: 200, "not today") }
        await #expect { try await stage.node.history() } throws: {
            let failure = ($0 as? any Reportable)?.failure
            return failure?.kind == .unreachable && failure!.what.contains("not today") && failure!.what.contains("200 s")
        }
    }

    @Test(
        "a gateway that does not reach its node is told with its words", arguments: [CoAPCode(5, 2), CoAPCode(5, 4), .notFound])
    func notReached(_ code: CoAPCode) async throws {
        let stage = try await bound()
        stage.hosted.changeAnswers { Self.instead($0, code, age: 1, "attic is off") }
        await #expect { try await stage.node.status() } throws: {
            let failure = $0 as? Failure
            return failure?.kind == .unreachable && failure!.what.contains("attic is off")
        }
    }
}
