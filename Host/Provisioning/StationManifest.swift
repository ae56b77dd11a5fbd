// What the station signs for others.
import Foundation
import Keystore
import NodeProtocol
import Records
import Reporting

extension Station {
    /// The manifest of a batch, signed with this station's key: its file's bytes, and what is in it.
    /// - Throws: `Failure`, of kind `usage` when there is no such batch or none of its nodes is done.
    public func manifest(_ name: String, asCSV: Bool) throws -> (bytes: [UInt8], manifest: Manifest) {
        let records = try records()
        let batch = try records.batch(name)
        let nodes = try records.nodes(batch: name).compactMap(\.provisioned)
        guard !nodes.isEmpty else {
            throw Failure(
                .usage, "no node of batch \(name) is done", remedy: .provisionBatch(name))
        }
        let key = try StationKey.open(home.file("station.key"))
        let manifest = Manifest(
            batch: name, network: batch.network, isTest: batch.isTest, station: self.name, publicKey: key.publicKey,
            created: Date(),
            nodes: nodes)
        return (asCSV ? manifest.csv(signedWith: key) : try manifest.json(signedWith: key), manifest)
    }
}
