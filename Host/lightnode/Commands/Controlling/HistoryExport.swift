// lightnode history export: the node's receipts as a file, for the chain or for a judge.
import ArgumentParser
import ControlNode
import Keystore
import NodeProtocol
import Reporting

struct HistoryExport: ActingCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the receipts in a node's log, verified, to a file: a CBOR sequence (RFC 8742) of COSE_Sign1.",
        discussion: """
            EXAMPLE:
              lightnode history export receipts.cborseq
              lightnode history export more.cborseq --from 120
            """)

    @Argument(help: "The file to write; it must not exist.", completion: .file())
    var file: String

    @Option(help: "The number of the first entry.")
    var from: UInt32 = 0

    @OptionGroup var options: ActingOptions

    func act(on node: RemoteNode) async throws {
        let entries = try await node.history(from: from), receipts = entries.receipts
        guard let first = receipts.first, let last = receipts.last else {
            throw Failure(
                .usage, "the log has no entries from \(from) on",
                remedy: .inOrder([.advice("The node tells the number of its entries"), .showStatus]))
        }
        try PrivateFile(file).write(receipts.flatMap(\.bytes), replacing: false)
        output.show(
            Result(
                node: first.node, file: file, first: first.index, next: last.index + 1, receipts: receipts.count,
                gaps: entries.gaps.map { .gap($0) }, missing: entries.missing.map { .missing($0) }))
    }

    struct Result: Encodable, CustomStringConvertible {
        let node: NodeAddress
        let file: String
        let first: UInt32
        /// Where the next export resumes.
        let next: UInt32
        let receipts: Int
        /// Entries that the node lost before they were fetched.
        let gaps: [NodeLog.Entry]
        /// Entries that it did not hand over.
        let missing: NodeLog.Entry?

        var description: String {
            "\(receipts) receipts of \(node) written to \(file)\n  resume with --from \(next)"
                + gaps.map { "\n  gap: \($0)" }.joined() + (missing.map { "\n  missing: \($0)" } ?? "")
        }
    }
}
