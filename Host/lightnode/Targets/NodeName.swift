// What --node names: a place where a node is, or a node that this control node knows, by its name or its address.
import ArgumentParser
import ControlNode
import Foundation
import Keystore
import NodeProtocol
import Reporting
import Transport

/// A place, or a known node that has yet to be found.
enum NodeName: Hashable, Sendable {
    case place(NodeLocator)
    case known(String)

    init(parsing text: String) throws {
        self = text.contains(":") ? .place(try NodeLocator(parsing: text)) : .known(text)
    }
}

/// Where a node is that was named.
struct NodePlace: Sendable {
    let locator: NodeLocator
    /// The only node that is meant there; nil when the place alone was named.
    var address: NodeAddress?

    /// Opens a link to it. A line that was asked which node it is a moment ago is let go of a moment later, so that it is tried again.
    func connect() async throws -> any CoAPLink {
        let end = ContinuousClock.now + .seconds(Self.patience)
        while true {
            do { return try await NodeOptions.finder.connect(locator) } catch let failure as Failure
                where failure.kind == .unreachable && address != nil && .now < end
            {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// The node that is meant: the one named, else the only one there is. With several the failure lists them, with names, states and owners.
    static func find(_ named: NodeName?) async throws -> NodePlace {
        switch named {
        case .place(let locator)?: return NodePlace(locator: locator)
        case .known(let name)?: return try await find(named: name)
        case nil: break
        }
        let found = try NodeOptions.finder.candidates()
        guard found.count > 1 else { return NodePlace(locator: try NodeOptions.finder.choose(nil)) }
        let lines = await List.Line.asking(found, timeout: patience, NodeBook(try Home.standard().nodeBook))
        throw Failure(
            .usage, "\(found.count) nodes could be meant", about: "\(found.count)",
            remedy: .nameNode(lines.map { .init($0.node, note: $0.note) }))
    }

    /// Seconds for a node that may be another one, or none.
    private static let patience = 2.0

    private static func find(named name: String) async throws -> NodePlace {
        let book = NodeBook(try Home.standard().nodeBook)
        let nodes = try book.nodes()
        let meant = nodes.filter { $0.name == name || $0.address.description == name.lowercased() }
        guard let node = meant.first else { throw unknown(name, nodes) }
        guard meant.count == 1 else {
            throw Failure(
                .usage, "\(meant.count) nodes are called “\(name)”", about: name,
                remedy: .nameNode(meant.map { .init($0.address.description, note: $0.place ?? "") }))
        }
        // Where it was bound first: it need not be among those that are found without being told of.
        let last = node.place.flatMap { try? NodeLocator(parsing: $0) }
        if let last, await isAt(last, node.address) { return NodePlace(locator: last, address: node.address) }
        let others = try NodeOptions.finder.candidates().filter { $0.obstacle == nil }.map(\.locator).filter { $0 != last }
        let found = await withTaskGroup(of: NodeLocator?.self) { group -> NodeLocator? in
            for locator in others { group.addTask { await isAt(locator, node.address) ? locator : nil } }
            for await locator in group {
                if let locator {
                    group.cancelAll()
                    return locator
                }
            }
            return nil
        }
        guard let found else {
            throw Failure(
                .unreachable, "“\(name)” (\(node.address)) is not in reach here", about: name,
                remedy: .inOrder([.advice("Plug it in, or say where it is"), .listNodes]))
        }
        return NodePlace(locator: found, address: node.address)
    }

    /// Whether the node there says that it is the one. What it says is not signed: what acts on it asks again, and signs for this address alone.
    private static func isAt(_ locator: NodeLocator, _ address: NodeAddress) async -> Bool {
        guard let link = try? await NodeOptions.finder.connect(locator) else { return false }
        let client = CoAPClient(link, name: locator.description, timing: .init(total: .seconds(patience)))
        let status = try? await NodeProbe(client).status()
        await client.close()
        return status?.address == address
    }

    private static func unknown(_ name: String, _ nodes: [KnownNode]) -> Failure {
        let names = nodes.compactMap(\.name)
        let near = Spelling.nearest(to: name, among: names).map { "did you mean “\($0)”?" }
        let known = names.isEmpty ? "no node has a name yet" : "there are \(names.map { "“\($0)”" }.joined(separator: ", "))"
        return Failure(
            .usage, "no node is called “\(name)”: \(near ?? known)", about: name,
            advice:
                "Write a name that was given at bind, node1…, emulated:NAME, serial:/dev/ttyACM0, usb:SERIAL or coap://host[:port][/name]"
        )
    }
}
