// lightnode debug: a debugger at a board that runs, with the sources of its image.
import ArgumentParser
import BoardFacts
import Emulation
import Flashing
import Foundation
import Programs
import Reporting

struct Debug: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Attach gdb to a board that runs, with the sources of its image.",
        discussion: """
            EXAMPLE:
              lightnode debug --node emulated:kitchen
              lightnode debug --board microbit
              lightnode debug --node emulated:kitchen -- -batch -ex 'break main.swift:7' -ex continue -ex backtrace

            The processor stands still from then on; it goes on when the debugger ends. What follows “--” goes to gdb. gdb is gdb-multiarch, or
            arm-none-eabi-gdb where that alone is installed. Behind a probe OpenOCD is its server.
            """)

    @OptionGroup var place: DebugTargetOptions
    @Option(
        help: ArgumentHelp(
            "The image with the symbols; otherwise the one that an emulated board has, or build/BOARD/light-node.elf.",
            valueName: "elf"))
    var image: String?
    @Argument(parsing: .postTerminator, help: "More for gdb.")
    var arguments: [String] = []
    @OptionGroup var output: Output

    func run() throws {
        let status: Int32
        switch try place.target() {
        case .emulated(let name): status = try Self.debug(name, image: image, arguments)
        case .probe(let way, let board, let probe):
            let root = try BoardCatalogue().root
            let log = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-openocd-\(getpid()).log")
            let image = image ?? root.appendingPathComponent("build/\(board.name)/light-node.elf").path
            status = try Debugger().run(image, [try way.debugTarget(board, probe, log: log)], arguments)
        }
        if status != 0 { throw ExitCode(status) }
    }

    /// At an emulated board; it runs on afterwards.
    static func debug(_ name: String, image: String?, _ arguments: [String]) throws -> Int32 {
        let boards = EmulatedBoards()
        _ = try boards.find(name)
        let debugger = try Debugger()
        let socket = try boards.request(name, .openDebugger)
        defer { _ = try? boards.request(name, .closeDebugger) }
        let image = image ?? boards.stateFolder(name).appendingPathComponent("image.elf").path
        return try debugger.run(image, ["target remote \(socket)"], arguments)
    }
}

/// gdb for Arm, as this computer has it.
private struct Debugger {
    private let tool: Tool

    /// - Throws: `Failure` when there is none.
    init() throws {
        let names = ["gdb-multiarch", "arm-none-eabi-gdb"]
        guard let found = names.map({ Tool($0, package: "gdb-multiarch") }).first(where: \.isInstalled) else {
            throw Failure(
                .environment, "no gdb for Arm is in PATH", advice: "Install it: apt-get install gdb-multiarch")
        }
        tool = found
    }

    func run(_ image: String, _ commands: [String], _ arguments: [String]) throws -> Int32 {
        guard FileManager.default.isReadableFile(atPath: image) else {
            throw Failure(
                .environment, "the image with the symbols, \(image), cannot be read", about: image, remedy: .build(board: nil))
        }
        let sources = (try? BoardCatalogue().root).map { ["-ex", "directory \($0.path)"] } ?? []
        return try tool.runInForeground(
            ["-q", "-iex", "set complaints 0", "-ex", "set confirm off", "-ex", "set pagination off"] + sources
                + commands.flatMap { ["-ex", $0] } + arguments
                + [image])
    }
}

struct EmulateDebug: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "debug", abstract: "Attach gdb to a board, with the sources of its image.",
        discussion: """
            EXAMPLE:
              lightnode emulate debug kitchen
              lightnode emulate debug kitchen -- -batch -ex 'info registers'

            As `lightnode debug --node emulated:NAME`.
            """)

    @Argument(help: "The board's name.") var name: String
    @Argument(parsing: .postTerminator, help: "More for gdb.") var arguments: [String] = []
    @OptionGroup var output: Output

    func run() throws {
        let status = try Debug.debug(name, image: nil, arguments)
        if status != 0 { throw ExitCode(status) }
    }
}
