// How a node is named on every command line, and how the one that is meant is found when none is named.
import Foundation
import Reporting

/// Where a node is: `emulated:NAME`, `serial:/dev/ttyACM0`, `usb:SERIAL`, `coap://host[:port][/name]`.
public enum NodeLocator: Hashable, Sendable {
    /// A board in QEMU, by the name that it was started under.
    case emulated(name: String)
    /// A serial line, by the path of its device file.
    case serial(path: String)
    /// A node on USB, by its serial number or, when another has that too, by its port ("1-4.2").
    case usb(serialNumber: String)
    /// A node on the network, or one behind a gateway, by the whole URL.
    case coap(url: String)

    /// Reads a locator; a failure lists the forms.
    public init(parsing text: String) throws {
        let forms = "Write emulated:NAME, serial:/dev/ttyACM0, usb:SERIAL or coap://host[:port][/name]"
        if text.lowercased().hasPrefix("coap://") {
            guard let host = URLComponents(string: text)?.host, !host.isEmpty else {
                throw Failure(.usage, "“\(text)” names no host", advice: forms)
            }
            self = .coap(url: text)
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw Failure(.usage, "“\(text)” does not say where a node is", advice: forms)
        }
        switch parts[0] {
        case "emulated": self = .emulated(name: parts[1])
        case "serial": self = .serial(path: parts[1])
        case "usb": self = .usb(serialNumber: parts[1])
        default: throw Failure(.usage, "“\(parts[0])” is no way to reach a node (in “\(text)”)", advice: forms)
        }
    }
}

extension NodeLocator: Codable, EncodedAsText {
    public var description: String {
        switch self {
        case .emulated(let name): "emulated:\(name)"
        case .serial(let path): "serial:\(path)"
        case .usb(let serialNumber): "usb:\(serialNumber)"
        case .coap(let url): url
        }
    }

    public init(from decoder: any Decoder) throws {
        try self.init(parsing: try decoder.singleValueContainer().decode(String.self))
    }
}

/// A node that could be meant.
public struct NodeCandidate: Hashable, Codable, Sendable {
    /// What `--node` takes for it.
    public let locator: NodeLocator
    /// What is known without asking it: board, product name. May be empty.
    public let note: String
    /// Why it cannot be reached although it is there, nil when nothing is known against it.
    public let obstacle: Failure?

    /// - Parameters:
    ///   - note: what is known without asking it; may hold foreign text.
    ///   - obstacle: why it cannot be reached although it is there.
    public init(_ locator: NodeLocator, note: String = "", obstacle: Failure? = nil) {
        self.locator = locator
        self.note = note
        self.obstacle = obstacle
    }
}

/// One way to find and reach nodes: serial lines here, emulated boards and USB in their own modules.
public protocol NodeSource: Sendable {
    /// Nodes present now; fast, and talks to none of them.
    /// - Throws: `Failure` when it cannot be told.
    func candidates() throws -> [NodeCandidate]
    /// Why this way to reach nodes cannot be used here at all, nil when it can. The other ways still can.
    func obstacle() -> Failure?
    /// Opens a pipe to `locator`; nil if it belongs to another source, or leads over no pipe.
    /// - Throws: `Failure`, of kind `unreachable` when it is not there or in use, of kind `environment` when it may not be
    ///   opened.
    func open(_ locator: NodeLocator) async throws -> (any BytePipe)?
    /// Opens a link for CoAP messages to `locator`; nil if it belongs to another source. Over a pipe, in slipmux frames.
    /// - Throws: as `open`.
    func connect(_ locator: NodeLocator) async throws -> (any CoAPLink)?
}

extension NodeSource {
    /// None: a source that needs nothing of the computer.
    public func obstacle() -> Failure? { nil }

    /// Frames what `open` gives; a source that needs no framing has its own.
    public func connect(_ locator: NodeLocator) async throws -> (any CoAPLink)? {
        try await open(locator).map { SlipmuxLink($0) }
    }
}

/// Serial lines of USB adapters and boards.
public struct SerialSource: NodeSource {
    let folder: String

    /// - Parameter folder: where device files are; `/dev` unless a test says otherwise.
    public init(folder: String = "/dev") { self.folder = folder }

    /// The lines of USB adapters and boards (`ttyACM*`, `ttyUSB*`, `cu.usb*`), sorted by name; whether a node is at one is not
    /// known. Empty when the folder cannot be read.
    public func candidates() throws -> [NodeCandidate] {
        let manager = FileManager.default
        // by-id has readable names for the same lines.
        var notes: [String: String] = [:]
        for name in (try? manager.contentsOfDirectory(atPath: folder + "/serial/by-id")) ?? [] {
            let target = URL(fileURLWithPath: folder + "/serial/by-id/" + name).resolvingSymlinksInPath().path
            notes[target] = name
        }
        let names = (try? manager.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix("ttyACM") || $0.hasPrefix("ttyUSB") || $0.hasPrefix("cu.usb") }.sorted().map { name in
            let path = folder + "/" + name
            return NodeCandidate(.serial(path: path), note: notes[path] ?? "")
        }
    }

    /// - Throws: what `SerialLine.open` throws.
    public func open(_ locator: NodeLocator) async throws -> (any BytePipe)? {
        guard case .serial(let path) = locator else { return nil }
        return try SerialLine.open(path: path)
    }
}

/// All ways to reach nodes, and the rule for choosing one.
public struct NodeFinder: Sendable {
    /// Asked in this order; the first that knows a locator opens it.
    public let sources: [any NodeSource]

    /// - Parameter sources: one of each kind that this program can use.
    public init(_ sources: [any NodeSource]) { self.sources = sources }

    /// The nodes of all sources, in the order of these; talks to none of them.
    /// - Throws: what a source throws; the nodes of the others are lost then.
    public func candidates() throws -> [NodeCandidate] { try sources.flatMap { try $0.candidates() } }

    /// Why some nodes may be missing among the candidates.
    public func obstacles() -> [Failure] { sources.compactMap { $0.obstacle() } }

    /// The node that is meant: the one named, else the only one there is. With several, the failure lists them.
    public func choose(_ named: NodeLocator?) throws -> NodeLocator {
        if let named { return named }
        let found = try candidates()
        switch found.count {
        case 1: return found[0].locator
        case 0:
            if let obstacle = obstacles().first { throw obstacle }
            throw Failure(
                .unreachable, "no node was found",
                remedy: .either([.advice("Plug one in"), .startEmulated(board: nil, name: nil), .nameNode([])]))
        default:
            throw Failure(
                .usage, "\(found.count) nodes could be meant", about: "\(found.count)",
                remedy: .nameNode(found.map { .init($0.locator.description, note: Quoted.line($0.note)) }))
        }
    }

    /// Opens a link to the node at `locator`.
    /// - Throws: `Failure`, of kind `usage` when no source knows such an address; what the source throws.
    public func connect(_ locator: NodeLocator) async throws -> any CoAPLink {
        for source in sources {
            if let link = try await source.connect(locator) { return link }
        }
        throw Failure(
            .usage, "this program cannot reach “\(locator)”: it knows no way for that kind of address",
            advice: "Use an emulated:, serial:, usb: or coap: address")
    }
}
