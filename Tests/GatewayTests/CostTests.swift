import CBOR
import CoAP
import Foundation
import HostedNode
import Testing
import Transport

@testable import Gateway
@testable import NodeProtocol

/// What strangers behind a gateway can make a node do, measured on the node's line.
@Suite("The gateway's rations count cost", .serialized)
struct CostTests {
    /// A signed object around others: no signature is right, the shape is.
    static func signed(_ nested: [[UInt8]], _ claims: [Int32] = [4, 37]) -> [UInt8] {
        let payload = CBOR.encode(capacity: 4096) { writer in
            writer.map(2)
            writer.key(3)
            writer.text("node1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq")
            writer.key(-65537)
            writer.map(1 + nested.count)
            writer.key(0)
            writer.uint(1)
            for (label, object) in zip(claims, nested) {
                writer.key(label)
                writer.bytes(object)
            }
        }
        let body = CBOR.encode(capacity: 8192) { writer in
            writer.bytes(payload)
            writer.bytes([UInt8](repeating: 0x5a, count: 64))
        }
        return [0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0] + body
    }

    static func chain(_ links: Int) -> [UInt8] { (1..<links).reduce(signed([])) { inner, _ in signed([inner]) } }

    @Test("The signatures in a message are counted as they lie in one another; what cannot be read counts for one")
    func links() {
        for count in 1...4 { #expect(Cost.links(Self.chain(count).span.bytes) == count) }
        // Side by side, as an acceptance and a recovery key's consent.
        #expect(Cost.links(Self.signed([Self.signed([]), Self.signed([])]).span.bytes) == 3)
        // More than any message has is not looked into.
        for count in 5...9 { #expect(Cost.links(Self.chain(count).span.bytes) == Cost.maximumLinks) }
        for nonsense in [[], [0xd2], Array("hello".utf8), Array(Self.chain(3).dropLast()), Self.chain(3) + [0]] as [[UInt8]] {
            #expect(Cost.links(nonsense.span.bytes) == 1)
        }
    }

    @Test("Every path costs what it may make a node do, and one that is not known as much as any")
    func paths() {
        func cost(_ code: CoAPCode, _ path: String, _ payload: [UInt8] = []) -> Cost {
            Cost(of: code, path.split(separator: "/").map(String.init), payload: payload)
        }
        for path in ["status", "devices", "token", ".well-known/core", "devices/led"] { #expect(cost(.get, path) == Cost()) }
        #expect(cost(.get, "events") == Cost(signatures: 1))
        #expect(cost(.get, "history") == Cost(signatures: Cost.receiptsPerAnswer))
        #expect(cost(.post, "attest", [1]) == Cost(signatures: 1))
        #expect(cost(.post, "command", Self.chain(3)) == Cost(checks: 3, signatures: 1))
        let dearest = Cost(checks: Cost.maximumLinks, signatures: Cost.receiptsPerAnswer)
        for path in ["", "what", "devices/led/x", "history/x", "Command", "status"] { #expect(cost(.post, path, [1]) == dearest) }
        #expect(cost(.put, "command", [1]) == dearest && cost(CoAPCode(0, 5), "events", [1]) == dearest)
    }

    @Test("A share is a host's: an IPv4 address, an IPv6 prefix of 64 bits, on a link the address itself")
    func shares() throws {
        func share(_ host: String) throws -> String { try SocketAddress(host: host, port: 1).share }
        #expect(try share("192.0.2.7") == "192.0.2.7")
        #expect(try share("::ffff:192.0.2.7") == "192.0.2.7")
        #expect(try share("2001:db8:1:2::1") == share("2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(try share("2001:db8:1:2::1") != share("2001:db8:1:3::1"))
        #expect(try share("fe80::1") != share("fe80::2"))
    }

    @Test("A host has its share, all strangers have the total, and a host whose message was accepted has what is reserved")
    func buckets() {
        var policy = Gateway.Policy()
        policy.checks = .init(host: .init(size: 3, perSecond: 0.5), total: .init(size: 10, perSecond: 1), reserve: 4)
        let start = ContinuousClock.now
        var rations = NodeRations(policy)
        let one = Cost(checks: 1)
        // The owner's first message is accepted and costs nothing.
        #expect(rations.spend(one, "owner", at: start) == nil)
        rations.accepted(one, "owner", at: start)
        for _ in 0..<3 { #expect(rations.spend(one, "a", at: start) == nil) }
        #expect(rations.spend(one, "a", at: start) == 2)
        for _ in 0..<3 { #expect(rations.spend(one, "b", at: start) == nil) }
        // Six of ten are gone: what remains is reserved.
        #expect(rations.spend(one, "c", at: start) == 1)
        for _ in 0..<3 { #expect(rations.spend(one, "owner", at: start) == nil) }
        #expect(rations.spend(one, "owner", at: start) != nil)
        // A second brings one to all together, and half of one to each.
        #expect(rations.spend(one, "a", at: start + .seconds(4)) == nil)
        // More than a share: when it is full, and then it is owed.
        var fresh = NodeRations(policy)
        #expect(fresh.spend(Cost(checks: 5), "d", at: start) == nil)
        #expect(fresh.spend(one, "d", at: start + .seconds(5)) != nil)
        #expect(fresh.spend(one, "d", at: start + .seconds(6)) == nil)
    }

    /// What a stranger may send to a path; the dearest last.
    private static let payloads: [[UInt8]] = [[], [1, 2, 3], chain(1), chain(3), signed([signed([]), signed([])])]
    private static let paths = [
        "", "status", "devices", "devices/led", "devices/none", "token", ".well-known/core", "history", "events", "attest",
        "provision", "what", "command", "state", "bind", "release", "transfer", "rotate", "recover", "backups", "takeover",
        "revoke",
        "tick", "time", "settings", "accept", "grant", "receipt",
    ]

    @Test("Whatever one host sends to whatever path, the node's signatures and checks for it are bounded, and the owner is heard")
    func measured() async throws {
        let stage = try await Stage()
        let metered = stage.metered
        let policy = Gateway.Policy()
        try await withGateway([AttachedNode("porch") { stage.owner.client }], policy: policy) { address async throws in
            let owner = try OtherHost(address, host: "127.0.0.9")
            #expect(try await owner.post("porch/command", try await stage.signed("on").bytes).code == .changed)
            let begin = ContinuousClock.now
            var all = MeteredNode.Work()
            // A host for each path and method, so that none has spent its share elsewhere.
            let tries = Self.paths.flatMap { path in [CoAPCode.post, .get, .put, CoAPCode(0, 5)].map { (path, $0) } }
            for (number, (path, code)) in tries.enumerated() {
                let stranger = try OtherHost(address, host: "127.0.2.\(number + 1)")
                let (start, before) = (ContinuousClock.now, metered.work)
                let wishes: [[Message.Option]] = [
                    [], [.init(CoAPOptionNumber.observe, uint: 0)], [.init(CoAPOptionNumber.block2, uint: 0)],
                ]
                for payload in code == .get ? Self.payloads : Self.payloads.reversed() {
                    for wish in wishes {
                        let format = payload.isEmpty ? [] : [Message.Option(CoAPOptionNumber.contentFormat, uint: 18)]
                        for _ in 0..<3 { _ = try await stranger.ask(code, "porch/" + path, wish + format, payload) }
                    }
                }
                let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
                let checks = metered.work.checks - before.checks, signatures = metered.work.signatures - before.signatures
                // A share, what it grows by, and the last message, which may take more than is left.
                let (check, signature) = (policy.checks.host, policy.signatures.host)
                #expect(
                    Double(checks) <= check.size + check.perSecond * seconds + Double(Cost.maximumLinks),
                    "/\(path): \(checks) checks")
                #expect(
                    Double(signatures) <= signature.size + signature.perSecond * seconds + Double(Cost.receiptsPerAnswer),
                    "/\(path): \(signatures) signatures")
                all.checks += checks
                all.signatures += signatures
            }
            let seconds = Double((ContinuousClock.now - begin) / .milliseconds(1)) / 1000
            let (checks, signatures) = (policy.checks, policy.signatures)
            #expect(
                Double(all.checks) <= checks.total.size + checks.total.perSecond * seconds + Double(Cost.maximumLinks), "\(all)")
            #expect(Double(all.signatures) <= signatures.total.size + signatures.total.perSecond * seconds + 12, "\(all)")
            // The rations let something through, or this test would show nothing.
            #expect(all.checks >= 3 && all.signatures >= 16, "\(all)")
            // What is left is the owner's, at once as far as the gateway goes: the node itself has rations for all its senders.
            let late = ContinuousClock.now
            var code = CoAPCode.tooManyRequests
            while code == .tooManyRequests, ContinuousClock.now - late < .seconds(5) {
                code = try await owner.post("porch/command", try await stage.signed("off").bytes).code
                if code == .tooManyRequests { try await Task.sleep(for: .milliseconds(200)) }
            }
            #expect(code == .changed && !stage.hosted.isHigh("led"))
            print("strangers' cost of \(Self.paths.count) paths in \(seconds) s: \(all)")
        }
    }

    @Test("What a host spends on accepted messages is given back: twenty commands in a row pass")
    func accepted() async throws {
        let stage = try await Stage()
        try await withGateway([AttachedNode("porch") { stage.owner.client }]) { address async throws in
            let owner = try OtherHost(address, host: "127.0.0.9")
            for number in 0..<20 {
                let message = try await stage.signed(number % 2 == 0 ? "on" : "off")
                #expect(try await owner.post("porch/command", message.bytes).code == .changed)
            }
        }
    }

    @Test(
        "A history that is read from end to end costs as many signatures as it has receipts, and no stranger's share is needed for it"
    )
    func history() async throws {
        let stage = try await Stage()
        for number in 0..<12 { _ = try await stage.owner.send(Call(device: "led", method: number % 2 == 0 ? "on" : "off")) }
        try await withGateway([AttachedNode("porch") { stage.owner.client }]) { address async throws in
            let before = stage.metered.work.signatures
            let reader = try OtherHost(address, host: "127.0.0.9")
            var from = 0
            while true {
                let whole = try await reader.whole("porch/history", ["from=\(from)"])
                let count = try CBORItem.sequence(whole).count
                if count == 0 { break }
                #expect(count <= Cost.receiptsPerAnswer)
                from += count
            }
            #expect(from == 13)
            #expect(
                stage.metered.work.signatures - before == 13, "blocks of one answer cost the node nothing: \(stage.metered.work)")
        }
    }
}

extension OtherHost {
    /// A representation, in as many blocks as the server wants.
    func whole(_ path: String, _ query: [String] = []) async throws -> [UInt8] {
        let query = query.map { Message.Option(CoAPOptionNumber.uriQuery, $0) }
        var answer = try await ask(.get, path, query)
        var body = answer.payload
        while let block = answer.block2, block.more {
            let next = CoAPBlock(number: block.number + 1, more: false, sizeExponent: block.sizeExponent)
            answer = try await ask(.get, path, query + [.init(CoAPOptionNumber.block2, uint: next.optionValue)])
            try #require(answer.code == .content && answer.block2?.number == next.number, "\(answer.code)")
            body += answer.payload
        }
        return body
    }
}
