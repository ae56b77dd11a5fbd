// Ed25519 keys on the host: libsodium signs and verifies, the firmware's own implementation is the other witness.
import CSodium
import Reporting

/// An Ed25519 public key (RFC 8032): 32 bytes, written in hexadecimal.
public struct PublicKey: Hashable, Sendable {
    /// Bytes of a public key.
    public static let size = 32
    /// 32 bytes as RFC 8032 encodes a point; whether they are one is found out by verifying.
    public let bytes: [UInt8]

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    /// True if `signature` (64 bytes) is this key's over `message`. libsodium refuses S ≥ L and keys or R of low order.
    public func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        _ = Sodium.started
        guard signature.count == Int(crypto_sign_BYTES) else { return false }
        return crypto_sign_verify_detached(signature, message, UInt64(message.count), bytes) == 0
    }
}

extension PublicKey: CustomStringConvertible {
    public var description: String { bytes.hex }
}

extension PublicKey: Codable, EncodedAsText {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = [UInt8](hex: try container.decode(String.self)), let key = PublicKey(bytes) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "a public key is 64 hexadecimal digits")
        }
        self = key
    }
}

/// An Ed25519 key pair that can sign; its secret half stays in locked memory.
public struct SigningKey: Sendable {
    /// Bytes of a seed.
    public static let seedSize = 32
    /// What it is known by, and what verifies its signatures.
    public let publicKey: PublicKey
    /// RFC 8032's private key: the 32-byte seed.
    public let seed: SecretBytes
    private let expanded: SecretBytes

    /// Nil unless the seed has 32 bytes.
    public init?(seed: SecretBytes) {
        _ = Sodium.started
        guard seed.count == Self.seedSize else { return nil }
        var publicKey = [UInt8](repeating: 0, count: PublicKey.size)
        self.expanded = SecretBytes(count: Int(crypto_sign_SECRETKEYBYTES)) { expanded in
            seed.withUnsafeBytes { seed in
                _ = crypto_sign_seed_keypair(
                    &publicKey, expanded.bindMemory(to: UInt8.self).baseAddress!, seed.bindMemory(to: UInt8.self).baseAddress!)
            }
        }
        self.seed = seed
        self.publicKey = PublicKey(publicKey)!
    }

    /// A fresh key from the system's random number generator.
    public static func generate() -> SigningKey { SigningKey(seed: .random(count: seedSize))! }

    /// The 64-byte signature over `message`.
    public func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Int(crypto_sign_BYTES))
        expanded.withUnsafeBytes { key in
            _ = crypto_sign_detached(
                &signature, nil, message, UInt64(message.count), key.bindMemory(to: UInt8.self).baseAddress!)
        }
        return signature
    }
}
