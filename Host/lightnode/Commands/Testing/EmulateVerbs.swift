// The subcommands of lightnode emulate that act on a board which was started before.
import ArgumentParser
import Emulation
import Foundation

/// Something that can be done to a board which was started before.
protocol EmulationDeed {
    /// The subcommand, and what its help says of it.
    static var words: (verb: String, abstract: String) { get }
    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws
}

/// The subcommand that does it.
struct EmulateVerb<Deed: EmulationDeed>: ParsableCommand, JSONCapable {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Deed.words.verb, abstract: Deed.words.abstract,
            discussion: """
                EXAMPLE:
                  lightnode emulate \(Deed.words.verb) kitchen
                """)
    }

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    func run() throws { try Deed.act(on: name, EmulatedBoards(), output) }
}

/// A deed that changes something and tells what.
protocol EmulationChange: EmulationDeed {
    static var did: String { get }
    static func change(_ name: String, _ boards: EmulatedBoards) throws
}

extension EmulationChange {
    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        try change(name, boards)
        output.show(Emulate.Done(name: name, did: did))
    }
}

struct EmulateList: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the named boards.",
        discussion: """
            EXAMPLE:
              lightnode emulate list --json
            """)

    @OptionGroup var output: Output

    func run() throws { try Self.show(EmulatedBoards(), output) }

    static func show(_ boards: EmulatedBoards, _ output: Output) throws {
        // One that cannot be read is told, and hides no other.
        let found = boards.names.map { name in (name, Result { try boards.record(name) }) }
        output.show(
            list: found.compactMap { name, record in
                (try? record.get()).map { Emulate.Line($0, isOn: boards.isRunning(name)) }
            },
            empty: "no emulated boards")
        for case (_, .failure(let error)) in found { Output.standardError("note: \(ErrorReport(error).error)") }
    }
}

enum StopDeed: EmulationChange {
    static let words = (verb: "stop", abstract: "Save a board's flash and turn it off."), did = "stopped; its flash is saved"
    static func change(_ name: String, _ boards: EmulatedBoards) throws { try boards.stop(name) }
}

enum RemoveDeed: EmulationChange {
    static let words = (verb: "remove", abstract: "Forget a stopped board, its flash too."), did = "forgotten"
    static func change(_ name: String, _ boards: EmulatedBoards) throws { try boards.remove(name) }
}

/// A change that the board's supervisor makes when it is asked.
protocol EmulationRequest: EmulationChange {
    static var request: EmulatedBoardRequest { get }
}

extension EmulationRequest {
    static func change(_ name: String, _ boards: EmulatedBoards) throws { _ = try boards.request(name, request) }
}

enum PowerCycleDeed: EmulationRequest {
    static let words = (verb: "power-cycle", abstract: "Turn a board off and on again."), did = "off and on again"
    static let request = EmulatedBoardRequest.powerCycle
}

enum ResetDeed: EmulationRequest {
    static let words = (verb: "reset", abstract: "Reset a board's chip."), did = "reset"
    static let request = EmulatedBoardRequest.reset
}

enum UnplugDeed: EmulationRequest {
    static let words = (verb: "unplug", abstract: "Pull a board's USB cable."), did = "its USB cable is out"
    static let request = EmulatedBoardRequest.plugUSB(false)
}

enum PlugDeed: EmulationRequest {
    static let words = (verb: "plug", abstract: "Plug a board's USB cable in again."), did = "its USB cable is in"
    static let request = EmulatedBoardRequest.plugUSB(true)
}

/// What `emulate --display NAME` was.
enum DisplayDeed: EmulationDeed {
    static let words = (verb: "display", abstract: "Draw a board's lights as QEMU's registers show them.")
    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        output.show(Emulate.Done(name: nil, did: try boards.request(name, .display)))
    }
}

enum USBDeed: EmulationDeed {
    static let words = (verb: "usb", abstract: "Show a board's USB: socket, device, and what it does against the specification.")
    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        let answer = try boards.request(name, .usbState)
        output.show(Bus(try JSONDecoder().decode(USBState.self, from: Data(answer.utf8))))
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
}
