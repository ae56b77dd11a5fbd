// Ed25519 signatures (RFC 8032, section 5.1): strict verification, constant-time signing and key derivation.

/// 32 bytes: a seed or a public key.
public typealias Bytes32 = InlineArray<32, UInt8>
/// 64 bytes: a signature.
public typealias Bytes64 = InlineArray<64, UInt8>

/// Ed25519 (RFC 8032, section 5.1), without a context or prehash.
///
/// Verification is strict: it rejects S >= L, an encoding of A or R that is not canonical, A or R of low order, and compares
/// R = S B - k A exactly (without the cofactor). Signing and key derivation run in constant time and wipe their secrets.
///
/// A message is given as bytes or fed in pieces by a closure, which signing calls twice and which must feed the same bytes each time.
public enum Ed25519 {
    /// The public key of the 32-byte secret `seed` (RFC 8032, 5.1.5).
    @export(interface)
    public static func publicKey(seed: borrowing Bytes32) -> Bytes32 {
        var key = Bytes32(repeating: 0)
        let seed = seed.span.bytes
        seed.withUnsafeBytes { seed in
            withUnsafeMutableBytes(of: &key) { derive($0.baseAddress!, seed: seed.baseAddress!) }
        }
        scrubStack()
        return key
    }

    /// The signature of `message` by the secret `seed`, whose public key is `publicKey`.
    ///
    /// `publicKey` must be that of `seed`: signing with another key would reveal the secret. Keep both together.
    @export(interface)
    public static func sign(seed: borrowing Bytes32, publicKey: borrowing Bytes32, message: RawSpan) -> Bytes64 {
        sign(seed: seed, publicKey: publicKey) { $0.update(message) }
    }

    /// The signature of the message that `message` feeds to a hash. It is called twice.
    ///
    /// `publicKey` must be that of `seed`: signing with another key would reveal the secret. Keep both together.
    @export(interface)
    public static func sign(
        seed: borrowing Bytes32, publicKey: borrowing Bytes32, message: (inout SHA512) -> Void
    ) -> Bytes64 {
        var signature = Bytes64(repeating: 0)
        let seed = seed.span.bytes
        let key = publicKey.span.bytes
        seed.withUnsafeBytes { seed in
            key.withUnsafeBytes { key in
                withUnsafeMutableBytes(of: &signature) { signature in
                    makeSignature(signature.baseAddress!, seed: seed.baseAddress!, key: key.baseAddress!, message)
                }
            }
        }
        scrubStack()
        return signature
    }

    /// Whether `signature` is the strictly valid signature of `message` by `publicKey`.
    @export(interface)
    public static func verify(signature: borrowing Bytes64, publicKey: borrowing Bytes32, message: RawSpan) -> Bool {
        verify(signature: signature.span.bytes, publicKey: publicKey.span.bytes) { $0.update(message) }
    }

    /// Whether `signature` is the strictly valid signature, by `publicKey`, of the message that `message` feeds to a hash. It is called
    /// once at most: not at all when the signature or the key is malformed.
    @export(interface)
    public static func verify(signature: borrowing Bytes64, publicKey: borrowing Bytes32, message: (inout SHA512) -> Void) -> Bool
    {
        verify(signature: signature.span.bytes, publicKey: publicKey.span.bytes, message: message)
    }

    /// Whether the bytes of `signature` (64, else invalid) are the strictly valid signature of `message` by `publicKey` (32, else invalid).
    @export(interface)
    public static func verify(signature: RawSpan, publicKey: RawSpan, message: RawSpan) -> Bool {
        verify(signature: signature, publicKey: publicKey) { $0.update(message) }
    }

    /// Whether the bytes of `signature` (64, else invalid) are the strictly valid signature, by `publicKey` (32, else invalid), of the message
    /// that `message` feeds to a hash.
    @export(interface)
    public static func verify(signature: RawSpan, publicKey: RawSpan, message: (inout SHA512) -> Void) -> Bool {
        var key = ExpandedPublicKey()
        key.expand(publicKey)
        return verify(signature: signature, publicKey: key, message: message)
    }

