// Secrets sealed to somebody's public key: whoever seals cannot open (libsodium's sealed box: X25519 and XSalsa20-Poly1305).
import CSodium
import Foundation
import Reporting

/// The public half of an escrow key: an X25519 key of 32 bytes, written in hexadecimal.
public struct EscrowPublicKey: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    public var description: String { bytes.hex }

    /// Reads 64 hexadecimal digits, or the file `NAME` or `NAME.pub` that holds them.
    public init(parsing text: String) throws {
        var digits = text
        for path in [text, text + ".pub"] where FileManager.default.fileExists(atPath: path) {
            digits = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            if digits.count == 64 { break }
        }
        guard let bytes = [UInt8](hex: digits), bytes.count == Int(crypto_box_PUBLICKEYBYTES) else {
            throw Failure(
                .usage, "“\(text)” is no escrow key",
                advice: "Give the file NAME.pub that “lightnode escrow new NAME” made, or its 64 hexadecimal digits")
        }
        self.bytes = bytes
    }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

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
    public let publicKey: EscrowPublicKey
    private let secret: SecretBytes

    public static func generate() -> EscrowKey {
        _ = Sodium.started
        var publicKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
        let secret = SecretBytes(count: Int(crypto_box_SECRETKEYBYTES)) {
            _ = crypto_box_keypair(&publicKey, $0.bindMemory(to: UInt8.self).baseAddress!)
        }
        return EscrowKey(publicKey: EscrowPublicKey(publicKey), secret: secret)
    }

    /// Writes the secret half to `file` (raw bytes, mode 0600) and the public half beside it, as `.pub`.
    public func save(to file: PrivateFile) throws {
        var bytes = secret.withUnsafeBytes { Array($0) }
        defer { wipe(&bytes) }
        try file.write(bytes, replacing: false)
        try PrivateFile(file.path + ".pub").write(Array((publicKey.description + "\n").utf8))
    }

    public static func load(from file: PrivateFile) throws -> EscrowKey {
        var bytes = try file.read()
        defer { wipe(&bytes) }
        guard bytes.count == Int(crypto_box_SECRETKEYBYTES) else {
            throw Failure(.environment, "\(file.path) is no escrow key", advice: "Name the file that “lightnode escrow new” made")
        }
        var publicKey = [UInt8](repeating: 0, count: Int(crypto_box_PUBLICKEYBYTES))
        _ = Sodium.started
        crypto_scalarmult_base(&publicKey, bytes)
        return EscrowKey(publicKey: EscrowPublicKey(publicKey), secret: SecretBytes(bytes))
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
