// lightnode time: tell a node the time.
import ArgumentParser
import ControlNode
import NodeProtocol

struct TimeCommand: ReceiptCommand {
    static let configuration = CommandConfiguration(
        commandName: "time",
        abstract: "Tell a node the time of this computer's clock, signed and in answer to its token.",
        discussion: """
            EXAMPLE:
              lightnode time

            A node without the time refuses what has a time limit. It forgets the time, but not how late it was, when it restarts.
            """)

    @OptionGroup var options: ActingOptions

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.setTime() }
}
