// lightnode bench: the figures of bench.json, measured under QEMU, with other implementations' beside them.
import ArgumentParser
import Benchmarks
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Image
import Reporting

struct Bench: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Measure boot, command latency, signatures and sizes in instructions and bytes.",
        discussion: """
            EXAMPLE:
              lightnode bench --board microbit --board mps2-an386

            QEMU counts instructions: a figure is the same on every computer, but for those of provision.* and emulator.*, which are this
            computer's. Those in modelled cycles are what Arm's manuals say that these instructions take on the board's core with memory
            that answers at once (Host/CycleModel). Images must be built before; the signature benchmarks
            are build/<board>/bench-ed25519….elf, those of the portable variant with -swift at the end of the name, those with the tables of larger boards with -large. The result is
            kept in build/bench.json, as an array of {"name", "board", "variant", "value", "unit"}.
            """)

    @Option(name: .shortAndLong, help: "The board; may be given several times.")
    var board: [String]
    @Option(help: ArgumentHelp("More rows of the same form, from another measurement.", valueName: "file"))
    var merge: [String] = []
    @OptionGroup var output: Output

    func run() async throws {
        let catalogue = try BoardCatalogue()
        var rows: [Row] = []
        for name in board { rows += try await measure(try catalogue.board(name), catalogue.root) }
        for file in merge { rows += try Self.read(Row.self, URL(fileURLWithPath: file)) }
        let file = catalogue.root.appendingPathComponent("build/bench.json")
        try Data(Output.encoded(rows).utf8).write(to: file, options: .atomic)
        let peers = try Self.read(Peer.self, catalogue.root.appendingPathComponent("Tools/peers.json"))
        if output.json { Output.write(Output.encoded(rows)) } else { Output.write(Self.table(rows, peers)) }
    }

    private func measure(_ board: Board, _ root: URL) async throws -> [Row] {
        let image = try CheckedImage(contentsOf: root.appendingPathComponent("build/\(board.name)/light-node.elf"), for: board)
        func row(_ name: String, _ variant: String, _ value: Int, _ unit: String) -> Row {
            Row(name: name, board: board.name, variant: variant, value: Double(value), unit: unit)
        }
        var rows: [Row] = []
        for variant in KeyBenchmark.Variant.allCases {
            let file = KeyBenchmark.image("bench-ed25519", variant, board: board, root: root)
            guard FileManager.default.fileExists(atPath: file.path) else {
                if variant == .large { continue }  // only boards with smaller tables have one
                Output.standardError(
                    "\(board.name): \(file.lastPathComponent) is not built, so ed25519.* (\(variant)) is left out")
                continue
            }
            let bench = try KeyBenchmark(board: board, variant: variant, root: root)
            func key(_ name: String, _ value: Int?, _ unit: String) {
                if let value { rows.append(row("ed25519." + name, variant.rawValue, value, unit)) }
            }
            for name in ["verify", "sign", "publicKey"] { key(name, bench.instructions[name], "instructions") }
            for name in ["verify", "sign", "publicKey"] { key(name + ".cycles", bench.cycles[name], "modelled cycles") }
            key("flash", bench.flash, "bytes")
            key("stack", bench.stack["verify"], "bytes")
            key("sign.stack", bench.stack["sign"], "bytes")
            key("sign.variation", bench.variation, "instructions")
            key("sign.leaks", bench.leaks, "places")
            guard bench.variation == 0, bench.leaks == 0 else {
                throw Failure(
                    .environment,
                    "signing on \(board.name) (\(variant)) is not as it must be: \(bench.variation) instructions between the quickest and "
                        + "the slowest of \(bench.keys) keys, \(bench.leaks) secrets left in RAM",
                    advice: "Measure again; when it stays so, look at what changed")
            }
        }
        let latency = try await LatencyMeasurement(image: image)
        let atChipSpeed = try await ProvisioningMeasurement(image: image, speed: .chip)
        let unthrottled = try await ProvisioningMeasurement(image: image, speed: .unthrottled)
        func seconds(_ name: String, _ variant: String, _ value: Double, _ unit: String = "seconds") -> Row {
            Row(name: name, board: board.name, variant: variant, value: (value * 10_000).rounded() / 10_000, unit: unit)
        }
        let flash = try await FlashCostMeasurement(image: image)
        let size = try ImageSize(try image.linked(), board: board)
        let stack = try await StackMeasurement(image: image)
        return rows + [
            row("boot.ready", "empty store", latency.bootBlank, "instructions"),
            row("boot.ready", "owned", latency.bootOwned, "instructions"),
            row("boot.ready", "full store", latency.bootFull, "instructions"),
            row("command.latency", "owner", latency.command, "instructions"),
            row("command.latency", "grant", latency.commandUnderGrant, "instructions"),
            row("image.flash", "light-node", size.total.flash, "bytes"),
            row("image.ram", "light-node", size.total.ram, "bytes"), row("image.stack", "light-node", stack.used, "bytes"),
            seconds("emulator.exact_flash", "command without it", flash.command),
            seconds("emulator.exact_flash", "share of a command", 100 * flash.share, "percent"),
            seconds("provision.seconds_per_device", "total", atChipSpeed.node + atChipSpeed.station),
            seconds("provision.seconds_per_device", "node, at its chip's speed", atChipSpeed.node),
            seconds("provision.seconds_per_device", "station", atChipSpeed.station),
            seconds("provision.seconds_per_device", "node, emulator unthrottled", unthrottled.node),
            seconds("provision.station_share", "node at its chip's speed", 100 * atChipSpeed.share, "percent"),
            seconds("provision.station_share", "emulator unthrottled", 100 * unthrottled.share, "percent"),
        ] + (size.modules["USBDevice"].map { [row("usb.flash", "stack without controller", $0.flash, "bytes")] } ?? [])
    }

    private static func read<Item: Decodable>(_ type: Item.Type, _ file: URL) throws -> [Item] {
        do { return try JSONDecoder().decode([Item].self, from: Data(contentsOf: file)) } catch {
            throw Failure(
                .environment, "\(file.path) cannot be read: \(error)", about: "\(file.path)",
                advice: "Restore it from the repository, or measure it again")
        }
    }

    /// One figure of bench.json.
    struct Row: Codable {
        let name, board, variant: String
        let value: Double
        let unit: String
    }

    /// A figure of somebody else's, as published or measured: Tools/peers.json.
    struct Peer: Codable {
        let name, board, peer: String
        let value: Double
        let unit: String
        /// Where the figure comes from.
        let source: String
    }

    static func table(_ rows: [Row], _ peers: [Peer]) -> String {
        func cell(_ text: String, _ width: Int) -> String {
            text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
        }
        func number(_ value: Double) -> String {
            let digits = String(Int(value.rounded()))
            if abs(value) < 1000 { return value == value.rounded() ? digits : String(format: "%.3g", value) }
            let groups = stride(from: digits.count, to: 0, by: -3).map { end in
                let start = max(0, end - 3)
                return String(Array(digits)[start..<end])
            }
            return groups.reversed().joined(separator: ",")
        }
        func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
        var lines: [String] = []
        for board in rows.map(\.board).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
            lines.append(board)
            for row in rows where row.board == board {
                lines.append("  " + cell(row.name, 30) + cell(row.variant, 40) + right(number(row.value), 14) + "  " + row.unit)
                let others = peers.filter { $0.board == board && $0.name == row.name }
                for peer in others where rows.first(where: { $0.board == board && $0.name == row.name })?.variant == row.variant {
                    lines.append(
                        "  " + cell("", 30) + cell(peer.peer, 40) + right(number(peer.value), 14) + "  " + peer.unit
                            + String(format: "  (%.2f × ours)", peer.value / row.value))
                }
            }
        }
        return lines.joined(separator: "\n")
    }
}
