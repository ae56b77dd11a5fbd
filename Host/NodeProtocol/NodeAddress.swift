// The address of a node (R1): what it is called everywhere, derived from the key that only it has.
import Bech32
import HostCrypto
import Reporting

/// Bech32m (BIP 350) with prefix `node` over the first 20 bytes of SHA-512(identity public key). Lower case in text.
public struct NodeAddress: Hashable, Sendable {
    /// 20 bytes.
    public let bytes: [UInt8]
    private let text: String

    static let size = 20

    /// The address of the node with this identity key.
    public init(of identity: PublicKey) { self.init(hash: Array(sha512(identity.bytes).prefix(Self.size))) }

    private init(hash: [UInt8]) {
        bytes = hash
        guard let text = try? Bech32.encode(prefix: "node", hash) else {
            preconditionFailure("20 bytes fit bech32m's 90 characters")
        }
        self.text = text
    }

    /// Reads `node1…`, in upper or lower case.
    /// - Throws: `Failure` of kind `usage` that says what is wrong: a character, the prefix, the checksum or the length.
    public init(parsing text: String) throws {
        let hash: [UInt8]
        do { hash = try Bech32.decode(prefix: "node", text) } catch {
            throw Failure(
                .usage, "“\(text)” is no node address: \(error)",
                remedy: .inOrder([.advice("Copy it whole, from the label or from the node"), .showStatus]))
        }
        guard hash.count == Self.size else {
            throw Failure(
                .usage, "“\(text)” is no node address: it holds \(hash.count) bytes instead of \(Self.size)",
                remedy: .inOrder([.advice("Copy it whole, from the label or from the node"), .showStatus]))
        }
        self.init(hash: hash)
    }

    /// True if `key` is the identity key that this address was made from.
    public func matches(_ key: PublicKey) -> Bool { NodeAddress(of: key) == self }
}

extension NodeAddress: Codable, EncodedAsText {
    public var description: String { text }

    public init(from decoder: any Decoder) throws {
        try self.init(parsing: try decoder.singleValueContainer().decode(String.self))
    }
}
