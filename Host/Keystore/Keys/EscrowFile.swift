// The files of an escrow key: the secret half raw, the public half as text beside it.
import Foundation
import HostCrypto
import Reporting

extension EscrowPublicKey {
    /// Reads 64 hexadecimal digits, or the file `NAME` or `NAME.pub` that holds them.
    /// - Throws: `Failure` of kind `usage` when it is neither.
    public init(parsing text: String) throws {
        var digits = text
        for path in [text, text + ".pub"] where FileManager.default.fileExists(atPath: path) {
            let bytes = (try? WholeFile.read(path, limit: 1 << 12, advice: "")) ?? []
            digits = (String(validating: bytes, as: UTF8.self) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            if digits.count == 64 { break }
        }
        guard let key = [UInt8](hex: digits).flatMap({ EscrowPublicKey($0) }) else {
            throw Failure(
                .usage, "“\(text)” is no escrow key",
                remedy: .either([.makeEscrowKey, .advice("Give its file NAME.pub, or its 64 hexadecimal digits")]))
        }
        self = key
    }
}

extension EscrowKey {
    /// Writes the secret half to `file` (raw bytes, mode 0600) and the public half beside it, as `.pub`.
    /// - Throws: `Failure` when `file` is there already or cannot be written; the secret half may be there without the public
    ///   one.
    public func save(to file: PrivateFile) throws {
        var bytes = secret.withUnsafeBytes { Array($0) }
        defer { wipe(&bytes) }
        try file.write(bytes, replacing: false)
        try PrivateFile(file.path + ".pub").write(Array((publicKey.description + "\n").utf8))
    }

    /// Reads the secret half that `save` wrote.
    /// - Throws: `Failure` when the file cannot be read, others can read it, or it is no key.
    public static func load(from file: PrivateFile) throws -> EscrowKey {
        Leftovers.remove(besides: file)
        var bytes = try file.read()
        defer { wipe(&bytes) }
        guard let key = EscrowKey(secret: SecretBytes(bytes)) else {
            throw Failure(
                .environment, "\(file.path) is no escrow key", about: "\(file.path)",
                remedy: .either([.advice("Name the key's own file"), .makeEscrowKey]))
        }
        return key
    }
}
