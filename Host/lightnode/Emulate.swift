// lightnode emulate: boards in QEMU that other commands address by name.
import ArgumentParser
import Emulation
import FirmwareBuild
import Foundation

struct Emulate: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Run a board in QEMU; its flash outlives it.",
        discussion: """
            EXAMPLE:
              lightnode emulate --board microbit --name kitchen --detach
              lightnode status --device emulated:kitchen
              lightnode emulate --power-cycle kitchen
              lightnode emulate --stop kitchen

            A board with USB offers it on a usbredir socket (--usb NAME shows it): for a virtual machine, or for any program under
            Tools/with-usb.

            Without --detach the board runs until Ctrl-C. State is in $LIGHTNODE_HOME/emulated, else
            ~/.local/state/lightnode/emulated; the board keeps a copy of its image.
            """)

    @Option(name: .shortAndLong, help: "The kind of board.")
    var board: String?
    @Option(name: .shortAndLong, help: "Its name; the kind of board when not given.")
    var name: String?
    @Option(help: "An image to program (ELF). Otherwise the one it has; a new board's is built.")
    var image: String?
    @Option(help: "The application to build for a new board.")
    var application = "light-node"
    @Flag(help: "Build and program the application even if the board has an image.")
    var rebuild = false
    @Flag(help: "Return when the board is on.")
    var detach = false
    @Flag(help: "List the named boards.")
    var list = false
    @Option(help: ArgumentHelp("Save this board's flash and turn it off.", valueName: "name"))
    var stop: String?
    @Option(help: ArgumentHelp("Turn this board off and on again.", valueName: "name"))
    var powerCycle: String?
    @Option(help: ArgumentHelp("Reset this board's chip.", valueName: "name"))
    var reset: String?
    @Option(help: ArgumentHelp("Draw this board's lights as QEMU's registers show them.", valueName: "name"))
    var display: String?
    @Option(
        help: ArgumentHelp(
            "Show this board's USB: socket, device, and what it does against the specification.", valueName: "name"))
    var usb: String?
    @Option(help: ArgumentHelp("Pull this board's USB cable.", valueName: "name"))
    var unplug: String?
    @Option(help: ArgumentHelp("Plug this board's USB cable in again.", valueName: "name"))
    var plug: String?
    @Option(help: ArgumentHelp("Forget this stopped board, its flash too.", valueName: "name"))
    var remove: String?
    @OptionGroup var output: Output

    func run() throws {
        let boards = EmulatedBoards()
        if list {
            output.show(
                list: try boards.names.map { Line(try boards.record($0), isOn: boards.isRunning($0)) },
                empty: "no emulated boards")
        } else if let stop {
            try boards.stop(stop)
            output.show(Done(name: stop, did: "stopped; its flash is saved"))
        } else if let powerCycle {
            _ = try boards.request(powerCycle, .powerCycle)
            output.show(Done(name: powerCycle, did: "off and on again"))
        } else if let reset {
            _ = try boards.request(reset, .reset)
            output.show(Done(name: reset, did: "reset"))
        } else if let display {
            output.show(Done(name: nil, did: try boards.request(display, .display)))
        } else if let usb {
            let answer = try boards.request(usb, .usbState)
            output.show(Bus(try JSONDecoder().decode(USBState.self, from: Data(answer.utf8))))
        } else if let unplug {
            _ = try boards.request(unplug, .plugUSB(false))
            output.show(Done(name: unplug, did: "its USB cable is out"))
        } else if let plug {
            _ = try boards.request(plug, .plugUSB(true))
            output.show(Done(name: plug, did: "its USB cable is in"))
        } else if let remove {
            try boards.remove(remove)
            output.show(Done(name: remove, did: "forgotten"))
        } else {
            try start(boards)
        }
    }

    private func start(_ boards: EmulatedBoards) throws {
        guard let kind = board ?? name.flatMap({ try? boards.record($0).board.name }) else {
            throw EmulationError(
                "no board is named. Name one: --board \(try BoardCatalogue().names.joined(separator: " or --board ")).")
        }
        let name = name ?? kind
        if detach {
            let arguments = CommandLine.arguments.dropFirst().filter { $0 != "--detach" && $0 != "--json" }
            let record = try Supervisor.detach(executable: Self.executable, arguments: Array(arguments), name: name, timeout: 600)
            output.show(Line(record, isOn: true))
            return
        }
        let existing = try? boards.record(name)
        let facts = if let existing, existing.board.name == kind { existing.board } else { try BoardCatalogue().board(kind) }
        var source = image.map { URL(fileURLWithPath: $0) }
        if source == nil, existing == nil || rebuild {
            source = try FirmwareBuilder(catalogue: try BoardCatalogue()).build(board: facts, product: application).url
        }
        let supervisor = try Supervisor(name: name, board: facts, image: source)
        output.show(Line(supervisor.record, isOn: true))
        output.say("Ctrl-C turns it off.")
        try supervisor.run()
        output.say("\(name) is off; its flash is saved.")
    }

    /// This program, wherever it was found.
    static var executable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    struct Line: Encodable, CustomStringConvertible {
        let name: String
        let device: String
        let board: String
        let isOn: Bool
        let uart: String
        let usb: String?

        init(_ record: EmulatedBoardRecord, isOn: Bool) {
            name = record.name
            device = "emulated:\(record.name)"
            board = record.board.name
            self.isOn = isOn
            uart = record.uart
            usb = record.usb
        }

        var description: String { "\(device)  \(board)  \(isOn ? "on" : "off")" }
    }

    struct Bus: Encodable, CustomStringConvertible {
        let state: USBState

        init(_ state: USBState) { self.state = state }
        func encode(to encoder: any Encoder) throws { try state.encode(to: encoder) }

        var description: String {
            let device =
                state.device.map {
                    "\($0.identity) \($0.product ?? "")  serial number \($0.serialNumber ?? "none")"
                } ?? (state.isPlugged ? "none shows itself" : "the cable is out")
            return
                (["socket      \(state.socket)", "device      \(device)", "packets     \(state.transactions)"]
                + (state.violations.isEmpty ? ["violations  none"] : state.violations.map { "violation   \($0)" }))
                .joined(separator: "\n")
        }
    }

    struct Done: Encodable, CustomStringConvertible {
        let name: String?
        let did: String

        var description: String { (name.map { "\($0): " } ?? "") + did }
    }
}
