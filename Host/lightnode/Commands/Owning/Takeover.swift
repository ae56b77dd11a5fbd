// lightnode takeover: become the owner as a backup.
import ArgumentParser
import ControlNode
import NodeProtocol

struct Takeover: ReceiptCommand {
    static let configuration = CommandConfiguration(
        abstract: "Become the owner of a node whose owner named this control node a backup and has been silent.",
        discussion: """
            EXAMPLE:
              lightnode takeover --node serial:/dev/ttyACM0
            """)

    @OptionGroup var options: ActingOptions

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.takeOver() }
}
