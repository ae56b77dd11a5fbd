// Public keys expanded once and used again.
import CSodium
import Ed25519
import Foundation
import Testing

@Suite("Expanded public keys") struct ExpandedPublicKeyTests {
    @Test("One place for many keys, good and bad in turn: each verdict is libsodium's") func reuse() throws {
        let url = try #require(Bundle.module.url(forResource: "vectors", withExtension: "json"))
        let cases = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [[String: Any]])
        var expanded = ExpandedPublicKey()
        var accepted = 0
        for object in cases {
            let (key, signature) = (bytes(object["key"] as! String), bytes(object["signature"] as! String))
            let message = bytes(object["message"] as! String)
            expanded.expand(key.span.bytes)
            for i in 0..<32 { #expect(expanded.encoding.unsafeLoad(fromByteOffset: i, as: UInt8.self) == key[i]) }
            for _ in 0..<2 {
                var hash = Bytes32(repeating: 0)
                let verdict = Ed25519.verify(signature: signature.span.bytes, publicKey: expanded, hash: &hash) {
                    $0.update(message.span.bytes)
                }
                var digest = [UInt8](repeating: 0, count: 64)
                let hashed = signature.prefix(32) + key + message
                crypto_hash_sha512(&digest, Array(hashed), UInt64(hashed.count))
                #expect(!verdict || (0..<32).allSatisfy { hash[$0] == digest[$0] }, "libsodium's hash of R, A and the message")
                #expect(verdict == (object["valid"] as! Bool))
                #expect(!verdict || crypto_sign_verify_detached(signature, message, UInt64(message.count), key) == 0)
                if verdict { accepted += 1 }
            }
        }
        #expect(accepted > 100)
    }

    @Test("Nothing is valid by no key, nor by bytes that are none") func noKey() {
        let message = bytes(rfc8032[0].message), signature = bytes(rfc8032[0].signature)
        func isValid(by key: borrowing ExpandedPublicKey) -> Bool {
            Ed25519.verify(signature: signature.span.bytes, publicKey: key) { $0.update(message.span.bytes) }
        }
        var key = ExpandedPublicKey()
        #expect(!key.isValid && !isValid(by: key))
        key.expand(bytes(rfc8032[0].key).span.bytes)
        #expect(key.isValid && isValid(by: key))
        for wrong in [31, 33, 0] {
            key.expand(bytes(rfc8032[0].key).span.bytes)
            key.expand(Array((bytes(rfc8032[0].key) + [0]).prefix(wrong)).span.bytes)
            #expect(!key.isValid && !isValid(by: key), "\(wrong) bytes")
        }
    }
}
