// lightnode recover: become the owner with the recovery key.
import ArgumentParser
import ControlNode
import Keystore

struct Recover: OptionedCommand {
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

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let controller = try options.key.controllerOrNew(output)
        let recovery = try ControllerKey.load(from: PrivateFile(recoveryKey), passphrase: { Passphrase.existing() })
        try await options.withNode(as: controller) { output.show(ReceiptReport(try await $0.recover(with: recovery.signing))) }
    }
}
