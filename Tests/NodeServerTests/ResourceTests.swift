// What a client that knows only CoAP sees: discovery, codes, problem details, blocks.

import CoAP
import Testing

@testable import ControlNode

@Suite("Resources") struct ResourceTests {
    @Test("Discovery lists every device and says what can be observed") func discovery() throws {
        let links = String(decoding: try Stage().ask(.get, ".well-known/core").payload, as: UTF8.self).split(separator: ",")
        #expect(links.contains("</devices/led>;ct=60;obs") && links.contains("</devices/button>;ct=60;obs"))
        #expect(links.contains("</events>;ct=18;obs") && links.contains("</status>;ct=60") && links.contains("</command>;ct=18"))
    }

    @Test("Whatever is wrong with a request, the answer says why in problem details (RFC 9290)") func problems() throws {
        let stage = try Stage()
        let format = CoAPOptionNumber.contentFormat, accept = CoAPOptionNumber.accept
        let cases: [(CoAPCode, String, [(UInt16, UInt32)], [UInt8], CoAPCode, String)] = [
            (.get, "nothing", [], [], .notFound, "not-found"),
            (.get, "", [], [], .notFound, "not-found"),
            (.put, "status", [], [1], .methodNotAllowed, "method-not-allowed"),
            (.get, "command", [], [], .methodNotAllowed, "method-not-allowed"),
            (.get, "status", [(accept, 18)], [], .notAcceptable, "not-acceptable"),
            (.post, "command", [(format, 0)], [1], .unsupportedContentFormat, "unsupported-format"),
            (.get, "status", [(9, 0)], [], .badOption, "bad-option"),
            (.post, "command", [(format, 18), (CoAPOptionNumber.block1, 8 | 6)], [1], .requestEntityTooLarge, "too-large"),
            (.post, "command", [(format, 18)], [1], .badRequest, "malformed"),
            (.post, "bind", [], [], .badRequest, "malformed"),
            (.post, "provision", [(format, 60)], [0xA0], .conflict, "wrong-state"),
        ]
        for (code, path, options, payload, expected, reason) in cases {
            let answer = try stage.ask(code, path, options: options, payload: payload)
            #expect(answer.code == expected && answer.reason == reason, "\(path): \(answer.code), \(answer.reason ?? "-")")
            #expect(answer.uint(format) == UInt32(CoAPContentFormat.problemDetails))
        }
    }

    @Test("A client that wants small blocks gets every answer in them (RFC 7959)", arguments: [UInt8(0), 2, 4])
    func blocks(exponent: UInt8) throws {
        let stage = try Stage()
        for _ in 0..<6 { _ = try stage.command("$('led').toggle()") }
        for (path, query) in [("status", nil), (".well-known/core", nil), ("history", "from=0"), ("history", "from=4")] {
            let whole = try stage.ask(.get, path, query: query).payload
            var body: [UInt8] = []
            var number: UInt32 = 0
            while true {
                let block = CoAPBlock(number: number, more: false, sizeExponent: exponent)
                let part = try stage.ask(.get, path, query: query, options: [(CoAPOptionNumber.block2, block.optionValue)])
                let answer = try #require(part.block2)
                #expect(part.code == .content && answer.number == number && answer.sizeExponent == exponent)
                if number == 0 { #expect(part.uint(CoAPOptionNumber.size2) == UInt32(whole.count)) }
                body += part.payload
                number += 1
                if !answer.more { break }
                #expect(part.payload.count == answer.size)
            }
            // Time stands still here, so a status does not change between its blocks.
            #expect(body == whole, "\(path)")
        }
        let beyond = CoAPBlock(number: 1000, more: false, sizeExponent: 6)
        #expect(try stage.ask(.get, "status", options: [(CoAPOptionNumber.block2, beyond.optionValue)]).code == .badOption)
    }

    @Test("A log longer than an answer is read piece by piece, each resuming behind the last entry") func history() throws {
        let stage = try Stage()
        for _ in 0..<20 { _ = try stage.command("$('led').toggle()") }
        var receipts: [Receipt] = []
        while true {
            let body = try stage.ask(.get, "history", query: "from=\(receipts.count)").payload
            if body.isEmpty { break }
            for item in try CBORItem.sequence(body) {
                receipts.append(try Receipt(verifying: item, identity: Stage.identity.publicKey, network: Stage.network))
            }
        }
        #expect(receipts.map(\.index) == Array(0...20))
        for (before, after) in zip(receipts, receipts.dropFirst()) { #expect(after.previous == before.chain) }
    }
}
