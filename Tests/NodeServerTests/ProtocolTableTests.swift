// Every refusal and every outcome of Protocol/lightnode.json, from the wire, and what the host makes of it.

import CoAP
import Foundation
import Testing

@testable import NodeProtocol

@Suite("Protocol table") struct ProtocolTableTests {
    /// A row of the table, as it is written there.
    struct Row: Decodable, Sendable {
        let name: String
        let code: UInt64
        let meaning: String
        var coap: String?
    }
    private struct Table: Decodable {
        let refusals: [Row]
        let outcomes: [Row]
    }

    private static let table: Table = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let data = try! Data(contentsOf: root.appending(path: "Protocol/lightnode.json"))
        return try! JSONDecoder().decode(Table.self, from: data)
    }()

    @Test("There is a way to come by each refusal and each outcome of the table") func complete() {
        #expect(Set(Provocations.refusals.map(\.name)) == Set(Self.table.refusals.map(\.name)))
        #expect(Set(Provocations.outcomes.map(\.name)) == Set(Self.table.outcomes.map(\.name)))
    }

    @Test(
        "A refusal comes with the table's response code, and the host reads its name and its words",
        arguments: Provocations.refusals)
    func refusal(_ provocation: Provocation) throws {
        let row = try #require(Self.table.refusals.first { $0.name == provocation.name })
        let exchange = try provocation.provoke()
        let answer = exchange.answer
        #expect(
            "\(answer.code.rawValue >> 5).\(answer.code.rawValue & 31 < 10 ? "0" : "")\(answer.code.rawValue & 31)" == row.coap)
        let format = try #require(answer.uint(CoAPOptionNumber.contentFormat))
        let isSigned = format == UInt32(CoAPContentFormat.coseSign1)
        #expect(isSigned == provocation.isSigned)
        let refusal: Refusal
        if isSigned {
            let statement = try RefusalStatement(
                verifying: answer.payload, of: try #require(exchange.message), identity: Stage.identity.publicKey,
                network: Stage.network)
            refusal = Refusal(statement)
        } else {
            #expect(format == UInt32(CoAPContentFormat.problemDetails))
            refusal = try #require(Refusal(problemDetails: answer.payload))
        }
        #expect(refusal.code == row.code && refusal.known?.rawValue == row.name)
        #expect(refusal.description == "\(row.name): \(row.meaning)")
    }

    @Test("An outcome comes in a receipt, and the host reads its name and its words", arguments: Provocations.outcomes)
    func outcome(_ provocation: Provocation) throws {
        let row = try #require(Self.table.outcomes.first { $0.name == provocation.name })
        let exchange = try provocation.provoke()
        #expect(exchange.answer.code == .changed || exchange.answer.code == .content)
        let bytes = try #require(CBORItem.sequence(exchange.answer.payload).last)
        let receipt = try Receipt(verifying: bytes, identity: Stage.identity.publicKey, network: Stage.network)
        #expect(try receipt.answers(#require(exchange.message)))
        #expect(UInt64(receipt.outcome.rawValue) == row.code && receipt.outcome.name == row.name)
        #expect(receipt.outcome.meaning == row.meaning)
    }
}
