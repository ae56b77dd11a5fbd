// lightnode reset-button: forbid or allow that the node is reset by its button.
import ArgumentParser
import ControlNode
import NodeProtocol

struct ResetButton: ReceiptCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset-button",
        abstract: "Forbid or allow that holding the node's button takes it from its owner.",
        discussion: """
            EXAMPLE:
              lightnode reset-button --forbid
              lightnode reset-button --allow

            To forbid it takes a person at the node, who presses its button within the minute before, and a node that has been powered in this
            ownership for a day: until then whoever finds it bound by a stranger can still reset it. Only the owner's release or transfer, or the
            recovery key, lets go of it afterwards.
            """)

    @Flag(help: "Holding the button does nothing any more.")
    var forbid = false

    @Flag(help: "Holding the button makes the node ownerless, as at first.")
    var allow = false

    @OptionGroup var options: ActingOptions

    func validate() throws {
        guard forbid != allow else { throw ValidationError("Give --forbid or --allow.") }
    }

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.setReset(forbidden: forbid) }
}
