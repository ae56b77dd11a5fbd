// lightnode history: the node's own signed account of what it did.
import ArgumentParser
import ControlNode
import Keystore
import NodeProtocol

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
              lightnode history
              lightnode history --from 10 --json

            Each line: the entry's number; when it was signed, by the clock of who signed it; who, a guest by the name that its grant was given
            for; what was asked; what came of it. The order is the node's. A guest's clock that the owner's messages around it contradict is
            marked, with their times.
            """)

    @Option(help: "The number of the first entry.")
    var from: UInt32 = 0

    @OptionGroup var options: ActingOptions

    func act(on node: RemoteNode) async throws {
        let lines = Self.lines(try await node.history(from: from), try node.controller.grants.grants())
        output.show(list: lines, empty: "the log has no entries from \(from) on")
    }

    /// The entries, and of each receipt who, when and what.
    static func lines(_ entries: [NodeLog.Entry], _ given: [GivenGrant]) -> [HistoryLine] {
        let deeds = Dictionary(entries.receipts.deeds(given).map { ($0.receipt.index, $0) }) { first, _ in first }
        return entries.map { HistoryLine(entry: $0, deed: $0.receipt.flatMap { deeds[$0.index] }) }
    }
}

/// A line of the history.
struct HistoryLine: Encodable, CustomStringConvertible {
    let entry: NodeLog.Entry
    /// Who, when and what, if the entry is a receipt.
    let deed: Deed?

    var description: String { deed?.description ?? entry.description }

    func encode(to encoder: any Encoder) throws {
        if let deed { try deed.encode(to: encoder) } else { try entry.encode(to: encoder) }
    }
}

extension NodeLog.Entry {
    fileprivate var receipt: Receipt? { if case .receipt(let receipt) = self { receipt } else { nil } }
}
