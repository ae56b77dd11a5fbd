// Secrets sealed under a passphrase: what a key file holds instead of the key.
import CSodium
import Reporting

/// A secret sealed under a passphrase: Argon2id (RFC 9106) makes the key, secretbox (XSalsa20-Poly1305) seals.
public struct SealedSecret: Hashable, Codable, Sendable {
    /// Passes over the memory.
    public let operations: UInt64
    /// Bytes of memory that one guess costs.
    public let memory: UInt64
    /// Salt of the passphrase: 16 bytes, random for each secret.
    public let salt: [UInt8]
    /// Nonce of the secretbox: 24 bytes, random for each secret.
    public let nonce: [UInt8]
    /// The sealed secret, 16 bytes longer than it: the authenticator comes first.
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
    /// - Throws: `Failure` of kind `environment` when there is not enough memory for the derivation.
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
    /// - Throws: `Failure` of kind `environment` when its sizes or costs are none that this program writes, or there is not
    ///   enough memory.
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

extension SealedSecret {
    /// What was sealed earlier, from its parts.
    package init(operations: UInt64, memory: UInt64, salt: [UInt8], nonce: [UInt8], sealed: [UInt8]) {
        self.operations = operations
        self.memory = memory
        self.salt = salt
        self.nonce = nonce
        self.sealed = sealed
    }
}
