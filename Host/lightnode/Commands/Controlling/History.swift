// lightnode history: the node's own signed account of what it did.
import ArgumentParser
import ControlNode

struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show or export the receipts in a node's log.",
        discussion: """
            EXAMPLE:
              lightnode history
              lightnode history export --help
            """, subcommands: [HistoryShow.self, HistoryExport.self],
        defaultSubcommand: HistoryShow.self)
}

struct HistoryShow: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the receipts in a node's log, each verified, and the chain between them too.",
        discussion: """
            EXAMPLE:
              lightnode history --from 10 --json
            """)

    @Option(help: "The number of the first entry.")
    var from: UInt32 = 0

    @OptionGroup var node: NodeOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await node.withClient { client in
            let entries = try await RemoteNode(client, controller: controller).history(from: from)
            output.show(list: entries, empty: "the log has no entries from \(from) on")
        }
    }
}
