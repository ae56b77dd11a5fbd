// lightnode devices: what a live node can be told.
import ArgumentParser
import ControlNode
import NodeProtocol

struct DevicesCommand: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List a node's devices: methods with their arguments and ranges, events, and state.",
        discussion: """
            EXAMPLE:
              lightnode devices
              lightnode devices lock --json

            Discovered from the node itself; needs no key.
            """)

    @Argument(help: "Only this device of the node.", completion: Completions.devices)
    var name: String?
    @OptionGroup var node: NodeOptions
    @OptionGroup var output: Output

    func run() async throws {
        let found = try await node.withClient { try await NodeProbe($0).devices() }
        let wanted = found.filter { name == nil || $0.name == name }
        if let name, wanted.isEmpty {
            throw ValidationError("The node has no device \"\(name)\". It has: \(found.map(\.name).joined(separator: ", ")).")
        }
        output.show(list: wanted.map(Entry.init), empty: "the node has no devices")
    }

    struct Entry: Encodable, CustomStringConvertible {
        let device: DeviceDescription

        func encode(to encoder: any Encoder) throws { try device.encode(to: encoder) }

        var description: String {
            let unit = device.unit.map { $0 == "bool" || $0 == "1" ? "" : " \($0)" } ?? ""
            var lines = ["\(device.name)  \(device.kind)\(device.state.map { " = \($0)\(unit)" } ?? "")"]
            if device.demandsFreshness { lines[0] += "  (fresh commands only)" }
            lines += device.methods.map { "    .\($0)" }
            if !device.events.isEmpty { lines.append("    tells: \(device.events.joined(separator: ", "))") }
            return lines.joined(separator: "\n")
        }
    }
}
