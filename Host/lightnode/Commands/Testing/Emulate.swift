// lightnode emulate: boards in QEMU that other commands address by name.
import ArgumentParser
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Image
import Reporting

struct Emulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run boards in QEMU; their flash outlives them.",
        discussion: """
            EXAMPLE:
              lightnode emulate start --board microbit --name kitchen --detach
              lightnode status --node emulated:kitchen
              lightnode emulate press kitchen button-a
              lightnode emulate pins kitchen
              lightnode emulate log kitchen --follow
              lightnode emulate stop kitchen

            State is in $LIGHTNODE_HOME/emulated, else $XDG_STATE_HOME/lightnode/emulated, else $HOME/.local/state/lightnode/emulated; a board
            keeps a copy of its image.
            """,
        subcommands: [
            EmulateStart.self, EmulateList.self, EmulateVerb<StopDeed>.self, EmulateVerb<PowerCycleDeed>.self,
            EmulateVerb<ResetDeed>.self, EmulatePress.self, EmulateRelease.self, EmulateSet.self, EmulatePins.self,
            EmulateDisplay.self, EmulateLog.self, EmulateDebug.self, EmulateVerb<USBDeed>.self, EmulateVerb<UnplugDeed>.self,
            EmulateVerb<PlugDeed>.self, EmulateVerb<RemoveDeed>.self,
        ],
        defaultSubcommand: EmulateStart.self)

    /// A named board as it is listed.
    struct Line: Encodable, CustomStringConvertible {
        let name, node, board, uart: String
        let isOn: Bool
        let usb: String?

        init(_ record: EmulatedBoardRecord, isOn: Bool) {
            name = record.name
            node = "emulated:\(record.name)"
            board = record.board.name
            self.isOn = isOn
            uart = record.uart
            usb = record.usb
        }

        var description: String { "\(node)  \(board)  \(isOn ? "on" : "off")" }
    }

    /// What was done to a board.
    struct Done: Encodable, CustomStringConvertible {
        let name: String?
        let did: String

        var description: String { (name.map { "\($0): " } ?? "") + did }
    }
}

struct EmulateStart: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Turn a board on; it runs until Ctrl-C, or with --detach until it is stopped.",
        discussion: """
            EXAMPLE:
              lightnode emulate start --board microbit --name kitchen --detach

            A board with USB offers it on a usbredir socket (lightnode emulate usb NAME shows it): for a virtual machine, or for any
            program under Tools/with-usb.
            """)

    @Option(name: .shortAndLong, help: "The kind of board.")
    var board: String?
    @Option(name: .shortAndLong, help: "Its name; the kind of board when not given.")
    var name: String?
    @Option(help: "An image to program: ELF, Intel HEX or binary. Otherwise the one it has; a new board's is built.")
    var image: String?
    @Option(help: "The application to build for a new board.")
    var application = "light-node"
    @Flag(help: "Build and program the application even if the board has an image.")
    var rebuild = false
    @Flag(help: "Return when the board is on.")
    var detach = false
    @OptionGroup var former: FormerEmulateOptions
    @OptionGroup var output: Output

    func run() throws {
        let boards = EmulatedBoards()
        if let deed = former.deed { return try deed(boards, output) }
        guard let kind = board ?? name.flatMap({ try? boards.record($0).board.name }) else {
            throw Failure(.environment, "no board is named", remedy: .nameBoard(try BoardCatalogue().names))
        }
        let name = name ?? kind
        try Supervisor.requireOff(name, boards)
        let existing = try? boards.record(name)
        // What is known of a board is kept with it, but for what older releases did not keep.
        let facts =
            if let existing, existing.board.name == kind, existing.board.seen != nil { existing.board } else {
                try BoardCatalogue().board(kind)
            }
        var program = try image.map { try CheckedImage(contentsOf: URL(fileURLWithPath: $0), for: facts) }
        if program == nil, existing == nil || rebuild {
            program = try FirmwareBuilder.shown(try BoardCatalogue()).build(board: facts, product: application)
        }
        if detach {
            // Built here, where its progress is seen.
            let built = program.map { ["--image", $0.source.path] } ?? []
            let record = try Steps.during("starting \(name)") {
                try Self.detach(["emulate", "start", "--board", kind, "--name", name] + built, name: name, timeout: 60)
            }
            output.show(Emulate.Line(record, isOn: true))
            return
        }
        let supervisor = try program.map { try Supervisor(name: name, image: $0) } ?? Supervisor(name: name, board: facts)
        output.show(Emulate.Line(supervisor.record, isOn: true))
        output.say("Ctrl-C turns it off.")
        try supervisor.run()
        output.say("\(name) is off; its flash is saved.")
    }

    /// Runs this program with these arguments in the background until its board is on; what it fails with is this one's failure.
    static func detach(_ arguments: [String], name: String, timeout: Double) throws -> EmulatedBoardRecord {
        try Supervisor.detach(executable: executable, arguments: arguments + ["--json"], name: name, timeout: timeout)
    }

    /// This program, wherever it was found.
    private static var executable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }
}

/// What the verbs of `emulate` were before they became subcommands; accepted for one release.
struct FormerEmulateOptions: ParsableArguments {
    @Flag(help: .hidden) var list = false
    @Option(help: .hidden) var stop: String?
    @Option(help: .hidden) var powerCycle: String?
    @Option(help: .hidden) var reset: String?
    @Option(help: .hidden) var display: String?
    @Option(help: .hidden) var usb: String?
    @Option(help: .hidden) var unplug: String?
    @Option(help: .hidden) var plug: String?
    @Option(help: .hidden) var remove: String?

    /// What was asked for in the former way; nil when nothing was.
    var deed: ((EmulatedBoards, Output) throws -> Void)? {
        if list { return EmulateList.show }
        let deeds: [(String?, any EmulationDeed.Type)] = [
            (stop, StopDeed.self), (powerCycle, PowerCycleDeed.self), (reset, ResetDeed.self), (display, DisplayDeed.self),
            (usb, USBDeed.self), (unplug, UnplugDeed.self), (plug, PlugDeed.self), (remove, RemoveDeed.self),
        ]
        for case (let name?, let deed) in deeds { return { try deed.act(on: name, $0, $1) } }
        return nil
    }
}
