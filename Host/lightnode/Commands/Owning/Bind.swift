// lightnode bind: become the owner of a node with its label.
import ArgumentParser
import ControlNode
import HostCrypto
import NodeProtocol

struct Bind: OptionedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Become the owner of a node, with the text of its label.",
        discussion: """
            EXAMPLE:
              lightnode bind 'LN1:NODE1…:CLAIM1…'
              zbarimg -q --raw label.png | lightnode bind -

            The first time, a controller key is made. From then on the node obeys that key and no other.
            """)

    @Argument(help: "The label's text; “-” reads it from standard input, where no other user can see it.")
    var label: String

    @Option(help: "A name to remember the node by.")
    var name: String?

    @Option(
        help: "The public key that may later name a new owner (see “lightnode recover”).",
        transform: { try PublicKey(argument: $0) })
    var recovery: PublicKey?

    @Flag(help: "Take a node with test keys too, from a rehearsal of the factory.")
    var allowTest = false

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let label = try LabelText.read(label)
        let controller = try options.key.controllerOrNew(output)
        try await options.withNode(as: controller, allowsTest: allowTest) { node in
            let receipt = try await node.bind(label: label, name: name, recovery: recovery)
            output.show(Result(node: label.address, owner: controller.key.publicKey, receipt: receipt))
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let node: NodeAddress
        let owner: PublicKey
        let receipt: Receipt

        var description: String {
            "\(node) now obeys this control node (key \(owner.description.prefix(16))…)\n  receipt \(receipt), signature verified"
        }
    }
}
