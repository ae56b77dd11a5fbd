// lightnode attest: is this node genuine, unmodified in identity, and provisioned by whom?
import ArgumentParser
import ControlNode
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Provisioning
import Reporting

struct Attest: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Challenge a node to prove its identity, and tell who provisioned it.",
        discussion: """
            EXAMPLE:
              lightnode attest --node serial:/dev/ttyACM0

            The node signs a fresh challenge. It is genuine if a manifest that was imported here (lightnode batch import), or the records of
            this factory, know that identity; exit code 5 says that nobody vouches for it, or that it is not what they say.
            """)

    @OptionGroup var node: NodeOptions
    @OptionGroup var station: StationOptions
    @OptionGroup var output: Output

    func run() async throws {
        let home = try Home.standard()
        try await node.withClient { client in
            let probe = NodeProbe(client)
            let status = try await probe.status()
            guard let identity = status.identity else {
                throw status.state == .damaged
                    ? Failure(
                        .malformedAnswer, "\(client.name) is damaged: its identity cannot be read", about: "\(client.name)",
                        advice: "See what it says with lightnode status; reset it to the factory's state, or return it")
                    : Failure(
                        .usage, "\(client.name) is blank: it has no identity to prove", about: "\(client.name)",
                        remedy: .provision)
            }
            let attestation = try await probe.attest(identity, network: status.network)
            let voucher = try ManifestBook(home).voucher(for: identity) ?? own(home, identity)
            guard let voucher else {
                throw Failure(
                    .notAuthentic, "\(attestation.node) proved its identity, but nobody known here vouches for it",
                    about: "\(attestation.node)",
                    remedy: .inOrder([.advice("Get the manifest of its batch from the factory"), .importManifest]))
            }
            try check(attestation, voucher.record)
            output.show(Result(attestation: attestation, voucher: voucher))
        }
    }

    /// The factory's own records, where there are some.
    private func own(_ home: Home, _ identity: PublicKey) throws -> Voucher? {
        guard station.database != nil || FileManager.default.fileExists(atPath: home.path + "/factory.sqlite") else { return nil }
        let records = try station.station().recordsToRead()
        guard let record = try records.node(identity: identity)?.provisioned,
            let station = try records.stations().first(where: { $0.name == record.station })
        else { return nil }
        return Voucher(record: record, station: station.name, stationKey: station.publicKey)
    }

    private func check(_ attestation: Attestation, _ record: ProvisioningRecord) throws {
        let differences = [
            (attestation.isTest != record.isTest, "its TEST mark"), (attestation.board != record.board, "its board"),
            (attestation.claim != record.claim, "its claim key"),
        ].filter(\.0).map(\.1)
        guard differences.isEmpty else {
            throw Failure(
                .notAuthentic,
                "\(attestation.node) is not as it left the factory: \(differences.joined(separator: ", ")) differs from the record",
                about: "\(attestation.node)",
                advice: "Trust it with nothing")
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let attestation: Attestation
        let voucher: Voucher
        /// As signed.
        let state: NodeState

        init(attestation: Attestation, voucher: Voucher) {
            (self.attestation, self.voucher) = (attestation, voucher)
            state = attestation.authorities.owner == nil ? .unowned : .owned
        }

        var description: String {
            let word = attestation.isTest ? "has TEST KEYS, and is to be trusted with nothing" : "is genuine"
            return """
                \(attestation.node) \(word): it signed a fresh challenge
                  board     \(attestation.board), firmware \(attestation.version), \(state)
                  factory   \(voucher)
                """
        }
    }
}
