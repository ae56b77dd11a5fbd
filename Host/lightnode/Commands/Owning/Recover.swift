// lightnode recover: become the owner with the recovery key.
import ArgumentParser
import ControlNode
import Keystore

struct Recover: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Become the owner with the recovery key that was named at bind.",
        discussion: """
            EXAMPLE:
              lightnode keys new --key recovery.key              (before the bind; keep it offline)
              lightnode bind 'LN1:NODE1…' --recovery PUBLICKEY
              lightnode recover recovery.key                     (when the controller is lost)
            """)

    @Argument(help: "The file of the recovery key.", completion: .file())
    var recoveryKey: String

    @OptionGroup var node: NodeOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controllerOrNew(output)
        let recovery = try ControllerKey.load(from: PrivateFile(recoveryKey), passphrase: { Passphrase.existing() })
        try await node.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).recover(with: recovery.signing)))
        }
    }
}
