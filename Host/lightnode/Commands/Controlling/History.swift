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

struct HistoryShow: ActingCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the receipts in a node's log, each verified, and the chain between them too.",
        discussion: """
            EXAMPLE:
              lightnode history --from 10 --json
            """)

    @Option(help: "The number of the first entry.")
    var from: UInt32 = 0

    @OptionGroup var options: ActingOptions

    func act(on node: RemoteNode) async throws {
        output.show(list: try await node.history(from: from), empty: "the log has no entries from \(from) on")
    }
}
