// What a client that knows only CoAP sees: discovery, codes, problem details, blocks.

import CoAP
import CodecSupport
import LightNode
import Testing
import Vocabulary

@testable import NodeProtocol

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

    @Test(
        "Each option of a GET is understood, ignored when it is elective, refused when it is critical",
        arguments: OptionRow.all)
    func options(_ row: OptionRow) throws {
        let answer = try Stage().ask(.get, "status", options: [(row.number, row.value)])
        #expect(answer.code == row.node, "\(row)")
    }

    @Test("A history is asked for by one number that can be read, or as a whole") func historyParameter() throws {
        let stage = try Stage()
        for query in ["from=abc", "from=", "from", "from=2x", "from=4294967296", "from=-1", "form=1"] {
            let answer = try stage.ask(.get, "history", query: query)
            #expect(answer.code == .badRequest && answer.reason == "malformed", "\(query)")
        }
        #expect(try stage.ask(.get, "history", query: "from=1").payload.isEmpty)
        #expect(try !stage.ask(.get, "history").payload.isEmpty)
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
                // Each block of a history is signed afresh, and signatures are rationed.
                if path == "history" { stage.rest(seconds: 2) }
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

    @Test("A token is for the signer whose key begins as the request says; a request that does not say it gets none")
    func token() throws {
        let stage = try Stage()
        let owner = try stage.token(for: Stage.owner), claim = try stage.token(for: Stage.claim)
        #expect(owner.count == 12 && claim.count == 12)
        // Time stands still: only the signer tells them apart.
        #expect(owner.prefix(4) == claim.prefix(4) && owner != claim)
        #expect(try stage.token(for: Stage.owner) == owner)
        let before = stage.flash.operations
        let good = "for=0123456789abcdef"
        #expect(try stage.ask(.get, "token", query: good).code == .content)
        let bad = [
            nil, "for=", "for", "from=0", "FOR=0123456789abcdef", good + "0", String(good.dropLast()), "for=0123456789ABCDEF",
            "for=0123456789abcdeg",
        ]
        for query in bad {
            let answer = try stage.ask(.get, "token", query: query)
            #expect(answer.code == .badOption && answer.reason == "bad-option", "\(query ?? "no query")")
        }
        #expect(stage.flash.operations == before, "a token is not worth a write")
    }

    @Test("A refusal to a sender that is known is signed; a stranger, and a request that is no message, gets problem details")
    func refusals() throws {
        let stage = try Stage()
        let good = SignedMessage.settings(stage.heading(), forbidsReset: true, owner: Stage.owner)
        let signed = try stage.post(good)
        #expect(
            signed.code == CoAPCode(4, 3) && signed.uint(CoAPOptionNumber.contentFormat) == UInt32(CoAPContentFormat.coseSign1))
        let statement = try RefusalStatement(
            verifying: signed.payload, of: good, identity: Stage.identity.publicKey, network: Stage.network)
        #expect(statement.code == Vocabulary.Refusal.presenceRequired.rawValue && statement.epoch == 1)

        let forged = SignedMessage.settings(stage.heading(), forbidsReset: true, owner: Stage.key(9))
        let unsigned = try stage.post(forged)
        #expect(unsigned.uint(CoAPOptionNumber.contentFormat) == UInt32(CoAPContentFormat.problemDetails))
        #expect(unsigned.reason == "bad-signature")
        // What was signed before is not left in the answer to what is no message.
        #expect(try stage.ask(.get, "nothing").reason == "not-found")
    }

    @Test(
        "Signatures for strangers are rationed on each wire: 32 at once, then three a second; messages and status are answered on"
    )
    func rations() throws {
        let stage = try Stage()
        func ask(_ wire: WireNumber = .serial) throws -> Bool {
            let answer = try stage.ask(.get, "events", from: wire)
            if answer.code == .content { return true }
            #expect(answer.reason == "too-many-attempts")
            return false
        }
        for _ in 0..<32 { #expect(try ask()) }
        #expect(try !ask())
        #expect(try stage.ask(.get, "history", query: "from=0").reason == "too-many-attempts")
        #expect(try ask(.usb), "the other wire has its own")
        #expect(try stage.ask(.get, "status").code == .content && stage.command("$('led').on()").code == .changed)
        stage.rest(seconds: 1)
        #expect(try (0..<5).map { _ in try ask() } == [true, true, true, false, false])
    }

    @Test("A history of which a part can be signed is that part, and the next request goes on behind it") func shortHistory()
        throws
    {
        let stage = try Stage()
        for _ in 0..<3 { _ = try stage.command("$('led').toggle()") }
        let whole = try CBORItem.sequence(stage.ask(.get, "history", query: "from=0").payload).count
        #expect(whole > 1)
        while try stage.ask(.get, "events").code == .content {}
        stage.clock.microseconds += 333_334
        #expect(try CBORItem.sequence(stage.ask(.get, "history", query: "from=0").payload).count == 1)
    }
}