    /// Whether the bytes of `signature` (64, else invalid) are the strictly valid signature by a key that was expanded before: that saves about a
    /// fifteenth of the time.
    @export(interface)
    public static func verify(
        signature: RawSpan, publicKey: borrowing ExpandedPublicKey, message: (inout SHA512) -> Void
    ) -> Bool {
        var hash = Bytes32(repeating: 0)
        return verify(signature: signature, publicKey: publicKey, hash: &hash, message: message)
    }

    /// Verifies as `verify(signature:publicKey:message:)` does, and gives the hash that is made on the way.
    ///
    /// - Parameter hash: of a valid signature the first 32 bytes of SHA-512(R, A, message) (RFC 8032, section 5.1.7, step 2). It names signer and
    ///   message: neither can be another for the same hash. Nothing of use after an invalid one.
    @export(interface)
    public static func verify(
        signature: RawSpan, publicKey: borrowing ExpandedPublicKey, hash: inout Bytes32, message: (inout SHA512) -> Void
    ) -> Bool {
        guard publicKey.isValid, signature.byteCount == 64 else { return false }
        return withUnsafePointer(to: publicKey.words) { key in
            let key = UnsafeRawPointer(key).assumingMemoryBound(to: UInt32.self)
            return signature.withUnsafeBytes { signature in
                withUnsafeMutableBytes(of: &hash) { isValid(signature.baseAddress!, key, $0.baseAddress!, message) }
            }
        }
    }
}

// MARK: - Verification

/// Whether the signature of 64 bytes is well formed and R encodes S B - k A. Writes 32 bytes to `hash`.
@inline(never)
private func isValid(
    _ signature: UnsafeRawPointer, _ key: UnsafePointer<UInt32>, _ hash: UnsafeMutableRawPointer,
    _ message: (inout SHA512) -> Void
) -> Bool {
    withWords(16) { scalars in
        load(scalars, signature + 32)
        load(scalars + 8, signature)
        // That R is canonical shows when it is compared.
        if Point.hasLowOrder(scalars + 8) || !Scalar.isReduced(scalars) { return false }
        challenge(scalars + 8, signature, UnsafeRawPointer(key), hash, message)
        return satisfiesEquation(scalars, signature, key)
    }
}

/// words = the 32 bytes at `bytes`, which need not be aligned.
func load(_ words: Element, _ bytes: UnsafeRawPointer) {
    UnsafeMutableRawPointer(words).copyMemory(from: bytes, byteCount: 32)
}

/// k = SHA-512(R, A, message) mod L, and the first 32 bytes of the digest at `start`. R and A are 32 bytes each.
@inline(never)
private func challenge(
    _ k: ScalarPointer, _ r: UnsafeRawPointer, _ key: UnsafeRawPointer, _ start: UnsafeMutableRawPointer?,
    _ message: (inout SHA512) -> Void
) {
    var hash = SHA512()
    hash.append(r, count: 32)
    hash.append(key, count: 32)
    message(&hash)
    finalize(&hash, modulo: k, start)
}

/// k = the digest of what `hash` was fed, as an integer modulo L; the first 32 bytes of the digest at `start`, none of a secret one.
private func finalize(_ hash: inout SHA512, modulo k: ScalarPointer, _ start: UnsafeMutableRawPointer?) {
    withWords(16) { digest in
        hash.finalize(into: UnsafeMutableRawPointer(digest))
        if let start { start.copyMemory(from: UnsafeRawPointer(digest), byteCount: 32) }
        Scalar.reduce(k, digest, count: 16)
        Ed25519.wipe(UnsafeMutableRawPointer(digest), count: 64)
    }
}

/// Whether S B = R + k A, for the R that is encoded at `r`; false if no point is, in its canonical form. Scalars: S at 0, k at 8; S is spoilt.
///
/// As HalfScalars.swift shows, that is so exactly if (v S mod L) B - v R ∓ w A is the neutral element.
@inline(never)
func satisfiesEquation(_ scalars: ScalarPointer, _ r: UnsafeRawPointer, _ key: UnsafePointer<UInt32>) -> Bool {
    withWords(2 &* Point.words &+ Point.scratchWords &+ HalfScalars.words) { point in
        let forKey = point + Point.words
        let scratch = forKey + Point.words
        // Set in place: its encoding and x are read before they are overwritten.
        load(point + 16, r)
        if !ExpandedPublicKey.findNegativeX(point + 16) { return false }
        ExpandedPublicKey.setNegative(point, point + 16)
        ExpandedPublicKey.setNegative(forKey, key)
        let (v, w, isNegative) = HalfScalars.split(scalars + 8, scratch + Point.scratchWords)
        Field.set(scratch + 16, 0)
        if isNegative {
            Field.subtract(forKey, scratch + 16, forKey)
            Field.subtract(forKey + 24, scratch + 16, forKey + 24)
        }
        Scalar.multiplyAdd(scalars, v, scalars, scratch + 16, scratch: scratch)
        FourScalars.compute(point, forKey, e: scalars, v: v, w: w, scratch)
        return Point.isNeutral(point)
    }
}

