// lightnode size: flash, static RAM and stack of an image, per board and module, against the board's budget.
import ArgumentParser
import Benchmarks
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Image
import Reporting

struct Size: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Show where an image's flash and RAM go, and whether it keeps its board's budget.",
        discussion: """
            EXAMPLE:
              lightnode size --board microbit --board mps2-an386
              lightnode size --board microbit --compare build/size.json

            Budgets are in board.json. The stack is measured by running the light node in QEMU from provisioning to a command.
            Exits with 7 when an image is over budget. The result is kept in build/size.json.
            """)

    @Argument(help: "The application, built before.")
    var application = "light-node"
    @Option(name: .shortAndLong, help: "The board; may be given several times.")
    var board: [String]
    @Option(help: "Lines per board.")
    var top = 20
    @Flag(inversion: .prefixedNo, help: "Run the board to measure its stack (light-node only).")
    var stack = true
    @Option(help: ArgumentHelp("Tell what grew since this result.", valueName: "file"))
    var compare: String?
    @OptionGroup var output: Output

    func run() async throws {
        let catalogue = try BoardCatalogue()
        let kept = catalogue.root.appendingPathComponent("build/size.json")
        let former = try compare.map { try Self.read(URL(fileURLWithPath: $0)) } ?? (try? Self.read(kept)) ?? []
        var reports: [Report] = []
        for name in board {
            let board = try catalogue.board(name)
            let file = catalogue.root.appendingPathComponent("build/\(name)/\(application).elf")
            let image = try ELFImage(contentsOf: file)
            let size = try ImageSize(image, board: board)
            let canRun = stack && application == "light-node" && board.emulator != nil
            let measured = canRun ? try await StackMeasurement(image: CheckedImage(contentsOf: file, for: board)) : nil
            var report = Report(
                board: name, application: application, image: size, stack: measured, budget: board.budgets?[application], top: top
            )
            report.judge(former: former.first { $0.board == name && $0.application == application }?.image)
            reports.append(report)
        }
        output.show(list: reports, empty: "")
        if compare == nil { try? Data(Output.encoded(reports).utf8).write(to: kept, options: .atomic) }
        if reports.contains(where: { !$0.excesses.isEmpty }) { throw ExitCode(ExitStatus.overBudget.rawValue) }
    }

    private static func read(_ file: URL) throws -> [Report] {
        do { return try JSONDecoder().decode([Report].self, from: Data(contentsOf: file)) } catch {
            throw Failure(
                .environment, "\(file.path) is no result of this command", about: "\(file.path)",
                advice: "Write one with this command, as JSON")
        }
    }

    struct Report: Codable, CustomStringConvertible {
        let board: String
        let application: String
        let image: ImageSize
        let stack: StackMeasurement?
        let budget: Board.Budget?
        let top: Int
        /// What is over budget, in words.
        var excesses: [String] = []
        var growth: String?

        mutating func judge(former: ImageSize?) {
            func check(_ what: String, _ used: Int?, _ allowed: Word?) {
                guard let used, let allowed, used > allowed.int else { return }
                excesses.append(
                    "\(what) is \(Self.bytes(used)), \(Self.bytes(used - allowed.int)) over its \(Self.bytes(allowed.int))")
            }
            check("flash", image.total.flash, budget?.flash)
            check("static RAM", image.total.ram, budget?.ram)
            check("stack", stack?.used, budget?.stack)
            guard let former else { return }
            growth = image.grewMost(since: former).map {
                "\($0.name) grew most since the former result, by \(Self.bytes($0.bytes))"
            }
        }

        private static func bytes(_ count: Int) -> String { "\(count) bytes" }

        private func share(_ used: Int, _ allowed: Word?) -> String {
            guard let allowed else { return "" }
            return " of \(allowed.int) (\(Int((Double(used) / Double(allowed.int) * 100).rounded())) %)"
        }

        var description: String {
            var lines = ["\(board) \(application)"]
            lines.append("  flash       \(image.total.flash)\(share(image.total.flash, budget?.flash))")
            lines.append("  static RAM  \(image.total.ram)\(share(image.total.ram, budget?.ram))")
            if let stack {
                lines.append(
                    "  stack       \(stack.used)\(share(stack.used, budget?.stack)), measured in QEMU; there are \(stack.size)")
            }
            lines.append("  " + Self.column("module", 30) + Self.right("flash", 8) + Self.right("RAM", 8))
            for (name, size) in image.largest.prefix(top) {
                lines.append("  " + Self.column(name, 30) + Self.right("\(size.flash)", 8) + Self.right("\(size.ram)", 8))
            }
            if image.modules.count > top { lines.append("  … and \(image.modules.count - top) smaller ones (--top)") }
            lines += excesses.map { "  OVER BUDGET: \($0)" }
            if let growth { lines.append("  \(growth)") }
            return lines.joined(separator: "\n") + "\n"
        }

        private static func column(_ text: String, _ width: Int) -> String {
            text.padding(toLength: width, withPad: " ", startingAt: 0)
        }
        private static func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(1, width - text.count)) + text
        }
    }
}
