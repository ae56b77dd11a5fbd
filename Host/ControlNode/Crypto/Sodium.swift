// The few libsodium functions this library stands on, with Swift's types. Nothing else in the host calls libsodium.
import CSodium
import Reporting

enum Sodium {
    /// Starts the library once; every entry point below goes through it.
    static let started: Void = {
        precondition(sodium_init() >= 0, "libsodium could not find a source of random numbers on this system")
    }()
}

/// Bytes that nobody else may see: kept out of swap where the system allows it, overwritten when released.
public final class SecretBytes: @unchecked Sendable {
    // Written only while initialising, read afterwards: safe to share between threads.
    private let base: UnsafeMutableRawPointer
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

/// A secret sealed under a passphrase: Argon2id (RFC 9106) makes the key, secretbox (XSalsa20-Poly1305) seals.
public struct SealedSecret: Hashable, Codable, Sendable {
    /// Passes over the memory.
    public let operations: UInt64
    /// Bytes of memory that one guess costs.
    public let memory: UInt64
    public let salt: [UInt8]
    public let nonce: [UInt8]
    public let sealed: [UInt8]

    /// What a guess may cost at most when opening: a file that asks for more is refused before it eats the machine.
    static let maximumMemory: UInt64 = 1 << 30
    static let maximumOperations: UInt64 = 16

    /// How much work one guess of a passphrase is.
    public enum Effort: Sendable {
        /// 256 MB, 3 passes: the default for keys.
        case moderate
        /// 64 MB, 2 passes.
        case interactive
    }

    /// Seals `secret`; takes about a second on purpose.
    public init(_ secret: SecretBytes, passphrase: String, effort: Effort = .moderate) throws {
        _ = Sodium.started
        switch effort {
        case .moderate:
            operations = UInt64(crypto_pwhash_opslimit_moderate())
            memory = UInt64(crypto_pwhash_memlimit_moderate())
        case .interactive:
            operations = UInt64(crypto_pwhash_opslimit_interactive())
            memory = UInt64(crypto_pwhash_memlimit_interactive())
        }
        salt = randomBytes(Int(crypto_pwhash_SALTBYTES))
        nonce = randomBytes(Int(crypto_secretbox_NONCEBYTES))
        let key = try Self.key(passphrase, salt: salt, operations: operations, memory: memory)
        var box = [UInt8](repeating: 0, count: secret.count + Int(crypto_secretbox_MACBYTES))
        let nonce = nonce
        secret.withUnsafeBytes { plain in
            key.withUnsafeBytes { key in
                _ = crypto_secretbox_easy(
                    &box, plain.bindMemory(to: UInt8.self).baseAddress!, UInt64(plain.count), nonce,
                    key.bindMemory(to: UInt8.self).baseAddress!)
            }
        }
        sealed = box
    }

    /// The secret, or nil when the passphrase is wrong or the file was altered: the two cannot be told apart.
    public func open(passphrase: String) throws -> SecretBytes? {
        _ = Sodium.started
        let overhead = Int(crypto_secretbox_MACBYTES)
        guard sealed.count >= overhead, nonce.count == Int(crypto_secretbox_NONCEBYTES),
            salt.count == Int(crypto_pwhash_SALTBYTES), operations >= 1, operations <= Self.maximumOperations,
            memory >= 8192, memory <= Self.maximumMemory
        else {
            throw Failure(
                .environment, "the sealed secret has sizes that this program does not write", advice: "Restore it from a copy")
        }
        let key = try Self.key(passphrase, salt: salt, operations: operations, memory: memory)
        var opened = false
        let secret = SecretBytes(count: sealed.count - overhead) { plain in
            key.withUnsafeBytes { key in
                opened =
                    crypto_secretbox_open_easy(
                        plain.bindMemory(to: UInt8.self).baseAddress!, sealed, UInt64(sealed.count), nonce,
                        key.bindMemory(to: UInt8.self).baseAddress!) == 0
            }
        }
        return opened ? secret : nil
    }

    private static func key(_ passphrase: String, salt: [UInt8], operations: UInt64, memory: UInt64) throws -> SecretBytes {
        var text = Array(passphrase.utf8) + [0]  // never empty, so that there is an address
        defer { wipe(&text) }
        return try SecretBytes(count: Int(crypto_secretbox_KEYBYTES)) { key in
            let status = text.withUnsafeBytes { password in
                crypto_pwhash(
                    key.bindMemory(to: UInt8.self).baseAddress!, UInt64(key.count),
                    password.bindMemory(to: CChar.self).baseAddress!, UInt64(password.count - 1), salt, operations, Int(memory),
                    crypto_pwhash_ALG_ARGON2ID13)
            }
            guard status == 0 else {
                throw Failure(
                    .environment, "not enough memory to derive a key from the passphrase (\(memory >> 20) MB needed)",
                    advice: "Close other programs and try again")
            }
        }
    }
}