/// Calls `body` with memory for `count` words. On the stack: Swift does so up to 1024 bytes, 256 words.
@inline(__always)
func withWords<R>(_ count: Int, _ body: (UnsafeMutablePointer<UInt32>) -> R) -> R {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { body($0.baseAddress!) }
}

// MARK: - Secrets

/// Words of memory for signing: the secret scalar a and the nonce r, the prefix, k, then a point and its scratch memory.
private var secretWords: Int { 32 &+ Point.words &+ BaseScalar.words }

/// Writes the public key of the 32 bytes at `seed`.
@inline(never)
private func derive(_ key: UnsafeMutableRawPointer, seed: UnsafeRawPointer) {
    withWords(secretWords) { words in
        expand(words, seed)
        Scalar.reduce(words + 24, words, count: 8)
        encodeBaseMultiple(key, words + 24, words + 32)
        Ed25519.wipe(UnsafeMutableRawPointer(words), count: 4 &* secretWords)
    }
}

/// RFC 8032, 5.1.6. Words: a at 0, prefix at 8 (later k), nonce at 16.
@inline(never)
private func makeSignature(
    _ signature: UnsafeMutableRawPointer, seed: UnsafeRawPointer, key: UnsafeRawPointer, _ message: (inout SHA512) -> Void
) {
    withWords(secretWords) { words in
        expand(words, seed)
        nonce(words + 16, prefix: words + 8, message)
        encodeBaseMultiple(signature, words + 16, words + 32)
        challenge(words + 8, signature, key, nil, message)
        Scalar.multiplyAdd(words + 24, words + 8, words, words + 16, scratch: words + 32)
        (signature + 32).copyMemory(from: UnsafeRawPointer(words + 24), byteCount: 32)
        Ed25519.wipe(UnsafeMutableRawPointer(words), count: 4 &* secretWords)
    }
}

/// The 64 bytes of SHA-512(seed): the pruned scalar a, then the prefix.
@inline(never)
private func expand(_ words: UnsafeMutablePointer<UInt32>, _ seed: UnsafeRawPointer) {
    var hash = SHA512()
    hash.append(seed, count: 32)
    hash.finalize(into: UnsafeMutableRawPointer(words))
    words[0] &= 0xFFFF_FFF8
    words[7] = (words[7] & 0x7FFF_FFFF) | 0x4000_0000
}

/// SHA-512(prefix, message) mod L
@inline(never)
private func nonce(_ r: ScalarPointer, prefix: UnsafePointer<UInt32>, _ message: (inout SHA512) -> Void) {
    var hash = SHA512()
    hash.append(UnsafeRawPointer(prefix), count: 32)
    message(&hash)
    finalize(&hash, modulo: r, nil)
}

/// Writes the encoding of k B, k < L, to 32 bytes.
@inline(never)
private func encodeBaseMultiple(_ encoding: UnsafeMutableRawPointer, _ k: UnsafePointer<UInt32>, _ memory: Element) {
    let scratch = memory + Point.words
    BaseScalar.compute(memory, k, scratch)
    Inversion.invert(scratch, memory + 16, scratch + 8)
    Point.encode(scratch + 8, memory, inverse: scratch)
    encoding.copyMemory(from: UnsafeRawPointer(scratch + 8), byteCount: 32)
}

/// Overwrites the stack that the functions above have used and left: registers they saved there, spilled words.
@inline(never)
private func scrubStack() {
    withWords(256) { lower in
        withWords(128) { upper in
            Ed25519.wipe(lower, count: 1024)
            Ed25519.wipe(upper, count: 512)
        }
    }
}
