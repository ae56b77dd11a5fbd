// lightnode gateway: attached nodes on the network, as CoAP over UDP.
import ArgumentParser
import Foundation
import Gateway
import Reporting
import Transport

struct GatewayCommand: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Serve attached nodes to the network as CoAP over UDP (RFC 7252).",
        discussion: """
            EXAMPLE:
              lightnode gateway --node porch=serial:/dev/ttyACM0 --node lamp=emulated:one
              lightnode send --node coap://127.0.0.1/porch '$("lock").open()'
              coap-client-notls -m get coap://127.0.0.1/porch/status | lightnode decode
              lightnode gateway --listen '[::]'     # for the whole network, not this computer alone

            Without --node it serves every node that is attached now, under the name of its emulated board or line. A node is
            addressed by the first segment of the path, or by the host's name; one alone also without. The gateway holds no key:
            what passes it is signed from one end to the other. See docs/gateway.md.
            """)

    @Option(
        name: .shortAndLong, help: ArgumentHelp("A node and the name to serve it under.", valueName: "name=where"),
        transform: { try NamedNode(parsing: $0) })
    var node: [NamedNode] = []

    /// The former name of `--node`, accepted for one release.
    @Option(name: [.customShort("d"), .customLong("device")], help: .hidden, transform: { try NamedNode(parsing: $0) })
    var device: [NamedNode] = []

    @Option(help: "The address and port to listen at.", transform: { try ListenAddress.parse($0) })
    var listen: SocketAddress?

    @Flag(help: "Let blank nodes be provisioned through the gateway: whoever comes first decides on their keys.")
    var allowProvision = false

    @Option(help: "Seconds after which a node that does not answer is given up.")
    var timeout = 10.0

    @OptionGroup var output: Output

    func run() async throws {
        var nodes = node + device
        if nodes.isEmpty { nodes = try NodeOptions.finder.candidates().map { NamedNode($0.locator) } }
        guard !nodes.isEmpty else {
            throw Failure(
                .unreachable, "no node was found",
                remedy: .either([.advice("Plug one in"), .startEmulated(board: nil, name: nil), .nameNode([])]))
        }
        let timeout = timeout
        let attached = nodes.map { node in
            AttachedNode(node.name) {
                CoAPClient(
                    try await NodeOptions.finder.connect(node.locator), name: node.name,
                    timing: .init(total: .seconds(timeout)))
            }
        }
        var policy = Gateway.Policy()
        policy.allowsProvisioning = allowProvision
        let gateway = try Gateway(attached, policy: policy) { Output.standardError($0) }
        let server = try await gateway.open(at: try listen ?? SocketAddress(host: "127.0.0.1", port: UDPLink.defaultPort))
        let nodeURLs = nodes.map { Line(name: $0.name, node: $0.locator, url: "coap://\(server.address)/\($0.name)") }
        output.show(Result(listening: server.address.description, nodes: nodeURLs))
        try Output.deliver()
        await server.run()
    }

    struct Line: Encodable, CustomStringConvertible {
        let name: String
        let node: NodeLocator
        let url: String

        var description: String { "\(url)   \(node)" }
    }

    struct Result: Encodable, CustomStringConvertible {
        let listening: String
        let nodes: [Line]

        var description: String {
            "listening at \(listening) (UDP); Ctrl-C ends it\n" + nodes.map { "  \($0)" }.joined(separator: "\n")
        }
    }
}

/// `porch=serial:/dev/ttyACM0`, or a locator alone, which gives the name.
struct NamedNode: Sendable {
    let name: String
    let locator: NodeLocator

    private init(name: String, locator: NodeLocator) {
        self.name = name
        self.locator = locator
    }

    init(_ locator: NodeLocator) {
        let name =
            switch locator {
            case .emulated(let name): name.replacingOccurrences(of: ".", with: "-")
            case .serial(let path): (path as NSString).lastPathComponent
            case .usb(let serialNumber): serialNumber
            case .coap: "remote"
            }
        self.init(name: name, locator: locator)
    }

    init(parsing text: String) throws {
        // A locator has a colon before any equals sign; a name has none.
        guard let equals = text.firstIndex(of: "="), !text[..<equals].contains(":") else {
            self.init(try NodeLocator(parsing: text))
            return
        }
        self.init(
            name: String(text[..<equals]), locator: try NodeLocator(parsing: String(text[text.index(after: equals)...])))
    }
}

/// `127.0.0.1`, `[::]`, `192.0.2.7:5683`.
enum ListenAddress {
    static func parse(_ text: String) throws -> SocketAddress {
        guard let parts = URLComponents(string: "coap://\(text)"), let host = parts.host, !host.isEmpty, parts.path.isEmpty,
            (0...65535).contains(parts.port ?? 0)
        else { throw Failure(.usage, "“\(text)” is no address to listen at", advice: "Write 127.0.0.1, [::] or 192.0.2.7:5683") }
        return try SocketAddress(
            host: host.trimmingCharacters(in: ["[", "]"]), port: parts.port.map { UInt16($0) } ?? UDPLink.defaultPort)
    }
}
