// What commands have in common that act on a node with a controller's key.
import ArgumentParser
import ControlNode
import Keystore
import NodeProtocol

/// Which node, with which key, and how the result is shown.
struct ActingOptions: ParsableArguments {
    @OptionGroup var node: NodeOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    /// Runs `body` with the node as `controller` sees it, and hangs up afterwards.
    func withNode<R>(
        as controller: Controller, allowsTest: Bool = false, _ body: (RemoteNode) async throws -> R
    ) async throws -> R {
        try await node.withClient { try await body(RemoteNode($0, controller: controller, allowsTest: allowsTest)) }
    }
}

/// A subcommand with those options, its output among them.
protocol OptionedCommand: AsyncParsableCommand, JSONCapable {
    var options: ActingOptions { get }
}

extension OptionedCommand {
    var output: Output { options.output }
}

/// A command that acts on a node with a controller's key.
protocol ActingCommand: OptionedCommand {
    /// What it does; `run` opens the key before, and connects.
    func act(on node: RemoteNode) async throws
}

extension ActingCommand {
    func run() async throws { try await options.withNode(as: try options.key.controller(), act) }
}

/// One whose result is a receipt of the node.
protocol ReceiptCommand: ActingCommand {
    func receipt(of node: RemoteNode) async throws -> Receipt
}

extension ReceiptCommand {
    func act(on node: RemoteNode) async throws { output.show(ReceiptReport(try await receipt(of: node))) }
}
