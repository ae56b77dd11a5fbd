// How a device is named on every command line, and how the one that is meant is found when none is named.
import Foundation
import Reporting

/// Where a device is: `emulated:NAME`, `serial:/dev/ttyACM0`, `usb:SERIAL`, `coap://host[:port][/name]`.
public enum DeviceLocator: Hashable, Sendable {
    case emulated(name: String)
    case serial(path: String)
    case usb(serialNumber: String)
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
            throw Failure(.usage, "“\(text)” does not say where a device is", advice: forms)
        }
        switch parts[0] {
        case "emulated": self = .emulated(name: parts[1])
        case "serial": self = .serial(path: parts[1])
        case "usb": self = .usb(serialNumber: parts[1])
        default: throw Failure(.usage, "“\(parts[0])” is no way to reach a device (in “\(text)”)", advice: forms)
        }
    }
}

extension DeviceLocator: CustomStringConvertible, Codable {
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

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A device that could be meant.
public struct DeviceCandidate: Hashable, Codable, Sendable {
    public let locator: DeviceLocator
    /// What is known without asking it: board, product name. May be empty.
    public let note: String
    /// Why it cannot be reached although it is there, nil when nothing is known against it.
    public let obstacle: Failure?

    public init(_ locator: DeviceLocator, note: String = "", obstacle: Failure? = nil) {
        self.locator = locator
        self.note = note
        self.obstacle = obstacle
    }
}

/// One way to find and reach devices: serial lines here, emulated boards and USB in their own modules.
public protocol DeviceSource: Sendable {
    /// Devices present now; fast, and talks to none of them.
    func candidates() throws -> [DeviceCandidate]
    /// Why this way to reach devices cannot be used here at all, nil when it can. The other ways still can.
    func obstacle() -> Failure?
    /// Opens a pipe to `locator`; nil if it belongs to another source, or leads over no pipe.
    func open(_ locator: DeviceLocator) async throws -> (any BytePipe)?
    /// Opens a link for CoAP messages to `locator`; nil if it belongs to another source. Over a pipe, in slipmux frames.
    func connect(_ locator: DeviceLocator) async throws -> (any CoAPLink)?
}

extension DeviceSource {
    public func obstacle() -> Failure? { nil }

    public func connect(_ locator: DeviceLocator) async throws -> (any CoAPLink)? {
        try await open(locator).map { SlipmuxLink($0) }
    }
}

/// Serial lines of USB adapters and boards.
public struct SerialSource: DeviceSource {
    let folder: String

    /// - Parameter folder: where device files are; `/dev` unless a test says otherwise.
    public init(folder: String = "/dev") { self.folder = folder }

    public func candidates() throws -> [DeviceCandidate] {
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
            return DeviceCandidate(.serial(path: path), note: notes[path] ?? "")
        }
    }

    public func open(_ locator: DeviceLocator) async throws -> (any BytePipe)? {
        guard case .serial(let path) = locator else { return nil }
        return try SerialLine.open(path: path)
    }
}

/// All ways to reach devices, and the rule for choosing one.
public struct DeviceFinder: Sendable {
    public let sources: [any DeviceSource]

    public init(_ sources: [any DeviceSource]) { self.sources = sources }

    public func candidates() throws -> [DeviceCandidate] { try sources.flatMap { try $0.candidates() } }

    /// Why some devices may be missing among the candidates.
    public func obstacles() -> [Failure] { sources.compactMap { $0.obstacle() } }

    /// The device that is meant: the one named, else the only one there is. With several, the failure lists them.
    public func choose(_ named: DeviceLocator?) throws -> DeviceLocator {
        if let named { return named }
        let found = try candidates()
        switch found.count {
        case 1: return found[0].locator
        case 0:
            if let obstacle = obstacles().first { throw obstacle }
            throw Failure(
                .unreachable, "no device was found",
                advice: "Plug one in, start one with “lightnode emulate”, or name one with --device")
        default:
            let list = found.map { "    --device \($0.locator)\($0.note.isEmpty ? "" : "   \($0.note)")" }.joined(separator: "\n")
            throw Failure(.usage, "\(found.count) devices could be meant", advice: "Name one of them:\n\(list)")
        }
    }

    /// Opens a link to the device at `locator`.
    public func connect(_ locator: DeviceLocator) async throws -> any CoAPLink {
        for source in sources {
            if let link = try await source.connect(locator) { return link }
        }
        throw Failure(
            .usage, "this program cannot reach “\(locator)”: it knows no way for that kind of address",
            advice: "Use an emulated:, serial:, usb: or coap: address")
    }
}
