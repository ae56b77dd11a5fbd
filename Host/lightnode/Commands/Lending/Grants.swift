// lightnode grants: what this control node has lent, and what is left of it.
import ArgumentParser
import ControlNode
import Keystore
import NodeProtocol
import Reporting

struct Grants: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "List the grants that this control node has given, and what is left of each.",
        discussion: """
            EXAMPLE:
              lightnode grants
              lightnode grants --node garden --json

            Without --node it needs no node: what was used is told from the signed log, as far as it was fetched. With --node that node's log is
            fetched first. A call that the node refused counts as no use.
            """)

    @OptionGroup var options: ActingOptions
    var output: Output { options.output }

    func run() async throws {
        let controller = try options.key.controller()
        var only: NodeAddress?
        if options.node.node.name != nil {
            only = try await options.withNode(as: controller) { node in
                _ = try await node.history()
                return try await node.known().address
            }
        }
        let grants = try controller.grants.grants()
        let lines = try grants.filter { only == nil || $0.node == only }.map { grant in
            Line(grant: grant, account: GrantAccount(of: grant, among: grants, try controller.log.entries(of: grant.node)))
        }
        output.show(list: lines, empty: "no grant was given")
    }

    struct Line: Encodable, CustomStringConvertible {
        let grant: GivenGrant
        let account: GrantAccount

        private enum CodingKeys: String, CodingKey { case account }

        /// The grant's own fields, and its account.
        func encode(to encoder: any Encoder) throws {
            try grant.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(account, forKey: .account)
        }

        var description: String { "\(grant)\n    \(account)" }
    }
}
