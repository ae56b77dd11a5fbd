// lightnode rotate: replace the key that owns a node.
import ArgumentParser
import ControlNode
import Keystore

struct Rotate: OptionedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replace the key that owns a node; what was signed before is void.",
        discussion: """
            EXAMPLE:
              lightnode keys new --key new.key
              lightnode rotate new.key

            Recovery key and backups stay, grants end. From then on use the new key: --key new.key.
            """)

    @Argument(help: "The file of the new key.", completion: .file())
    var newKey: String

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let controller = try options.key.controller()
        let new = try ControllerKey.load(from: PrivateFile(newKey), passphrase: { Passphrase.existing() })
        try await options.withNode(as: controller) { output.show(ReceiptReport(try await $0.rotate(to: new.signing))) }
    }
}
