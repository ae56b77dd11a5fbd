// lightnode time: tell a node the time.
import ArgumentParser
import ControlNode

struct TimeCommand: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "time",
        abstract: "Tell a node the time of this computer's clock, signed and in answer to its token.",
        discussion: """
            EXAMPLE:
              lightnode time

            A node without the time refuses what has a time limit. It forgets the time, but not how late it was, when it restarts.
            """)

    @OptionGroup var node: NodeOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await node.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).setTime()))
        }
    }
}
