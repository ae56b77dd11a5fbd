// The vectors in docs/vectors/chain.json: a short chain with all kinds of transactions, its certificates, proofs and whole state, with what they
// mean. Tests/witness/chain.py checks them with cbor2, pycose, pycddl and pymerkle, which share no code with ours.
import CBOR
import Foundation
import HostCrypto
import Testing

@testable import Ledger

@Suite("Chain vectors")
struct VectorTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let file = root.appending(path: "docs/vectors/chain.json")

    /// A transaction and what it means: byte strings as texts that begin with h.
    private struct Told {
        let action: Action
        let meaning: [Any]
        let sender: SigningKey
    }

    private static func h(_ bytes: [UInt8]) -> String { "h" + bytes.hex }
    private static func h(_ hash: Hash32) -> String { h(hash.bytes) }

    /// The chain: one block for each list of actions.
    private static func story(_ town: inout Town) throws -> [[String: Any]] {
        var told: [[String: Any]] = []
        @discardableResult
        func seal(_ list: [Told]) throws -> [Hash32] {
            var numbers: [Hash32: UInt64] = [:]
            let signed = try list.map { told in
                let key = Hash32(told.sender), ahead = numbers[key, default: 0]
                numbers[key] = ahead + 1
                return try town.sign(told.action, by: told.sender, ahead: ahead, fee: 2)
            }
            let draft = try town.seal(signed.map(\.bytes))
            #expect(draft.refused.map(\.reason) == [])
            try #require(draft.included.count == list.count)
            for (told_, signed) in zip(list, signed) {
                let transaction = signed.transaction
                told.append([
                    "bytes": signed.bytes.hex, "id": signed.id.description, "height": draft.header.height,
                    "meaning": [
                        h(transaction.sender), transaction.nonce, transaction.until, transaction.fee, told_.meaning,
                    ] as [Any],
                ])
            }
            return draft.included.map(\.id)
        }
        let node = try RealNode(), bob = Hash32(Cast.bob), key = Hash32(node.identity), null = NSNull()
        let token = try seal([
            Told(action: .transfer(to: bob, amount: 500, token: nil), meaning: [0, h(bob), 500, null], sender: Cast.alice),
            Told(action: .createToken(symbol: "LOCK", supply: 1000), meaning: [13, "LOCK", 1000], sender: Cast.carol),
        ])[1]
        let favourite = Hash32(Cast.representatives[5]), other = Hash32(Cast.representatives[6])
        try seal([
            Told(action: .transfer(to: bob, amount: 7, token: token), meaning: [0, h(bob), 7, h(token)], sender: Cast.carol),
            Told(action: .vote([.init(favourite, 300)]), meaning: [1, [[h(favourite), 300]]], sender: Cast.bob),
            Told(action: .object(to: [other]), meaning: [4, [h(other)]], sender: Cast.bob),
            Told(action: .register(deposit: 12_000, commitment: .zero), meaning: [2, 12_000, h(.zero)], sender: Cast.mallory),
            Told(action: .resign, meaning: [3], sender: Cast.mallory),
        ])
        let message = try node.message("$('lock').open(100)").bytes, state = try node.message("$('led').on()", as: .state).bytes
        let offers = [
            Offer(node: key, scope: [.init("led", ["on"]), .init("lock")], until: 9000, terms: .fixed(price: 50, seconds: 3600)),
            Offer(node: key, scope: [.init("led")], token: token, until: 9000, terms: .metered(price: 1, tick: 600, ticks: 18)),
        ]
        let contracts = try seal([
            Told(
                action: .createContract(offers[0]),
                meaning: [9, h(key), [["led", "on"], ["lock"]], null, 9000, [50, 3600]] as [Any], sender: Cast.alice),
            Told(
                action: .createContract(offers[1]), meaning: [9, h(key), [["led"]], h(token), 9000, [1, 600, 18]] as [Any],
                sender: Cast.alice),
            Told(
                action: .state(node: node.address.bytes, message: state), meaning: [6, h(node.address.bytes), h(state)],
                sender: Cast.alice),
            Told(
                action: .command(node: node.address.bytes, message: message), meaning: [7, h(node.address.bytes), h(message)],
                sender: Cast.alice),
            Told(
                action: .publish(node: key, count: 3, chain: .zero, root: .zero), meaning: [8, h(key), 3, h(.zero), h(.zero)],
                sender: Cast.alice),
        ])
        let address = ContractAddress(height: town.ledger.height, transaction: contracts[0])
        let ended = ContractAddress(height: town.ledger.height, transaction: contracts[1])
        let call = try seal([
            Told(
                action: .call(contract: address, ticks: 1, command: message),
                meaning: [10, [address.height, h(address.transaction)] as [Any], 1, h(message)] as [Any], sender: Cast.bob),
            Told(
                action: .endContract(ended), meaning: [14, [ended.height, h(ended.transaction)] as [Any]], sender: Cast.alice),
        ])[0]
        let half = HalfReview(call: call, amount: 50).signed(network: Cast.network, key: Cast.alice)
        let receipt = try node.receipt()
        try seal([
            Told(
                action: .settle(call: call, amount: 50, receipt: receipt, review: half),
                meaning: [11, h(call), 50, h(receipt), h(half)], sender: Cast.alice)
        ])
        try seal([
            Told(
                action: .review(call: call, isGood: false, review: half), meaning: [12, h(call), false, h(half)], sender: Cast.bob
            )
        ])
        let culprit = Cast.representatives[9],
            headers = try (1...2).map { number in
                let good = try #require(town.blocks.last).header.header
                return SignedHeader(
                    Header(
                        height: good.height, slot: 400, previous: good.previous, transactions: .sha256([UInt8(number)]),
                        receipts: good.receipts, state: good.state, history: good.history, present: good.present, next: good.next,
                        producer: Hash32(culprit)), network: Cast.network, key: culprit
                ).bytes
            }
        try seal([
            Told(
                action: .evidence(first: headers[0], second: headers[1], voter: nil),
                meaning: [5, h(headers[0]), h(headers[1]), null], sender: Cast.carol)
        ])
        return told
    }

    /// All keys that the story's state can have, as docs/chain.md writes them; by the path that they must have.
    private static func keys(_ told: [[String: Any]], _ ledger: Ledger) throws -> [Hash32: [UInt8]] {
        let node = try RealNode(), ids = told.compactMap { [UInt8](hex: $0["id"] as? String ?? "") }
        let people = (Cast.people + Cast.representatives).map(\.publicKey.bytes)
        func key(_ kind: UInt64, _ parts: [UInt8]...) -> [UInt8] {
            CBOR.encode { writer in
                writer.array(1 + parts.count)
                writer.uint(kind)
                for part in parts { writer.bytes(part) }
            }
        }
        var keys = (10...15).map { key($0) } + people.flatMap { [key(0, $0), key(3, $0), key(4, $0)] }
        keys += ids.flatMap { id in [key(2, id), key(5, id), key(6, id)] + people.map { key(1, id, $0) } }
        keys += people.flatMap { [key(7, node.address.bytes, $0), key(8, node.identity.publicKey.bytes, $0)] }
        keys += (UInt64(0)..<2000).map { slot in
            CBOR.encode {
                $0.array(2)
                $0.uint(9)
                $0.uint(slot)
            }
        }
        return Dictionary(keys.map { (.sha256($0), $0) }, uniquingKeysWith: { first, _ in first })
    }

    static func contents() throws -> [String: Any] {
        var town = try Town()
        let told = try story(&town), ledger = town.ledger, keys = try keys(told, ledger)
        var state: [[String: Any]] = []
        try ledger.state.visit { path, value in
            state.append(["key": try #require(keys[path], "a record at \(path)").hex, "value": value.hex])
        }
        let nobody = CBOR.encode {
            $0.array(2)
            $0.uint(0)
            $0.hash(.sha256([1]))
        }
        let proofs = try [[UInt8](hex: state[3]["key"] as? String ?? "") ?? [], nobody].map { key in
            ["key": key.hex, "proof": try ledger.state.proof(of: .sha256(key)).bytes.hex]
        }
        let leaves = [ledger.genesis.hash] + town.blocks.map(\.header.header.hash)
        return [
            "network": Cast.network, "genesis": ledger.genesis.bytes.hex, "name": ledger.genesis.hash.description,
            "transactions": told,
            "blocks": try town.blocks.map { block in
                [
                    "block": block.bytes.hex,
                    "certificate": try town.certificate(block.header.header, by: ledger.present).bytes.hex,
                ]
            },
            "representatives": ledger.present.encoded.hex,
            "history": [
                "leaves": leaves.map(\.description), "root": ledger.history.root.description,
                "inclusion": leaves.indices.map { MerkleTree.inclusion(of: $0, in: leaves).bytes.hex },
                "consistency": (1...leaves.count).map { MerkleTree.consistency(from: $0, in: leaves).bytes.hex },
            ],
            "state": ["root": ledger.state.root.description, "records": state, "proofs": proofs],
        ]
    }

    @Test("The chain's vectors in docs are what our encoder writes; set LIGHTNODE_WRITE_VECTORS to write them anew")
    func current() throws {
        let data = try JSONSerialization.data(
            withJSONObject: Self.contents(), options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        let text = String(decoding: data, as: UTF8.self) + "\n"
        if ProcessInfo.processInfo.environment["LIGHTNODE_WRITE_VECTORS"] != nil {
            try text.write(to: Self.file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.file, encoding: .utf8) == text)
    }

    @Test("cbor2, pycose, pycddl and pymerkle make the same bytes, verify every signature and proof, and come to the same roots")
    func witness() throws {
        let python = Self.root.appending(path: "build/witness/bin/python")
        try #require(FileManager.default.isExecutableFile(atPath: python.path), "run `make witness` first")
        let process = Process(), output = Pipe()
        process.executableURL = python
        process.arguments = [Self.root.appending(path: "Tests/witness/chain.py").path, Self.file.path]
        (process.standardOutput, process.standardError) = (output, output)
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        print(text)
    }
}
