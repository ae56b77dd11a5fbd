// The few libsodium functions this library stands on, with Swift's types. Nothing else in the host calls libsodium.
import CSodium
import Reporting

enum Sodium {
    /// Starts the library once; every entry point below goes through it.
    static let started: Void = {
        precondition(sodium_init() >= 0, "libsodium could not find a source of random numbers on this system")
    }()
}

/// Bytes of a secret: kept out of swap where the system allows it, overwritten when released.
public final class SecretBytes: @unchecked Sendable {
    // Written only while initialising, read afterwards: safe to share between threads.
    private let base: UnsafeMutableRawPointer
    /// Bytes of the secret; may be 0.
    public let count: Int

    /// `count` bytes which `fill` sets.
    public init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        _ = Sodium.started
        guard let base = sodium_malloc(max(count, 1)) else { fatalError("out of locked memory for a secret of \(count) bytes") }
        self.base = base
        self.count = count
        do { try fill(UnsafeMutableRawBufferPointer(start: base, count: count)) } catch {
            sodium_free(base)
            throw error
        }
    }

    /// `count` bytes from the system's random number generator.
    public static func random(count: Int) -> SecretBytes {
        SecretBytes(count: count) { randombytes_buf($0.baseAddress!, $0.count) }
    }

    /// A copy of `bytes`, which the caller should overwrite.
    public convenience init(_ bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// Lends the bytes to `body`. A pointer to them must not outlive the call; a copy is the caller's to wipe.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    deinit { sodium_free(base) }
}

/// Overwrites `bytes` in a way that the optimiser cannot drop.
public func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { sodium_memzero(base, $0.count) } }
    bytes.removeAll()
}

/// `count` unpredictable bytes that are no secret: nonces, tokens, salts.
public func randomBytes(_ count: Int) -> [UInt8] {
    _ = Sodium.started
    var bytes = [UInt8](repeating: 0, count: count)
    randombytes_buf(&bytes, count)
    return bytes
}

/// SHA-512 (FIPS 180-4) of `bytes`: 64 bytes.
public func sha512(_ bytes: [UInt8]) -> [UInt8] {
    _ = Sodium.started
    var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha512_BYTES))
    crypto_hash_sha512(&digest, bytes, UInt64(bytes.count))
    return digest
}

/// SHA-256 (FIPS 180-4) of what lies in locked memory: 32 bytes.
public func sha256(_ secret: SecretBytes) -> [UInt8] {
    _ = Sodium.started
    var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
    secret.withUnsafeBytes { bytes in
        _ = crypto_hash_sha256(&digest, bytes.bindMemory(to: UInt8.self).baseAddress, UInt64(bytes.count))
    }
    return digest
}
