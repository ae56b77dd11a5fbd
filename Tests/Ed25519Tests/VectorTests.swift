// Vector files: the project's own (vectors.json, made by vectors.py) and those that others wrote (Vectors/README.md names the sources).
import Ed25519
import Foundation
import Testing

struct Case {
    let name: String
    let key, signature, message: [UInt8]
    let valid: Bool
    var seed: [UInt8]?

    var verdict: Bool {
        Ed25519.verify(signature: signature.span.bytes, publicKey: key.span.bytes, message: message.span.bytes)
    }
}

private func json(_ url: URL) throws -> Any { try JSONSerialization.jsonObject(with: Data(contentsOf: url)) }

/// A file of vectors that others wrote.
private func foreign(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Vectors"))
}

/// `make test` counts records apart from tests.
private func report(_ count: Int, of name: String) { print("\(name): \(count) records") }

@Suite("Vectors") struct VectorTests {
    @Test("ours: S + L, every low-order and non-canonical encoding, mixed order, particular R and S, changed bits") func ours()
        throws
    {
        let url = try #require(Bundle.module.url(forResource: "vectors", withExtension: "json"))
        let cases = try #require(try json(url) as? [[String: Any]])
        #expect(cases.count > 400)
        report(cases.count, of: "ed25519 of our own")
        for object in cases {
            let text = { (name: String) in bytes(object[name] as? String ?? "") }
            let one = Case(
                name: object["what"] as! String, key: text("key"), signature: text("signature"), message: text("message"),
                valid: object["valid"] as! Bool)
            #expect(one.verdict == one.valid, "\(one.name)")
            guard object["seed"] != nil else { continue }
            let seed: Bytes32 = inline(text("seed"))
            let key = Ed25519.publicKey(seed: seed)
            #expect(array(key) == one.key, "\(one.name)")
            #expect(
                array(Ed25519.sign(seed: seed, publicKey: key) { $0.update(one.message.span.bytes) }) == one.signature,
                "\(one.name)")
        }
    }

    @Test("Wycheproof") func wycheproof() throws {
        let url = try foreign("wycheproof")
        let groups = try #require((try json(url) as? [String: Any])?["testGroups"] as? [[String: Any]])
        var count = 0
        for group in groups {
            let key = bytes((group["publicKey"] as! [String: Any])["pk"] as! String)
            for test in group["tests"] as! [[String: Any]] {
                let one = Case(
                    name: test["comment"] as! String, key: key, signature: bytes(test["sig"] as! String),
                    message: bytes(test["msg"] as! String),
                    valid: test["result"] as! String == "valid")
                #expect(one.verdict == one.valid, "\(test["tcId"]!) \(one.name)")
                count += 1
            }
        }
        #expect(count > 100)
        report(count, of: "Wycheproof")
    }

    @Test("CCTV: exactly those without a low-order or non-canonical part") func cctv() throws {
        let url = try foreign("cctv")
        let refused: Set = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"]
        let cases = try #require(try json(url) as? [[String: Any]])
        #expect(cases.count > 900)
        report(cases.count, of: "CCTV")
        for object in cases {
            let one = Case(
                name: "\(object["number"]!)", key: bytes(object["key"] as! String), signature: bytes(object["sig"] as! String),
                message: Array((object["msg"] as! String).utf8),
                valid: refused.isDisjoint(with: object["flags"] as? [String] ?? []))
            #expect(one.verdict == one.valid, "\(one.name)")
        }
    }

    /// "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko, 2020), table 6, the column of strict verifiers: of the twelve
    /// cases only 3, of mixed order but right without the cofactor, passes.
    @Test("speccheck") func speccheck() throws {
        let url = try foreign("speccheck")
        let cases = try #require(try json(url) as? [[String: String]])
        #expect(cases.count == 12)
        report(cases.count, of: "speccheck")
        for (index, object) in cases.enumerated() {
            let one = Case(
                name: "\(index)", key: bytes(object["pub_key"]!), signature: bytes(object["signature"]!),
                message: bytes(object["message"]!),
                valid: index == 3)
            #expect(one.verdict == one.valid, "\(one.name)")
        }
    }

    @Test("signatures and keys of another length are invalid") func lengths() {
        let message: [UInt8] = [1, 2, 3]
        let seed = Bytes32(repeating: 7)
        let key = array(Ed25519.publicKey(seed: seed))
        let signature = array(Ed25519.sign(seed: seed, publicKey: inline(key), message: message.span.bytes))
        for (s, k, valid) in [
            (signature, key, true), (signature + [0], key, false), (signature.dropLast(), key, false), ([], key, false),
            (signature, key + [0], false), (signature, key.dropLast(), false), (signature, [], false),
        ] {
            let one = Case(name: "", key: Array(k), signature: Array(s), message: message, valid: valid)
            #expect(one.verdict == valid)
        }
    }

    @Test("operands need not be aligned") func alignment() {
        let message: [UInt8] = [1, 2, 3]
        let seed = Bytes32(repeating: 9)
        let key = Ed25519.publicKey(seed: seed)
        let signature = Ed25519.sign(seed: seed, publicKey: key, message: message.span.bytes)
        for offset in 0..<8 {
            let memory = [UInt8](repeating: 0, count: offset) + array(signature) + array(key)
            let valid = Ed25519.verify(
                signature: memory.span.bytes.extracting(offset..<offset + 64),
                publicKey: memory.span.bytes.extracting(offset + 64..<offset + 96),
                message: message.span.bytes)
            #expect(valid)
        }
    }
}
