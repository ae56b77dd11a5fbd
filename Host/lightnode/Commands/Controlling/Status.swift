// lightnode status: what a node tells about itself.
import ArgumentParser
import ControlNode
import HostCrypto
import Keystore
import NodeProtocol
import Reporting
import Transport

struct Status: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Show a node's state, its health, and the devices it has.",
        discussion: """
            EXAMPLE:
              lightnode status --node serial:/dev/ttyACM0
              lightnode status --verify

            Needs no key. What a node says here is not signed: rights never depend on it. With --verify the node signs a fresh challenge together
            with all who can act on it: owner, recovery key, backups and settings.
            """)

    @Flag(help: "Challenge the node, and show all who can act on it as it signs them.")
    var verify = false

    @OptionGroup var node: NodeOptions
    @OptionGroup var output: Output

    func run() async throws {
        let book = NodeBook(try Home.standard().nodeBook)
        try await node.withClient { client in
            let probe = NodeProbe(client)
            let status = try await probe.status()
            let known = try status.address.flatMap { try book.node($0) }
            let proof = verify ? try await attest(probe, status, known) : nil
            output.show(
                Result(
                    connection: client.name, status: status, devices: try await probe.devices(), name: known?.name,
                    isOurs: known.map { $0.unconfirmedBind == nil } ?? false,
                    verified: proof, ownKey: known?.owner))
        }
    }

    /// The signed answer to a challenge, by the key of the node book where the node is in it.
    private func attest(_ probe: NodeProbe, _ status: NodeStatus, _ known: KnownNode?) async throws -> Attestation {
        guard let identity = status.identity else {
            throw Failure(
                .usage, "\(probe.name) is blank: it has no identity to prove", about: "\(probe.name)", remedy: .provision)
        }
        return try await probe.attest(known?.identity ?? identity, network: known?.network ?? status.network)
    }

    struct Result: Encodable, CustomStringConvertible {
        let connection: String
        let status: NodeStatus
        let devices: [DeviceDescription]
        let name: String?
        /// True if this control node's book says that it owns the node.
        let isOurs: Bool
        /// What the node signed, if it was asked to.
        let verified: Attestation?
        let ownKey: PublicKey?

        var description: String {
            var lines = ["node       \(connection)\(name.map { " “\($0)”" } ?? "")", status.description]
            if verified == nil, status.state == .owned {
                lines.append(
                    "owner      \(isOurs ? "this control node, by its own book" : "another key")   (not signed: --verify)")
            }
            if let verified {
                let authorities = verified.authorities
                lines += ["verified   signed by \(verified.node) for this challenge, epoch \(verified.epoch)"]
                lines += authorities.description.split(separator: "\n").map { "  \($0)" }
                if let owner = authorities.owner {
                    lines += ["  the owner is \(owner == ownKey ? "this control node" : "another key")"]
                }
                lines += ["  log        \(verified.logLength) \(verified.logLength == 1 ? "entry" : "entries")"]
            }
            return (lines + devices.map { "           \($0)" }).joined(separator: "\n")
        }
    }
}
