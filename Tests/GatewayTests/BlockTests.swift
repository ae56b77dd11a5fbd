import CoAP
import CodecSupport
import Foundation
import HostedNode
import Testing
import Transport

@testable import Bridge
@testable import Gateway
@testable import NodeProtocol

/// Bodies that do not go in one datagram: what the far end can take is known before the line is touched.
@Suite("Blocks and limits of the gateway", .serialized)
struct BlockTests {
    private func withMetered(
        _ policy: Gateway.Policy = .init(), _ body: (Stage, MeteredNode, SocketAddress) async throws -> Void
    ) async throws {
        let stage = try await Stage()
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: policy) { address async throws in
            try await body(stage, stage.metered, address)
        }
    }

    private func post(_ host: OtherHost, _ path: String, _ payload: [UInt8], exponent: UInt8) async throws -> [Message] {
        let size = 16 << Int(exponent)
        var answers: [Message] = []
        for number in 0..<max(1, (payload.count + size - 1) / size) {
            let part = Array(payload[(number * size)..<min(payload.count, (number + 1) * size)])
            let block = CoAPBlock(number: UInt32(number), more: (number + 1) * size < payload.count, sizeExponent: exponent)
            answers.append(
                try await host.ask(
                    .post, path,
                    [.init(CoAPOptionNumber.contentFormat, uint: 18), .init(CoAPOptionNumber.block1, uint: block.optionValue)],
                    part))
            if answers.last!.code != .continue_ { break }
        }
        return answers
    }

    @Test("A client that sends small blocks can send a command: the gateway puts them together", arguments: [0, 2, 4] as [UInt8])
    func smallBlocks(_ exponent: UInt8) async throws {
        try await withMetered { stage, metered, address async throws in
            let message = try await stage.signed("on")
            let host = try OtherHost(address)
            let before = metered.work.requests
            let answers = try await post(host, "porch/command", message.bytes, exponent: exponent)
            #expect(answers.dropLast().allSatisfy { $0.code == .continue_ && $0.block1?.more == true })
            let last = try #require(answers.last)
            #expect(last.code == .changed && last.block1?.more == false && last.block1?.number == UInt32(answers.count - 1))
            #expect(stage.hosted.isHigh("led"))
            #expect(metered.work.requests == before + 1, "the node saw one request")
            // All blocks together are what the answer is measured by.
            let receipt = try Receipt(
                verifying: try await rest(of: last, host, "porch/command"), identity: try await stage.owner.known().identity,
                network: 1)
            #expect(receipt.answers(message))
        }
    }

    private func rest(of first: Message, _ host: OtherHost, _ path: String) async throws -> [UInt8] {
        var (answer, body) = (first, first.payload)
        while let block = answer.block2, block.more {
            let next = CoAPBlock(number: block.number + 1, more: false, sizeExponent: block.sizeExponent)
            answer = try await host.ask(.post, path, [.init(CoAPOptionNumber.block2, uint: next.optionValue)])
            try #require(answer.code.class == 2)
            body += answer.payload
        }
        return body
    }

    @Test("Blocks out of order, of wrong sizes or that never end are refused, and the node hears nothing of them")
    func badBlocks() async throws {
        try await withMetered { _, metered, address async throws in
            let host = try OtherHost(address), before = metered.work.requests
            func block(_ number: UInt32, _ more: Bool, _ count: Int) async throws -> CoAPCode {
                let option = CoAPBlock(number: number, more: more, sizeExponent: 2)
                return try await host.ask(
                    .post, "porch/command", [.init(CoAPOptionNumber.block1, uint: option.optionValue)],
                    [UInt8](repeating: 1, count: count)
                ).code
            }
            #expect(try await block(3, true, 64) == .requestEntityIncomplete)
            #expect(try await block(0, true, 64) == .continue_)
            #expect(try await block(2, true, 64) == .requestEntityIncomplete)
            #expect(try await block(1, false, 64) == .requestEntityIncomplete)
            #expect(try await block(0, true, 63) == .badRequest)
            #expect(try await block(0, false, 65) == .badRequest)
            var (number, code) = (UInt32(0), CoAPCode.continue_)
            while code == .continue_, number < 100 {
                code = try await block(number, true, 64)
                number += 1
            }
            #expect(code == .requestEntityTooLarge && number <= 16)
            // One that cannot be read is no option that may be left out.
            #expect(try await host.ask(.post, "porch/command", [.init(CoAPOptionNumber.block1, uint: 7)], [1]).code == .badOption)
            #expect(metered.work.requests == before)
        }
    }

    @Test(
        "What the node's frame cannot take is answered 4.13 with Size1 at once, options and path counted, and the line is not touched"
    )
    func tooLong() async throws {
        try await withMetered { _, metered, address async throws in
            let host = try OtherHost(address), before = metered.work.requests
            for payload in [1100, 1024, 1015] {
                let answer = try await host.post("porch/command", [UInt8](repeating: 0xd2, count: payload))
                #expect(answer.code == .requestEntityTooLarge)
                let room = try #require(answer[CoAPOptionNumber.size1]?.uint)
                #expect(room > 990 && room < 1015, "\(room)")
            }
            let long = try await host.ask(
                .post, "porch/command", [.init(CoAPOptionNumber.uriQuery, String(repeating: "q", count: 250))],
                [UInt8](repeating: 0xd2, count: 800))
            #expect(long.code == .requestEntityTooLarge && (long[CoAPOptionNumber.size1]?.uint ?? 0) < 770)
            let announced = try await host.ask(
                .post, "porch/command", [.init(CoAPOptionNumber.block1, uint: 8 + 2), .init(CoAPOptionNumber.size1, uint: 3000)],
                [UInt8](repeating: 0xd2, count: 64))
            #expect(announced.code == .requestEntityTooLarge && announced[CoAPOptionNumber.size1] != nil)
            #expect(metered.work.requests == before)
            // As much as it said goes through.
            let room = try #require(
                try await host.post("porch/command", [UInt8](repeating: 1, count: 1100))[CoAPOptionNumber.size1]?.uint)
            #expect(try await host.post("porch/command", [UInt8](repeating: 1, count: Int(room))).code == .badRequest)
            #expect(metered.work.requests == before + 1)
        }
    }

    @Test("Each option is passed on, kept for the gateway itself, or refused, as its class wants", arguments: OptionRow.all)
    func options(_ row: OptionRow) async throws {
        try await withMetered { _, metered, address async throws in
            let host = try OtherHost(address), before = metered.work.requests
            let answer = try await host.ask(.get, "porch/status", [.init(row.number, uint: row.value)])
            #expect(answer.code == row.gateway, "\(row)")
            #expect((metered.work.requests > before) == row.isPassedOn, "\(row)")
        }
    }

    @Test("A client of one's own says what is too long before it sends it")
    func clientTooLong() async throws {
        let stage = try await Stage()
        await #expect(throws: RequestTooLong.self) {
            try await stage.owner.client.send(.post("command", [UInt8](repeating: 1, count: 1100), contentFormat: 18))
        }
    }

    @Test("The bridge answers what its far end cannot take, and passes the rest on")
    func bridge() async throws {
        let stage = try await Stage()
        await stage.owner.client.close()
        let metered = MeteredNode(HostedNode(flash: stage.hosted.flash))
        let bridge = try Bridge(at: try SocketAddress(host: "127.0.0.1", port: 0), to: SlipmuxLink(metered), faults: Faults())
        let relaying = Task { try await bridge.run() }
        defer {
            relaying.cancel()
            bridge.close()
        }
        let host = try OtherHost(bridge.address)
        let answer = try await host.post("command", [UInt8](repeating: 1, count: 1100))
        #expect(answer.code == .requestEntityTooLarge && (answer[CoAPOptionNumber.size1]?.uint ?? 0) > 990)
        #expect(metered.work.requests == 0)
        #expect(try await host.ask(.get, "status").code == .content)
    }

    // MARK: Answers

    private static let readable = ["status", "devices", ".well-known/core", "events", "history", "token", "devices/led"]

    @Test("An address that has shown nothing gets at most three times what it sent, in blocks that make up the whole")
    func amplification() async throws {
        try await withMetered { stage, _, address async throws in
            for number in 0..<6 { _ = try await stage.owner.send(Call(device: "led", method: number % 2 == 0 ? "on" : "off")) }
            for path in Self.readable + ["what", "devices/none"] {
                let host = try OtherHost(address, host: "127.0.3.\(Int.random(in: 1...250))")
                for options in [[], [.init(CoAPOptionNumber.block2, uint: 6)], [.init(CoAPOptionNumber.observe, uint: 0)]]
                    as [[Message.Option]]
                {
                    var answer = try await host.ask(.get, "porch/" + path, options)
                    #expect(host.sizes.answer <= 3 * host.sizes.request, "/\(path): \(host.sizes)")
                    while let block = answer.block2, block.more {
                        let next = CoAPBlock(number: block.number + 1, more: false, sizeExponent: block.sizeExponent)
                        answer = try await host.ask(
                            .get, "porch/" + path, [.init(CoAPOptionNumber.block2, uint: next.optionValue)])
                        #expect(host.sizes.answer <= 3 * host.sizes.request, "/\(path): \(host.sizes)")
                        try #require(answer.code == .content)
                    }
                }
                // A larger block than the first one was does not come either.
                _ = try await host.ask(.get, "porch/" + path, [.init(CoAPOptionNumber.block2, uint: 16 + 5)])
                #expect(host.sizes.answer <= 3 * host.sizes.request, "/\(path): \(host.sizes)")
            }
            let host = try OtherHost(address, host: "127.0.3.251")
            let whole = try await host.whole("porch/devices")
            #expect(try DeviceDescription.list(whole, from: "porch").count == 3)
        }
    }

    @Test("Who repeats the Echo gets whole answers from then on; a wrong one, or another's, changes nothing")
    func echo() async throws {
        try await withMetered { _, _, address async throws in
            let host = try OtherHost(address, host: "127.0.4.1"), other = try OtherHost(address, host: "127.0.4.2")
            let first = try await host.ask(.get, "porch/.well-known/core")
            let echo = try #require(first[CoAPOptionNumber.echo])
            #expect(first.block2?.more == true)
            for _ in 0..<2 {
                _ = try await other.ask(.get, "porch/.well-known/core", [echo])
                #expect(other.sizes.answer <= 3 * other.sizes.request)
            }
            _ = try await host.ask(.get, "porch/devices", [.init(CoAPOptionNumber.echo, [1, 2, 3, 4, 5, 6, 7, 8])])
            #expect(host.sizes.answer <= 3 * host.sizes.request)
            let whole = try await host.ask(.get, "porch/.well-known/core", [echo])
            #expect(whole.block2 == nil && whole.payload.count > 200)
            let later = try await host.ask(.get, "porch/.well-known/core")
            #expect(later.payload == whole.payload)
        }
    }

    // MARK: Turns

    @Test("One host's slow requests do not keep another's waiting: hosts take turns at a node")
    func turns() async throws {
        let stage = try await Stage(pause: .milliseconds(100))
        try await withGateway([AttachedNode("porch") { stage.owner.client }]) { address async throws in
            let (busy, other) = (try OtherHost(address, host: "127.0.5.1"), try OtherHost(address, host: "127.0.5.2"))
            for _ in 0..<8 { try busy.send(.get, "porch/devices/led") }
            try await Task.sleep(for: .milliseconds(50))
            let start = ContinuousClock.now
            #expect(try await other.ask(.get, "porch/devices/led").code == .content)
            let first = ContinuousClock.now - start
            for _ in 0..<8 { #expect(try await busy.next().code == .content) }
            // It waited for the one under way and its own, not for all nine.
            #expect(first < (ContinuousClock.now - start) * 0.6)
        }
    }
}
