// The manifests that a control node has imported: which nodes it knows to be genuine, and by whose word.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting

/// A folder of manifests, each as its station signed it; signatures are verified whenever one is read.
public struct ManifestBook: Sendable {
    private let folder: String

    /// The folder `manifests` of `home`; it is made by the first `add`.
    public init(_ home: Home) { folder = home.path + "/manifests" }

    /// All that were imported.
    /// - Throws: `Failure` when one of them cannot be read or does not verify any more.
    public func manifests() throws -> [Manifest] {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".manifest") }
        return try names.sorted().map { try Manifest(verifying: try PrivateFile("\(folder)/\($0)").read(), from: $0) }
    }

    /// Takes over the manifest in `bytes`, if its station is trusted: by `stationKey`, or by an earlier import.
    /// - Throws: `Failure`, of kind `notAuthentic` when the signature is wrong or the station is not trusted; nothing is taken
    ///   over then.
    public func add(_ bytes: [UInt8], from name: String, stationKey: PublicKey?) throws -> Manifest {
        let manifest = try Manifest(verifying: bytes, from: name)
        if let stationKey {
            guard manifest.publicKey == stationKey else {
                throw Failure(
                    .notAuthentic, "\(name) is signed by station key \(manifest.publicKey), not by \(stationKey)",
                    about: "\(name)",
                    advice: "Ask the factory which key is its own; this manifest was not taken over")
            }
        } else if try !manifests().contains(where: { $0.publicKey == manifest.publicKey }) {
            throw Failure(
                .notAuthentic, "\(name) is signed by a station that this control node does not know (“\(manifest.station)”)",
                about: "\(name)",
                remedy: .inOrder([
                    .advice("If the factory told you this very key, say so"), .trustStation(key: "\(manifest.publicKey)"),
                ]))
        }
        _ = try Home(folder)
        try PrivateFile("\(folder)/\(sha512(bytes).prefix(16).hex).manifest").write(bytes)
        return manifest
    }

    /// Who vouches for a node that has proved `identity`; nil if no manifest has it.
    /// - Throws: `Failure` when a manifest cannot be read or does not verify any more.
    public func voucher(for identity: PublicKey) throws -> Voucher? {
        let address = NodeAddress(of: identity)
        for manifest in try manifests() {
            if let entry = manifest.entry(address), entry.identity == identity {
                return Voucher(record: entry, station: manifest.station, stationKey: manifest.publicKey)
            }
        }
        return nil
    }
}

/// A station's word for a node.
public struct Voucher: Hashable, Codable, Sendable {
    /// The manifest's entry for the node.
    public let record: ProvisioningRecord
    /// The station's name, as it calls itself in the manifest.
    public let station: String
    /// The key that signed the manifest: what the name is worth.
    public let stationKey: PublicKey

    /// Verifies nothing: `ManifestBook.voucher` does.
    public init(record: ProvisioningRecord, station: String, stationKey: PublicKey) {
        (self.record, self.station, self.stationKey) = (record, station, stationKey)
    }
}

extension Voucher: CustomStringConvertible {
    public var description: String {
        "\(record.batch)#\(record.serial), provisioned \(record.time.formatted(.iso8601)) by \(record.operator) at \(record.station) (station key \(stationKey.description.prefix(16))…)"
    }
}
