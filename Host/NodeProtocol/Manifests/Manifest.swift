// What a factory says of a batch, signed by its station: how a control node knows that a node is genuine.
import Foundation
import HostCrypto
import Reporting

/// A signed list of provisioned nodes. There is none whose signature was not made or verified here.
///
/// As JSON: an object of the fields below, dates as RFC 3339, and `signature`, 128 hexadecimal digits: Ed25519, by `publicKey`, over
/// `lightnode-manifest-v1`, a line feed, and the object without `signature`, its keys sorted, without white space (as RFC 8785 writes
/// it). As CSV (RFC 4180): a row of column names, a row a node, and a last row `signature,STATION,CREATED,PUBLICKEY,SIGNATURE` whose
/// signature is over the same first line and the values before its own digits: each row ended by CR LF, a field in quotes where RFC 4180 demands
/// it. A file that a program has written again with other line ends, quotes or a byte order mark has the same values.
public struct Manifest: Hashable, Codable, Sendable {
    static let format = "lightnode-manifest"
    static let domain = Array("lightnode-manifest-v1\n".utf8)

    /// "lightnode-manifest" in every manifest that was verified.
    public var format = Self.format
    /// Version of the format: 1 in every manifest that was verified.
    public var version = 1
    /// Name of the batch that the nodes belong to.
    public let batch: String
    /// Number of the network that the nodes were provisioned for.
    public let network: UInt64
    /// A rehearsal: its nodes have test keys and are to be trusted with nothing.
    public let isTest: Bool
    /// What the station calls itself; what the name is worth, `publicKey` says.
    public let station: String
    /// The station's key.
    public let publicKey: PublicKey
    /// When it was signed, by the station's clock; whole seconds in the file.
    public let created: Date
    /// In the order of the file. Should a node be in it twice, `entry` finds the first.
    public let nodes: [ProvisioningRecord]

    /// The names that are signed: `devices` since the first version of the format.
    enum CodingKeys: String, CodingKey {
        case format, version, batch, network, isTest, station, publicKey, created
        case nodes = "devices"
    }

    /// A manifest to be signed by `json(signedWith:)`, with the secret half of `publicKey`.
    /// - Parameter created: fractions of a second are lost in the file.
    public init(
        batch: String, network: UInt64, isTest: Bool, station: String, publicKey: PublicKey, created: Date,
        nodes: [ProvisioningRecord]
    ) {
        self.batch = batch
        self.network = network
        self.isTest = isTest
        self.station = station
        self.publicKey = publicKey
        self.created = created
        self.nodes = nodes
    }

    /// The entry of the node with this address.
    public func entry(_ address: NodeAddress) -> ProvisioningRecord? { nodes.first { $0.address == address } }

    // MARK: JSON

    /// The signed manifest as JSON.
    /// - Throws: only what Foundation's encoder throws; a key that is not `publicKey`'s is a fault of the caller.
    public func json(signedWith key: SigningKey) throws -> [UInt8] {
        precondition(key.publicKey == publicKey, "a manifest is signed with the key that it names")
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        guard var object = try JSONSerialization.jsonObject(with: try encoder.encode(self)) as? [String: Any] else {
            preconditionFailure("a manifest is an object")
        }
        object["signature"] = key.sign(Self.domain + (try Self.canonical(object))).hex
        let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try JSONSerialization.data(withJSONObject: object, options: options)) + [UInt8(ascii: "\n")]
    }

    private static func canonical(_ object: [String: Any]) throws -> [UInt8] {
        Array(try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes]))
    }

    /// Reads a manifest, JSON or CSV, and verifies its signature. Whether its station is to be trusted is another question.
    /// - Parameter name: what messages call the file.
    /// - Throws: `Failure`, of kind `usage` when it is no manifest or of another version, of kind `notAuthentic` when the
    ///   signature or an address in it is wrong.
    public init(verifying bytes: [UInt8], from name: String) throws {
        let isJSON = bytes.first { !$0.isWhitespace } == UInt8(ascii: "{")
        self = isJSON ? try Self.read(json: bytes, name) : try Self.read(csv: bytes, name)
        guard format == Self.format, version == 1 else {
            throw Failure(
                .usage, "\(name) has version \(version), which is unknown here", about: "\(name)", advice: "Use a newer lightnode"
            )
        }
        for node in nodes {
            guard node.address.matches(node.identity) else {
                throw Failure(
                    .notAuthentic, "\(name) has an address that does not belong to its key: \(node.address)", about: "\(name)",
                    advice: "Do not trust this station")
            }
        }
    }

    private static func read(json bytes: [UInt8], _ name: String) throws -> Manifest {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard var object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
            let text = object.removeValue(forKey: "signature") as? String, let signature = [UInt8](hex: text),
            let canonical = try? canonical(object), let manifest = try? decoder.decode(Manifest.self, from: Data(canonical))
        else { throw unreadable(name) }
        guard manifest.publicKey.verifies(signature, of: domain + canonical) else { throw forged(name) }
        return manifest
    }

    static func unreadable(_ name: String) -> Failure {
        Failure(
            .usage, "\(name) is no manifest, or cut short", about: "\(name)",
            remedy: .inOrder([.advice("Get it again, whole"), .exportManifest]))
    }

    static func forged(_ name: String) -> Failure {
        Failure(
            .notAuthentic, "\(name) is not as its station signed it", about: "\(name)",
            advice: "Somebody or something changed it: get it again from the factory, and trust nothing in this one")
    }
}

extension UInt8 {
    fileprivate var isWhitespace: Bool { self == 0x20 || 9...13 ~= self }
}
