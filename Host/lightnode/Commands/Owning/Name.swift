// lightnode name: what an owner calls a node.
import ArgumentParser
import ControlNode
import Keystore
import NodeProtocol
import Reporting

struct Name: ActingCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give a node a name, which names it on every command line here.",
        discussion: """
            EXAMPLE:
              lightnode name garden --node serial:/dev/ttyACM0
              lightnode send --node garden '$("led").on()'

            It is kept on this computer alone, together with where the node is. “lightnode bind --name” does the same at the beginning.
            """)

    @Argument(help: "The name: up to 40 characters without colons and slashes.")
    var name: String

    @OptionGroup var options: ActingOptions

    func act(on node: RemoteNode) async throws {
        try KnownNode.check(name: name)
        let known = try await node.known()
        if let other = try node.controller.book.nodes().first(where: { $0.name == name && $0.address != known.address }) {
            throw Failure(.usage, "“\(name)” is the name of \(other.address) already", about: name, advice: "Take another name")
        }
        try node.controller.book.update(known.address) { ($0.name, $0.place) = (name, node.client.name) }
        output.show(Result(node: known.address, name: name))
    }

    struct Result: Encodable, CustomStringConvertible {
        let node: NodeAddress
        let name: String
        var description: String { "\(node) is “\(name)” here" }
    }
}

/// lightnode adopt: a node whose owner's key was restored.
struct Adopt: ActingCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a node in again whose owner's key was restored from a backup.",
        discussion: """
            EXAMPLE:
              lightnode keys restore
              lightnode adopt --node serial:/dev/ttyACM0

            The node proves by a fresh challenge that it obeys your key, and signs who else can act on it: see that you know them all. A node
            that was handed over to you is taken with “lightnode transfer --finish”, which makes sure of that.
            """)

    @OptionGroup var options: ActingOptions

    func act(on node: RemoteNode) async throws {
        let attestation = try await node.adopt()
        output.show(Result(node: attestation.node, epoch: attestation.epoch, authorities: attestation.authorities))
    }

    struct Result: Encodable, CustomStringConvertible {
        let node: NodeAddress
        let epoch: UInt32
        let authorities: Authorities

        var description: String {
            "\(node) obeys this key, epoch \(epoch), and is in the book again\n"
                + authorities.description.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        }
    }
}
