// lightnode batch export, verify, import: signed manifests, from the factory to those who must know what is genuine.
import ArgumentParser
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Provisioning
import Records
import Reporting

struct BatchExport: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the manifest of a batch, signed with this station's key.",
        discussion: """
            EXAMPLE:
              lightnode batch export lamps-1 --format csv --out lamps-1.csv

            Only nodes that are done are in it; no secret is. The station's public key, by which others verify it, is shown.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case json, csv }

    @Argument(help: "The batch.") var batch: String
    @Option(help: "json or csv.") var format = Format.json
    @Option(help: "The file; standard output if not given.") var out: String?
    @OptionGroup var station: StationOptions
    @OptionGroup var output: Output

    func run() async throws {
        let station = try station.station()
        let (bytes, manifest) = try station.manifest(batch, asCSV: format == .csv)
        guard let out else {
            StandardOutput.write(bytes: Array(bytes))
            return
        }
        try WholeFile.write(bytes, to: out)
        output.show(ManifestSummary(manifest, file: out, isTrusted: true))
    }
}

/// What is said of a manifest.
struct ManifestSummary: Encodable, CustomStringConvertible {
    let file, batch, station: String
    let nodes: Int
    let isTest: Bool
    let stationKey: PublicKey
    let created: Date
    /// True if the station's key is known here.
    let isTrusted: Bool

    init(_ manifest: Manifest, file: String, isTrusted: Bool) {
        (self.file, batch, station) = (file, manifest.batch, manifest.station)
        (nodes, isTest, created) = (manifest.nodes.count, manifest.isTest, manifest.created)
        (stationKey, self.isTrusted) = (manifest.publicKey, isTrusted)
    }

    var description: String {
        "\(file): batch \(batch)\(isTest ? " (TEST)" : ""), \(nodes) node\(nodes == 1 ? "" : "s"), signed by station “\(station)”\n  station key \(stationKey)"
    }
}

/// A manifest, and whose it must be.
struct ManifestOptions: ParsableArguments {
    @Argument(help: "The file, JSON or CSV.") var file: String
    @Option(help: "The key of the factory's station, which must have signed it.", transform: { try PublicKey(argument: $0) })
    var stationKey: PublicKey?

    func bytes() throws -> [UInt8] {
        try WholeFile.read(file, limit: 1 << 30, advice: "Name a manifest that a station wrote")
    }
}

struct BatchVerify: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify a manifest: unchanged, and by whom.",
        discussion: """
            EXAMPLE:
              lightnode batch verify lamps-1.csv --station-key 5e0c…

            Without --station-key the station must be known here: from the records of this factory, or from a manifest imported before.
            """)
    @OptionGroup var manifest: ManifestOptions
    @OptionGroup var output: Output

    func run() async throws {
        let file = self.manifest.file
        let manifest = try Manifest(verifying: try self.manifest.bytes(), from: file)
        if let stationKey = self.manifest.stationKey {
            guard manifest.publicKey == stationKey else {
                throw Failure(
                    .notAuthentic, "\(file) is signed by station key \(manifest.publicKey), not by \(stationKey)",
                    about: "\(file)",
                    advice: "Ask the factory which key is its own")
            }
        } else {
            let home = try Home.standard()
            let own =
                FileManager.default.fileExists(atPath: home.path + "/factory.sqlite")
                ? try StationOptions.parse([]).station().recordsToRead().stations().map(\.publicKey) : []
            let known = own + (try ManifestBook(home).manifests().map(\.publicKey))
            guard known.contains(manifest.publicKey) else {
                throw Failure(
                    .notAuthentic, "\(file) is whole, but its station “\(manifest.station)” is not known here", about: "\(file)",
                    remedy: .inOrder([
                        .advice("If the factory told you this very key, say so"), .trustStation(key: "\(manifest.publicKey)"),
                    ]))
            }
        }
        output.show(ManifestSummary(manifest, file: file, isTrusted: true))
    }
}

struct BatchImport: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Let this control node know the nodes of a manifest as genuine.",
        discussion: """
            EXAMPLE:
              lightnode batch import lamps-1.json --station-key 5e0c…
              lightnode attest --node serial:/dev/ttyACM0

            The key is what the factory told you by another way; it is needed once.
            """)
    @OptionGroup var manifest: ManifestOptions
    @OptionGroup var output: Output

    func run() async throws {
        let taken = try ManifestBook(try .standard()).add(
            try manifest.bytes(), from: manifest.file, stationKey: manifest.stationKey)
        output.show(ManifestSummary(taken, file: manifest.file, isTrusted: true))
    }
}
