// lightnode list: every node that can be reached from here, and those that cannot, with the reason.
import ArgumentParser
import ControlNode
import Foundation
import Keystore
import NodeProtocol
import Reporting
import Transport

struct List: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the nodes on USB, on serial lines and in the emulator.",
        discussion: """
            EXAMPLE:
              lightnode list

            Asks each for its state; --quick asks none, and opens nothing. What does not answer, or may not be opened, is listed with
            what to do about it.
            """)

    @Flag(help: "Only say what is there.")
    var quick = false
    @Option(help: "Seconds after which a node that does not answer is given up.")
    var timeout = 5.0
    @OptionGroup var output: Output

    func validate() throws {
        guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout takes seconds from above 0 to 3600.") }
    }

    func run() async throws {
        let candidates = try NodeOptions.finder.candidates()
        let book = NodeBook(try Home.standard().nodeBook)
        let lines = quick ? candidates.map { Line($0) } : await Line.asking(candidates, timeout: timeout, book)
        for obstacle in NodeOptions.finder.obstacles() { Output.standardError(ErrorReport(obstacle).description) }
        output.show(list: lines, empty: "no nodes: plug one in, or start one with “lightnode emulate”")
    }

    struct Line: Encodable, CustomStringConvertible, Sendable {
        let node: String
        var board: String?
        var state: NodeState?
        var address: String?
        /// As the node book calls it.
        var name: String?
        /// Whether this control node's book says that it owns the node; nil where nobody does.
        var isOurs: Bool?
        /// Why it cannot be used, and what to do.
        var problem: String?
        var advice: String?

        init(_ candidate: NodeCandidate) {
            node = candidate.locator.description
            board = candidate.note.isEmpty ? nil : candidate.note
            note(candidate.obstacle)
        }

        /// A line for each, asked at once: one that is silent must not hold up the others.
        static func asking(_ candidates: [NodeCandidate], timeout: Double, _ book: NodeBook) async -> [Line] {
            await withTaskGroup(of: (Int, Line).self) { group in
                for (index, candidate) in candidates.enumerated() {
                    group.addTask { (index, await Line(asking: candidate, timeout: timeout, book)) }
                }
                return await group.reduce(into: [(Int, Line)]()) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
            }
        }

        init(asking candidate: NodeCandidate, timeout: Double, _ book: NodeBook) async {
            self.init(candidate)
            guard problem == nil else { return }
            do {
                let link = try await NodeOptions.finder.connect(candidate.locator)
                let client = CoAPClient(link, name: node, timing: .init(total: .seconds(timeout)))
                let status: NodeStatus
                do { status = try await NodeProbe(client).status() } catch {
                    await client.close()
                    throw error
                }
                await client.close()
                board = status.board
                state = status.state
                address = status.address?.description
                let known = try status.address.flatMap { try book.node($0) }
                name = known?.name
                if state == .owned { isOurs = known.map { $0.unconfirmedBind == nil } ?? false }
            } catch {
                let report = ErrorReport(error)
                problem = report.error
                advice = report.advice
            }
        }

        private mutating func note(_ failure: Failure?) {
            problem = failure?.what
            advice = failure?.remedy.text
        }

        /// What tells it from others, beside where it is.
        var note: String {
            let parts = [
                board ?? "unknown board", name.map { "“\($0)”" }, problem ?? state.map(\.name),
                isOurs.map { $0 ? "yours" : "another owner's" },
            ]
            return parts.compactMap { $0 }.joined(separator: "  ")
        }

        var description: String {
            var line = "\(node)  \(board ?? "unknown board")"
            if let problem { return "\(line)  \(problem)" + (advice.map { "\n    \($0)" } ?? "") }
            if let state { line += "  \(state)" }
            if let address { line += "  \(address)" }
            return line + (name.map { "  “\($0)”" } ?? "") + (isOurs.map { $0 ? "  yours" : "  another owner's" } ?? "")
        }
    }
}
