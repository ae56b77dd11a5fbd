// Against libsodium, which nobody here wrote: random keys and messages, changed bits, edge scalars. LIGHTNODE_SOAK sets the number of cases.
import CSodium
import Ed25519
import Foundation
import Testing

private let cases = ProcessInfo.processInfo.environment["LIGHTNODE_SOAK"].flatMap { Int($0) } ?? 100_000

/// splitmix64 (Steele, Lea, Flood, 2014), so that a failure can be repeated from its seed.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

@Suite("libsodium agrees") struct DifferentialTests {
    init() { precondition(sodium_init() >= 0) }

    @Test("on keys, signatures and verdicts") func agree() {
        let first = UInt64.random(in: 0...UInt64.max)
        var generator = Generator(state: first)
        let edges = edgeEncodings()
        var failures = 0
        for index in 0..<cases where failures < 5 {
            let message = generator.bytes(Int(generator.next() % 200))
            let seed = generator.bytes(32)
            var (key, signature) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 64))
            var secret = [UInt8](repeating: 0, count: 64)
            crypto_sign_seed_keypair(&key, &secret, seed)
            crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
            // Signing costs as much as verifying: sign a part of the cases, all of the first ones.
            if index < 1000 || index % 16 == 0 {
                let ours = Ed25519.publicKey(seed: inline(seed))
                let made = Ed25519.sign(seed: inline(seed), publicKey: ours, message: message.span.bytes)
                if array(ours) != key || array(made) != signature { failures += 1 }
            }
            mutate(&signature, &key, edges, &generator)
            let theirs = crypto_sign_verify_detached(signature, message, UInt64(message.count), key) == 0
            if Ed25519.verify(signature: signature.span.bytes, publicKey: key.span.bytes, message: message.span.bytes) != theirs {
                Issue.record("case \(index) of seed \(first): libsodium says \(theirs): \(key) \(signature) \(message)")
                failures += 1
            }
        }
        #expect(failures == 0, "seed \(first)")
    }

    /// A third stays valid; else one bit, S or R or A become something else.
    private func mutate(_ signature: inout [UInt8], _ key: inout [UInt8], _ edges: [[UInt8]], _ generator: inout Generator) {
        switch generator.next() % 9 {
        case 0...2: break
        case 3, 4: signature[Int(generator.next() % 64)] ^= 1 << UInt8(generator.next() % 8)
        case 5: key[Int(generator.next() % 32)] ^= 1 << UInt8(generator.next() % 8)
        case 6: signature.replaceSubrange(32..., with: edges.randomElement(using: &generator)!)
        case 7: signature.replaceSubrange(..<32, with: edges.randomElement(using: &generator)!)
        default: key = edges.randomElement(using: &generator)!
        }
    }

    /// Encodings around 0, L, p, 2^252, 2^255 and 2^256, with either top bit.
    private func edgeEncodings() -> [[UInt8]] {
        var result: [[UInt8]] = []
        for base in [
            BigNatural(40), .groupOrder, .groupOrder + .groupOrder, .fieldOrder, .power(252), .power(253), .power(255),
            .power(256),
        ] {
            for k in 0...80 {
                let value = base + BigNatural(40) - BigNatural(k)
                if value >= .power(256) { continue }
                var bytes = value.bytes + [UInt8](repeating: 0, count: 32 - value.bytes.count)
                result.append(bytes)
                bytes[31] ^= 0x80
                result.append(bytes)
            }
        }
        return result
    }

    @Test("on SHA-512, in pieces of any size") func sha512() {
        var generator = Generator(state: 1)
        for length in Array(0...300) + [1000, 4096, 10_000] {
            let message = generator.bytes(length)
            var expected = [UInt8](repeating: 0, count: 64)
            crypto_hash_sha512(&expected, message, UInt64(length))
            var hash = SHA512()
            var rest = message[...]
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int(generator.next() % 150)))
                hash.update(piece.span.bytes)
                rest = rest.dropFirst(piece.count)
            }
            #expect(array(hash.finalize()) == expected, "length \(length)")
            #expect(array(SHA512.hash(message.span.bytes)) == expected, "length \(length)")
        }
    }
}

@Suite("Wiping") struct WipeTests {
    @Test("overwrites every byte, at any alignment and size, and no other") func wipes() {
        for offset in 0..<8 {
            for count in 0..<40 {
                var memory = [UInt8](repeating: 0xAA, count: 64)
                memory.withUnsafeMutableBytes { Ed25519.wipe($0.baseAddress! + offset, count: count) }
                #expect(memory == (0..<64).map { $0 >= offset && $0 < offset + count ? 0 : 0xAA })
            }
        }
        var secret = Bytes32(repeating: 0xFF)
        Ed25519.wipe(&secret)
        #expect(array(secret) == [UInt8](repeating: 0, count: 32))
    }
}
