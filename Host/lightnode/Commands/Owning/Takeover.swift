// lightnode takeover: become the owner as a backup.
import ArgumentParser
import ControlNode

struct Takeover: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Become the owner of a node whose owner named this control node a backup and has been silent.",
        discussion: """
            EXAMPLE:
              lightnode takeover --node serial:/dev/ttyACM0
            """)

    @OptionGroup var node: NodeOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await node.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).takeOver()))
        }
    }
}
