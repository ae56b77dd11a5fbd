// lightnode tick: tell a node that ticks of a metered grant are paid.
import ArgumentParser
import ControlNode

struct Tick: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Tell a node how many ticks of a metered grant are paid, counted from the first.",
        discussion: """
            EXAMPLE:
              lightnode tick a0b1c2d3e4f50617 1        (before the first use)
              lightnode tick a0b1c2d3e4f50617 2        (within the first tick, or it stops)
            """)

    @Argument(help: "The grant's id: 16 hexadecimal digits.", transform: { try GrantID.parse($0) })
    var grant: [UInt8]

    @Argument(help: "Ticks paid in all.")
    var paid: UInt16

    @OptionGroup var node: NodeOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func validate() throws {
        guard paid > 0 else { throw ValidationError("At least one tick is paid.") }
    }

    func run() async throws {
        let controller = try key.controller()
        try await node.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).pay(grant, ticks: paid)))
        }
    }
}
