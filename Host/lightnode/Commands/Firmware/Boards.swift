// lightnode boards: what can be built for, emulated and flashed.
import ArgumentParser
import BoardFacts
import Emulation

struct Boards: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "List the boards, or show one.",
        discussion: """
            EXAMPLE:
              lightnode boards microbit --json
            """)

    @Argument(help: "Show this board alone, with all that is known of it.")
    var name: String?
    @OptionGroup var output: Output

    func run() throws {
        let catalogue = try BoardCatalogue()
        if let name {
            output.show(Detail(board: try catalogue.board(name)))
        } else {
            output.show(list: try catalogue.boards().map { Line($0, qemu: try? QEMU.installed(for: $0)) }, empty: "no boards")
        }
    }

    struct Line: Encodable, CustomStringConvertible {
        let name: String
        let title: String
        /// "yes", or why not.
        let emulated: String

        init(_ board: Board, qemu: QEMU?) {
            name = board.name
            title = board.title
            emulated = qemu.map { $0.obstacle(to: board) ?? "yes" } ?? "QEMU is not installed"
        }

        var description: String {
            name.padding(toLength: 16, withPad: " ", startingAt: 0) + title
                + (emulated == "yes" ? "  [emulated]" : "  [\(emulated)]")
        }
    }

    struct Detail: Encodable, CustomStringConvertible {
        let board: Board

        func encode(to encoder: any Encoder) throws { try board.encode(to: encoder) }

        var description: String {
            var lines = [
                "\(board.name): \(board.title)", "flash     \(board.flash.size.int / 1024) KB at \(board.flash.address)",
                "RAM       \(board.ram.size.int / 1024) KB at \(board.ram.address)",
            ]
            if let boot = board.boot { lines.append("boot      \(boot.size.int / 1024) KB at \(boot.address)") }
            if let store = board.store {
                lines.append("store     \(store.size.int / 1024) KB at \(store.address), pages from \(store.page.int) bytes")
            }
            lines.append("emulator  " + (board.emulator.map { "QEMU \($0.machine), \($0.minimumVersion) or newer" } ?? "none"))
            lines.append("flashing  " + (board.flashing.isEmpty ? "none" : board.flashing.joined(separator: ", ")))
            lines += board.usb.map { "USB       \($0.vendor):\($0.product) \($0.role)" }
            return lines.joined(separator: "\n")
        }
    }
}
