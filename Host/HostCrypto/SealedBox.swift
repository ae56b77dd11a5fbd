// Secrets sealed to a public key: the side that seals cannot open (libsodium's sealed box: X25519 and XSalsa20-Poly1305).
import CSodium

/// The public half of an escrow key: an X25519 key of 32 bytes, written in hexadecimal.
public struct EscrowPublicKey: Hashable, Sendable, CustomStringConvertible {
    /// 32 bytes.
    public let bytes: [UInt8]

    public var description: String { bytes.hex }

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Int(crypto_box_PUBLICKEYBYTES) else { return nil }
        self.bytes = bytes
    }

    /// `secret`, readable only to the holder of the other half.
    public func seal(_ secret: SecretBytes) -> [UInt8] {
        _ = Sodium.started
        var box = [UInt8](repeating: 0, count: secret.count + crypto_box_sealbytes())
        secret.withUnsafeBytes {
            _ = crypto_box_seal(&box, $0.bindMemory(to: UInt8.self).baseAddress!, UInt64($0.count), bytes)
        }
        return box
    }
}

/// Opens what was sealed to its public half.
public struct EscrowKey: Sendable {
    /// For sealing; opens nothing.
    public let publicKey: EscrowPublicKey
    /// X25519's private half: 32 bytes.
    public let secret: SecretBytes

    /// A new key from the system's random number generator.
    public static func generate() -> EscrowKey {
        EscrowKey(secret: .random(count: Int(crypto_box_SECRETKEYBYTES)))!
    }

    /// The key with this secret half; nil unless it has 32 bytes.
    public init?(secret: SecretBytes) {
        _ = Sodium.started
        guard secret.count == Int(crypto_box_SECRETKEYBYTES) else { return nil }
        var publicKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
        secret.withUnsafeBytes { _ = crypto_scalarmult_base(&publicKey, $0.bindMemory(to: UInt8.self).baseAddress!) }
        (self.publicKey, self.secret) = (EscrowPublicKey(publicKey)!, secret)
    }

    /// What is in `box`; nil when it was sealed to another key, or changed.
    public func open(_ box: [UInt8]) -> SecretBytes? {
        guard box.count >= crypto_box_sealbytes() else { return nil }
        var isOpen = false
        let opened = SecretBytes(count: box.count - crypto_box_sealbytes()) { plain in
            secret.withUnsafeBytes { secret in
                isOpen =
                    crypto_box_seal_open(
                        plain.bindMemory(to: UInt8.self).baseAddress!, box, UInt64(box.count), publicKey.bytes,
                        secret.bindMemory(to: UInt8.self).baseAddress!) == 0
            }
        }
        return isOpen ? opened : nil
    }
}
