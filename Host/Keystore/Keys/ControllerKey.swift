// The control node's own key, and the file it lives in.
import Foundation
import HostCrypto
import Reporting

/// The key that owns light nodes. A node obeys exactly one.
///
/// File format (JSON, mode 0600): `format` is "lightnode-controller-key", `version` 1, `publicKey` 64 hexadecimal
/// digits, and either `seed` (64 digits) or `sealed` (the seed under Argon2id and secretbox, see `SealedSecret`).
public struct ControllerKey: Sendable {
    /// The key itself; its secret half stays in locked memory.
    public let signing: SigningKey
    /// What nodes know it by.
    public var publicKey: PublicKey { signing.publicKey }

    /// Wraps a key that is there already; it need not be in a file.
    public init(_ signing: SigningKey) { self.signing = signing }

    /// A new key from the system's random number generator, in no file before `save`.
    public static func generate() -> ControllerKey { ControllerKey(.generate()) }

    private struct Contents: Codable {
        static let format = "lightnode-controller-key"
        var format = Contents.format
        var version = 1
        var publicKey: PublicKey
        var seed: String?
        var sealed: Sealed?
    }

    private struct Sealed: Codable {
        var kdf = "argon2id13"
        var cipher = "xsalsa20poly1305"
        var operations: UInt64
        var memory: UInt64
        var salt: String
        var nonce: String
        var box: String
    }

    /// Writes a new key file; an existing one is never replaced, since the nodes it owns would be lost with it.
    /// - Throws: `Failure` of kind `environment` when the file is there already or cannot be written.
    public func save(to file: PrivateFile, passphrase: String? = nil, effort: SealedSecret.Effort = .moderate) throws {
        var contents = Contents(publicKey: publicKey)
        if let passphrase {
            let secret = try SealedSecret(signing.seed, passphrase: passphrase, effort: effort)
            contents.sealed = Sealed(
                operations: secret.operations, memory: secret.memory, salt: secret.salt.hex, nonce: secret.nonce.hex,
                box: secret.sealed.hex)
        } else {
            contents.seed = signing.seed.withUnsafeBytes { $0.hex }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        var bytes = Array(try encoder.encode(contents)) + [UInt8(ascii: "\n")]
        defer { wipe(&bytes) }
        try file.write(bytes, replacing: false)
    }

    /// True if `file` can be opened only with a passphrase.
    /// - Throws: `Failure` when the file cannot be read or is no controller key.
    public static func isSealed(_ file: PrivateFile) throws -> Bool { try contents(of: file).sealed != nil }

    /// Reads a key file. `passphrase` is asked for only when the file is sealed.
    /// - Throws: `Failure` of kind `environment` when the file cannot be read, is damaged, or does not open with the passphrase;
    ///   what `passphrase` throws.
    public static func load(from file: PrivateFile, passphrase: () throws -> String?) throws -> ControllerKey {
        let contents = try contents(of: file)
        let seed: SecretBytes
        if let sealed = contents.sealed {
            guard let salt = [UInt8](hex: sealed.salt), let nonce = [UInt8](hex: sealed.nonce), let box = [UInt8](hex: sealed.box)
            else { throw damaged(file, "its sealed part is not hexadecimal") }
            guard let phrase = try passphrase() else {
                throw Failure(
                    .environment, "the key \(file.path) is sealed and no passphrase was given",
                    advice: "Set LIGHTNODE_PASSPHRASE, or run in a terminal to be asked")
            }
            let secret = SealedSecret(operations: sealed.operations, memory: sealed.memory, salt: salt, nonce: nonce, sealed: box)
            guard let opened = try secret.open(passphrase: phrase) else {
                throw Failure(
                    .environment, "the passphrase does not open \(file.path)", advice: "Try again; upper and lower case count")
            }
            seed = opened
        } else if var bytes = contents.seed.flatMap({ [UInt8](hex: $0) }) {
            seed = SecretBytes(bytes)
            wipe(&bytes)
        } else {
            throw damaged(file, "it holds no seed")
        }
        guard let key = SigningKey(seed: seed) else { throw damaged(file, "its seed is not 32 bytes long") }
        guard key.publicKey == contents.publicKey else { throw damaged(file, "its two halves do not belong together") }
        return ControllerKey(key)
    }

    private static func contents(of file: PrivateFile) throws -> Contents {
        var bytes = try file.read()
        defer { wipe(&bytes) }
        guard let contents = try? JSONDecoder().decode(Contents.self, from: Data(bytes)), contents.format == Contents.format
        else {
            throw damaged(file, "it is no controller key")
        }
        guard contents.version == 1 else {
            throw Failure(
                .environment, "the key \(file.path) has version \(contents.version), which this program does not know",
                advice: "Use a newer lightnode")
        }
        return contents
    }

    private static func damaged(_ file: PrivateFile, _ why: String) -> Failure {
        Failure(
            .environment, "the key file \(file.path) cannot be used: \(why)",
            remedy: .either([.advice("Restore it from a copy"), .nameKey]))
    }
}
