// lightnode release: give a node up.
import ArgumentParser
import ControlNode
import HostCrypto
import Keystore
import NodeProtocol

struct Release: ReceiptCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give a node up: it is nobody's, and its label binds it again.",
        discussion: """
            EXAMPLE:
              lightnode release --node serial:/dev/ttyACM0

            A node that has a recovery key needs its consent: --recovery-key. Recovery key, backups and all grants are gone with the owner.
            """)

    @OptionGroup var consent: ConsentOptions
    @OptionGroup var options: ActingOptions

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.release(recovery: consent.key()) }
}

/// `--recovery-key`, for what removes it.
struct ConsentOptions: ParsableArguments {
    @Option(help: "The file of the node's recovery key, which must consent where there is one.", completion: .file())
    var recoveryKey: String?

    /// The recovery key; nil when none was named.
    func key() throws -> SigningKey? {
        try recoveryKey.map { try ControllerKey.load(from: PrivateFile($0), passphrase: { Passphrase.existing() }).signing }
    }
}
