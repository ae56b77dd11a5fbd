// SHA-256 (FIPS 180-4) by libsodium, in pieces, so that nothing is copied together to be hashed.
import CSodium

/// A SHA-256 under way.
public struct SHA256 {
    /// Bytes of a digest.
    public static let size = 32
    private var state = crypto_hash_sha256_state()

    /// Nothing hashed yet.
    public init() { crypto_hash_sha256_init(&state) }

    /// Takes `bytes` in behind what it has.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        crypto_hash_sha256_update(&state, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }

    /// Writes the digest to the 32 bytes of `digest`; nothing may be hashed afterwards.
    public mutating func finish(into digest: UnsafeMutableRawBufferPointer) {
        precondition(digest.count == Self.size)
        crypto_hash_sha256_final(&state, digest.baseAddress!.assumingMemoryBound(to: UInt8.self))
    }
}
