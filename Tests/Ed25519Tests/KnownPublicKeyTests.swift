// The table of a known key changes how long a verification takes, and nothing else. LIGHTNODE_SOAK sets the number of cases.
import CSodium
import Ed25519
import Foundation
import Testing

private let cases = ProcessInfo.processInfo.environment["LIGHTNODE_SOAK"].flatMap { Int($0) } ?? 10_000

/// The eight points whose order divides 8.
private let torsion =
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ].map(bytes)

/// A secret scalar and its public key, to which a point of small order may have been added: whoever chooses a key may choose such a one.
private struct Signer {
    var secret = [UInt8](repeating: 0, count: 32)
    let key: [UInt8]

    init(torsion index: Int) {
        crypto_core_ed25519_scalar_random(&secret)
        key = Signer.point(secret, torsion: index)
    }

    /// secret B + a point of small order
    static func point(_ secret: [UInt8], torsion index: Int) -> [UInt8] {
        var (point, sum) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 32))
        precondition(crypto_scalarmult_ed25519_base_noclamp(&point, secret) == 0)
        precondition(crypto_core_ed25519_add(&sum, point, torsion[index]) == 0)
        return sum
    }

    /// R = r B + a point of small order, S = r + k secret: valid if what A and R have of small order cancels out, for one k in eight.
    func sign(_ message: [UInt8], torsion index: Int) -> [UInt8] {
        var (nonce, k, s) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 32))
        crypto_core_ed25519_scalar_random(&nonce)
        let r = Signer.point(nonce, torsion: index)
        var digest = [UInt8](repeating: 0, count: 64)
        let hashed = r + key + message
        crypto_hash_sha512(&digest, hashed, UInt64(hashed.count))
        crypto_core_ed25519_scalar_reduce(&k, digest)
        crypto_core_ed25519_scalar_mul(&s, k, secret)
        crypto_core_ed25519_scalar_add(&s, s, nonce)
        return r + s
    }
}

private func isValid(
    _ signature: [UInt8], _ message: [UInt8], _ key: borrowing ExpandedPublicKey, _ known: borrowing KnownPublicKey
) -> Bool {
    var hash = Bytes32(repeating: 0)
    return Ed25519.verify(signature: signature.span.bytes, publicKey: key, known: known, hash: &hash) {
        $0.update(message.span.bytes)
    }
}

@Suite("A key with a table of its multiples") struct KnownPublicKeyTests {
    init() { precondition(sodium_init() >= 0) }

    @Test("has the verdicts of the same key without one, mixed orders and changed bits included, and libsodium's") func agree() {
        let none = KnownPublicKey()
        var known = KnownPublicKey()
        var plain = ExpandedPublicKey()
        var (valid, failures) = (0, 0)
        for round in 0..<max(1, cases / 20) where failures < 5 {
            let signer = Signer(torsion: round % 3 == 0 ? 0 : Int.random(in: 0..<8))
            known.expand(signer.key.span.bytes)
            plain.expand(signer.key.span.bytes)
            for _ in 0..<KnownPublicKey.steps { known.prepare() }
            let isReady = known.isReady
            #expect(isReady)
            for number in 0..<20 {
                let message = (0..<number).map { _ in UInt8.random(in: 0...255) }
                var signature = signer.sign(message, torsion: number % 2 == 0 ? 0 : Int.random(in: 0..<8))
                if number % 4 == 3 { signature[Int.random(in: 0..<64)] ^= 1 << UInt8.random(in: 0..<8) }
                let verdict = isValid(signature, message, plain, known)
                let expected = isValid(signature, message, plain, none)
                let theirs = crypto_sign_verify_detached(signature, message, UInt64(message.count), signer.key) == 0
                if verdict { valid += 1 }
                if verdict != expected || verdict != theirs {
                    Issue.record("\(verdict), without \(expected), libsodium \(theirs): \(signer.key) \(signature) \(message)")
                    failures += 1
                }
            }
        }
        // Half of a third of them are honest, and of the others one in eight is right by chance.
        #expect(valid > cases / 10 && valid < cases)
    }

    @Test("verifies while the table is made, step by step, as before and as after") func growing() {
        let signer = Signer(torsion: 0)
        var known = KnownPublicKey()
        var plain = ExpandedPublicKey()
        known.expand(signer.key.span.bytes)
        plain.expand(signer.key.span.bytes)
        let signature = signer.sign([1, 2, 3], torsion: 0)
        var steps = 0
        while !known.isReady {
            let (good, bad) = (isValid(signature, [1, 2, 3], plain, known), isValid(signature, [1, 2, 4], plain, known))
            #expect(good && !bad)
            known.prepare()
            steps += 1
        }
        #expect(steps == KnownPublicKey.steps)
        known.prepare()
        let (good, bad) = (isValid(signature, [1, 2, 3], plain, known), isValid(signature, [1, 2, 4], plain, known))
        #expect(good && !bad)
    }

    @Test("serves no other key, nor the next one before its own table is there") func another() {
        let (first, second) = (Signer(torsion: 0), Signer(torsion: 0))
        var known = KnownPublicKey()
        var other = ExpandedPublicKey()
        known.expand(first.key.span.bytes)
        other.expand(second.key.span.bytes)
        for _ in 0..<KnownPublicKey.steps { known.prepare() }
        let (own, foreign) = (second.sign([7], torsion: 0), first.sign([7], torsion: 0))
        let (good, bad) = (isValid(own, [7], other, known), isValid(foreign, [7], other, known))
        #expect(good && !bad)
        known.expand(second.key.span.bytes)
        for step in 0...KnownPublicKey.steps {
            let isReady = known.isReady
            #expect(isReady == (step == KnownPublicKey.steps))
            let (good, bad) = (isValid(own, [7], other, known), isValid(foreign, [7], other, known))
            #expect(good && !bad)
            known.prepare()
        }
    }

    @Test("no table is made of bytes that are no key") func noKey() {
        var known = KnownPublicKey()
        for encoding in torsion + [[UInt8](repeating: 0xFF, count: 32), [1, 2, 3]] {
            known.expand(encoding.span.bytes)
            for _ in 0...KnownPublicKey.steps { known.prepare() }
            let isReady = known.isReady
            #expect(!isReady)
        }
    }
}
