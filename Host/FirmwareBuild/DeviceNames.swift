// The device names and methods that an application writes, `` `$`("led").on() ``, checked against its board before anything is built. The
// compiler decides the same, but only when it links, and then knows neither the line nor what there is instead.
import Foundation
import Reporting

/// What the drivers say of themselves in Firmware/Drivers.
struct Drivers {
    /// Their interfaces by the name of the driver, "Lock": "open(for:ms 100..60000=5000);close|lock:bool|relocked".
    private(set) var interfaces: [String: String] = [:]
    /// What an interface must begin with for a method of `DeviceHandle`: several when drivers share a name.
    private(set) var methods: [String: Set<String>] = [:]

    init(in catalogue: BoardCatalogue) throws {
        for file in try swiftFiles(catalogue.root.appendingPathComponent("Firmware/Drivers"), with: "interface") {
            for item in try SyntaxTree(file).items {
                if item.kind == "struct_decl", let driver = item.name,
                    let interface = item.list("members").first(where: { $0.kind == "var_decl" && $0.name == "interface" })
                {
                    interfaces[driver] = interface.all.first { $0.kind == "string_literal_expr" }?.fields["value"] as? String
                }
                // The handle itself is a struct, its drivers' methods are extensions.
                guard item.kind == "extension_decl" else { continue }
                for method in item.list("members") where method.kind == "func_decl" { add(method) }
            }
        }
    }

    private mutating func add(_ method: SyntaxTree.Node) {
        for call in method.all where call.kind == "call_expr" && ["call", "raised"].contains(call["fn"]?.name ?? "") {
            let text = call["args"]?.all.first { $0.kind == "string_literal_expr" }?.fields["value"] as? String
            if let name = method.name, let text { methods[name, default: []].insert(text) }
        }
    }
}

/// The Swift files below `folder` that contain `text`, in order.
private func swiftFiles(_ folder: URL, with text: String) throws -> [URL] {
    let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".swift") }.sorted().map { folder.appendingPathComponent($0) }
        .filter { (try? String(contentsOf: $0, encoding: .utf8))?.contains(text) == true }
}

/// The names that one application or suite writes.
struct DeviceNames {
    private let catalogue: BoardCatalogue
    private let wiring: BoardWiring
    /// Read when the first file names a device.
    private var drivers: Drivers?

    init(_ wiring: BoardWiring, in catalogue: BoardCatalogue) {
        (self.wiring, self.catalogue) = (wiring, catalogue)
    }

    /// - Throws: `Failure` with each line that names what the board has not, and what it has.
    mutating func check(_ folder: String) throws {
        let files = try swiftFiles(catalogue.root.appendingPathComponent(folder), with: "`$`(")
        if files.isEmpty { return }
        let drivers = try self.drivers ?? Drivers(in: catalogue)
        self.drivers = drivers
        let faults = files.flatMap { self.faults($0, drivers) }
        guard faults.isEmpty else { throw Failure(.environment, faults.joined(separator: "\n  "), remedy: .showLayout) }
    }

    private func faults(_ file: URL, _ drivers: Drivers) -> [String] {
        // What does not parse the compiler reports itself, when it gets there.
        guard let tree = try? SyntaxTree(file) else { return [] }
        let path = file.path.replacingOccurrences(of: catalogue.root.path + "/", with: "")
        var found: [(line: Int, fault: String)] = []
        func add(_ name: String, _ rest: String, _ fault: String) {
            let handle = "`$`(\"\(name)\")"
            var lines = tree.lines(containing: handle + rest)
            // A call that is broken over lines.
            if lines.isEmpty { lines = tree.lines(containing: handle) }
            for line in lines where !found.contains(where: { $0 == (line, fault) }) { found.append((line, fault)) }
        }
        for node in tree.items.flatMap(\.all) {
            if let name = Self.named(node), !wiring.devices.contains(where: { $0.name == name }) {
                let names = wiring.devices.map(\.name).joined(separator: ", ")
                add(name, "", "\(wiring.board) has no device \"\(name)\". It has: \(names).")
            }
            guard node.kind == "unresolved_dot_expr", let method = node.fields["field"] as? String,
                let name = node["base"].flatMap(Self.named), let device = wiring.devices.first(where: { $0.name == name }),
                let beginnings = drivers.methods[method], let interface = drivers.interfaces[device.driver],
                !beginnings.contains(where: interface.hasPrefix)
            else { continue }
            add(
                name, ".\(method)(",
                "\"\(name)\" of \(wiring.board), a \(device.driver), has no \(method)(). Its interface: \(interface)")
        }
        return found.sorted { $0.line < $1.line }.map { "\(path):\($0.line): \($0.fault)" }
    }

    /// The name in `` `$`("name") ``, if `node` is that.
    private static func named(_ node: SyntaxTree.Node) -> String? {
        guard node.kind == "call_expr", node["fn"]?.name == "$" else { return nil }
        let argument = node["args"]?.list("args").first?["expr"]
        return argument?.kind == "string_literal_expr" ? argument?.fields["value"] as? String : nil
    }
}

extension SyntaxTree {
    /// The lines, counted from 1, whose code contains `text`; comments do not count. Expressions have no place in the tree.
    func lines(containing text: String) -> [Int] {
        String(decoding: source, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .filter { _, line in (line.range(of: "//").map { line[..<$0.lowerBound] } ?? line).contains(text) }
            .map { $0.offset + 1 }
    }
}
