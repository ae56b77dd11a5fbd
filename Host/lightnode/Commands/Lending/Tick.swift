// lightnode tick: tell a node that ticks of a metered grant are paid.
import ArgumentParser
import ControlNode
import NodeProtocol

struct Tick: ReceiptCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell a node how many ticks of a metered grant are paid, counted from the first.",
        discussion: """
            EXAMPLE:
              lightnode tick a0b1c2d3e4f50617 1        (before the first use)
              lightnode tick a0b1c2d3e4f50617 2        (within the first tick, or it stops)
            """)

    @Argument(
        help: "The grant's id: 16 hexadecimal digits.", completion: Completions.grants, transform: { try GrantID.parse($0) })
    var grant: [UInt8]

    @Argument(help: "Ticks paid in all.")
    var paid: UInt16

    @OptionGroup var options: ActingOptions

    func validate() throws {
        guard paid > 0 else { throw ValidationError("At least one tick is paid.") }
    }

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.pay(grant, ticks: paid) }
}
