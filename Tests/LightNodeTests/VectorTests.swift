// The vectors in docs/vectors: one message of every type, as our encoder makes it, with what it means in JSON, so that others can check theirs.
// Tests/witness/messages.py makes the same bytes of the same meaning with cbor2 and pycose, which share no code with ours.

import Foundation
import LightNode
import SimulatedNOR
import Testing

@testable import HostCrypto
@testable import NodeProtocol

@Suite("Vectors") struct VectorTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let file = root.appending(path: "docs/vectors/messages.json")

    private static func vector(_ type: String, signer: String, _ bytes: [UInt8], _ fields: [String: Any]) -> [String: Any] {
        ["type": type, "signer": signer, "message": bytes.hex, "claims": fields]
    }

    /// Everything in the file. Seeds are 32 times the number in `keys`.
    static func contents() throws -> [String: Any] {
        let stage = try Stage.owned()
        let imageHash = try stage.attestation().imageHash
        var sequence: UInt64 = 1_700_000_000_000_000
        func heading() -> SignedMessage.Heading {
            sequence += 1
            return .init(stage.device, epoch: 1, sequence: sequence, network: Cast.network)
        }
        func key(_ key: SigningKey) -> String { key.publicKey.description }
        var vectors: [[String: Any]] = []
        func add(_ type: String, _ signer: String, _ message: SignedMessage, _ more: [String: Any] = [:]) {
            let common: [String: Any] = ["device": stage.device.description, "epoch": message.epoch, "seq": message.sequence]
            vectors.append(vector(type, signer: signer, message.bytes, common.merging(more) { $1 }))
        }
        func call(
            _ text: String, _ type: NodeProtocol.MessageType, _ signer: SigningKey, token: [UInt8]? = nil, expires: UInt64? = nil,
            grant: Grant? = nil
        )
            throws -> SignedMessage
        {
            .call(
                try Call(parsing: text), as: type, to: stage.device, epoch: 1, sequence: heading().sequence,
                network: Cast.network, token: token,
                expires: expires, grant: grant, key: signer)
        }
        let bind = SignedMessage.bind(
            stage.device, owner: Cast.alice, epoch: 0, sequence: heading().sequence, network: Cast.network,
            recovery: Cast.recovery.publicKey, claim: Cast.claim)
        let bound = Authorities(owner: Cast.alice.publicKey, recovery: Cast.recovery.publicKey)
        func accept(
            _ purpose: NodeProtocol.MessageType, by owner: SigningKey, epoch: UInt32, from: SigningKey, _ result: Authorities
        ) -> Acceptance {
            let acceptance = Acceptance(
                of: stage.device, epoch: epoch, network: Cast.network, newOwner: owner, purpose: purpose, from: from.publicKey,
                resultingIn: result)
            vectors.append(
                vector(
                    "accept", signer: owner.publicKey == Cast.bob.publicKey ? "bob" : "alice", acceptance.bytes,
                    [
                        "device": stage.device.description, "epoch": epoch, "confirm": key(owner),
                        "purpose": Int(purpose.number), "counterparty": key(from), "authorities": result.digest.hex,
                    ]))
            return acceptance
        }
        let first = accept(.bind, by: Cast.alice, epoch: 0, from: Cast.claim, bound)
        add("bind", "claim", bind, ["confirm": key(Cast.alice), "recovery": key(Cast.recovery), "nested": first.bytes.hex])
        add("command", "alice", try call("$('led').on()", .command, Cast.alice), ["call": ["led", "on"]])
        let token = [UInt8](0..<12)
        add(
            "command", "alice", try call("$('lock').open(500)", .command, Cast.alice, token: token, expires: 2_000_000_000),
            ["call": ["lock", "open", 500] as [Any], "token": token.hex, "expires": 2_000_000_000])
        add(
            "state", "alice", try call("$('gauge').set(-129, true, 'Grüße')", .state, Cast.alice),
            ["call": ["gauge", "set", -129, true, "Grüße"] as [Any]])

        var terms = Grant.Terms(holder: Cast.holder.publicKey, scope: [.init("led", "on", "off"), .init("gauge")])
        (terms.notBefore, terms.expires, terms.uses, terms.hops) = (1_900_000_000, 2_000_000_000, 300, 1)
        terms.contract = .init(height: 70_000, transaction: [UInt8](repeating: 9, count: 32))
        terms.meter = .init(tick: 600, ticks: 12)
        let grant = Grant(terms, on: stage.device, epoch: 1, network: Cast.network, salt: Stage.salt(1), owner: Cast.alice)
        let grantClaims: [String: Any] = [
            "device": stage.device.description, "epoch": 1, "salt": Stage.salt(1).hex, "confirm": key(Cast.holder),
            "notBefore": 1_900_000_000,
            "expires": 2_000_000_000, "scope": [["led", "on", "off"], ["gauge"]], "uses": 300, "hops": 1,
            "contract": [70_000, terms.contract!.transaction.hex] as [Any], "meter": [600, 12],
        ]
        vectors.append(vector("grant", signer: "alice", grant.bytes, grantClaims))
        let child = grant.passed(
            on: .init(holder: Cast.friend.publicKey, scope: [.init("led", "on")]), salt: Stage.salt(2), holder: Cast.holder)
        vectors.append(
            vector(
                "grant", signer: "holder", child.bytes,
                [
                    "device": stage.device.description, "epoch": 1, "salt": Stage.salt(2).hex, "confirm": key(Cast.friend),
                    "scope": [["led", "on"]],
                    "nested": grant.bytes.hex,
                ]))
        add(
            "command", "friend", try call("$('led').on()", .command, Cast.friend, grant: child),
            ["call": ["led", "on"], "nested": child.bytes.hex])

        func consent(_ purpose: NodeProtocol.MessageType, _ result: Authorities) -> Consent {
            let consent = Consent(
                to: purpose, of: stage.device, epoch: 1, network: Cast.network, resultingIn: result.digest,
                recovery: Cast.recovery)
            vectors.append(
                vector(
                    "consent", signer: "recovery", consent.bytes,
                    [
                        "device": stage.device.description, "epoch": 1, "purpose": Int(purpose.number),
                        "authorities": result.digest.hex,
                    ]))
            return consent
        }
        let sold = Authorities(owner: Cast.bob.publicKey, recovery: Cast.backup.publicKey)
        let sale = accept(.transfer, by: Cast.bob, epoch: 1, from: Cast.alice, sold)
        let agreed = consent(.transfer, sold)
        add(
            "transfer", "alice",
            .transfer(heading(), to: sale, recovery: Cast.backup.publicKey, consent: agreed, owner: Cast.alice),
            [
                "confirm": key(Cast.bob), "nested": sale.bytes.hex, "recovery": key(Cast.backup), "consent": agreed.bytes.hex,
            ])
        var rotated = bound
        rotated.owner = Cast.bob.publicKey
        let next = accept(.rotate, by: Cast.bob, epoch: 1, from: Cast.alice, rotated)
        add(
            "rotate", "alice", .rotate(heading(), to: next, owner: Cast.alice),
            ["confirm": key(Cast.bob), "nested": next.bytes.hex])
        let gone = consent(.release, .none)
        add("release", "alice", .release(heading(), consent: gone, owner: Cast.alice), ["consent": gone.bytes.hex])
        add("settings", "alice", .settings(heading(), forbidsReset: true, owner: Cast.alice), ["flags": 1])
        add(
            "recover", "recovery", .recover(heading(), to: Cast.bob.publicKey, recovery: Cast.recovery),
            ["confirm": key(Cast.bob)])
        add(
            "backups", "alice", .backups(heading(), [.init(key: Cast.backup.publicKey, silence: 86_400)], owner: Cast.alice),
            ["backups": [[key(Cast.backup), 86_400] as [Any]]])
        add(
            "takeover", "backup", .takeover(heading(), token: token, backup: Cast.backup),
            ["confirm": key(Cast.backup), "token": token.hex])
        add("revoke", "alice", .revoke(heading(), grant: grant.id, owner: Cast.alice), ["grant": grant.id.hex])
        add(
            "tick", "alice", .tick(heading(), grant: grant.id, paid: 3, owner: Cast.alice),
            ["grant": grant.id.hex, "paid": 3])
        add(
            "time", "alice", .time(heading(), seconds: 2_000_000_000, token: token, owner: Cast.alice),
            ["issuedAt": 2_000_000_000, "token": token.hex])

        // What the executor itself signs.
        let receipt = try stage.send(stage.command("$('gauge').set(50)", sequence: sequence + 100))
        vectors.append(
            vector(
                "receipt", signer: "identity", receipt.bytes,
                [
                    "issuer": stage.device.description, "epoch": 1, "seq": receipt.sequence, "call": ["gauge", "set"],
                    "index": receipt.index,
                    "previous": receipt.previous.hex, "hash": receipt.message.hex, "outcome": 0, "value": 50,
                    "entry": receipt.entry.hex,
                ]))
        vectors.append(try lossVector())
        let bare = SignedMessage.release(
            .init(stage.device, epoch: 1, sequence: sequence + 200, network: Cast.network), owner: Cast.alice)
        _ = stage.refusal(bare)
        vectors.append(
            vector(
                "refusal", signer: "identity", stage.signedRefusal,
                [
                    "issuer": stage.device.description, "epoch": 1, "seq": bare.sequence, "hash": bare.hash.hex,
                    "refusal": Int(RefusalReason.consentRequired.code),
                ]))
        let nonce = [UInt8](0..<16)
        vectors.append(
            vector(
                "attest", signer: "identity", try stage.attest(nonce),
                [
                    "issuer": stage.device.description, "epoch": 1, "nonce": nonce.hex, "board": "bench", "version": "1.2.3",
                    "test": false, "claim": key(Cast.claim), "protected": false,
                    "authorityList": [key(Cast.alice), key(Cast.recovery), 0, [Any]()] as [Any],
                    "head": [Int(receipt.index) + 1, receipt.chain.hex] as [Any], "mark": receipt.sequence, "since": 1,
                    "imageHash": imageHash,
                ]))
        vectors.append(
            vector(
                "telemetry", signer: "identity", try stage.telemetry(),
                [
                    "issuer": stage.device.description, "epoch": 1, "boot": 1, "uptime": stage.clock.microseconds / 1000,
                    "first": 0,
                    "samples": [["gauge", NSNull(), 50, stage.clock.microseconds / 1000] as [Any]],
                ]))
        let keys = ["identity": 1, "claim": 2, "alice": 3, "bob": 4, "recovery": 5, "backup": 6, "holder": 8, "friend": 9]
        return ["network": Cast.network, "keys": keys, "vectors": vectors, "bodies": try bodies()]
    }

    /// The oldest receipt of a log that has gone round.
    private static func lossVector() throws -> [String: Any] {
        let stage = try Stage.owned(Stage.part(pages: 5))
        for _ in 0..<200 { try stage.send(stage.command("$('led').toggle()")) }
        let receipt = try stage.history(from: 3)[0]
        return vector(
            "receipt", signer: "identity", receipt.bytes,
            [
                "issuer": stage.device.description, "epoch": 1, "seq": receipt.sequence, "call": ["led", "toggle"],
                "index": receipt.index, "previous": receipt.previous.hex, "hash": receipt.message.hex, "outcome": 0,
                "entry": receipt.entry.hex, "lostFrom": 3,
            ])
    }

    /// The bodies that nobody signs: each with its rule in docs/protocol.cddl.
    private static func bodies() throws -> [[String: String]] {
        let stage = Stage()
        let request = CBORItem.map([
            0: .bytes(Cast.claim.publicKey.bytes), 1: .bytes(Cast.identity.seed.withUnsafeBytes { Array($0) }),
            2: .uint(Cast.network),
        ]).encoded
        let blank = stage.status.encoded
        let answer = try stage.provision()
        let bodies: [(String, [UInt8])] =
            [
                ("status", blank), ("provision-request", request), ("provision-answer", answer), ("status", stage.status.encoded),
                ("devices", stage.devices), ("attest-request", CBORItem.map([10: .bytes([UInt8](0..<16))]).encoded),
            ] + (try ProblemVectors.bodies()).map { ("problem", $0) }
        return bodies.map { ["rule": $0.0, "body": $0.1.hex] }
    }

    @Test("The vectors in docs are what our encoder and the executor write; set LIGHTNODE_WRITE_VECTORS to write them anew")
    func current() throws {
        let data = try JSONSerialization.data(
            withJSONObject: Self.contents(), options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        let text = String(decoding: data, as: UTF8.self) + "\n"
        if ProcessInfo.processInfo.environment["LIGHTNODE_WRITE_VECTORS"] != nil {
            try text.write(to: Self.file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.file, encoding: .utf8) == text)
        let types = Set((try Self.contents()["vectors"] as? [[String: Any]] ?? []).compactMap { $0["type"] as? String })
        #expect(
            types == Set(NodeProtocol.MessageType.allCases.map(\.rawValue)).subtracting(["reset"]),
            "every type of message has a vector")
    }

    @Test(
        "cbor2 and pycose make the same bytes of the same meaning, verify every signature, and each has the shape that the CDDL says"
    )
    func witness() throws {
        let python = Self.root.appending(path: "build/witness/bin/python")
        try #require(FileManager.default.isExecutableFile(atPath: python.path), "run `make witness` first")
        let process = Process()
        process.executableURL = python
        process.arguments = [
            Self.root.appending(path: "Tests/witness/messages.py").path, Self.file.path,
        ]
        let output = Pipe()
        (process.standardOutput, process.standardError) = (output, output)
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        print(text)
    }
}
