// The subcommands of lightnode emulate that act on a board which was started before.
import ArgumentParser
import Emulation
import Foundation

/// A subcommand that takes the name of a board and does one thing to it.
protocol EmulationVerb: ParsableCommand, JSONCapable {
    var name: String { get }
    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws
}

extension EmulationVerb {
    func run() throws { try Self.act(on: name, EmulatedBoards(), output) }

    static func described(_ verb: String, _ abstract: String) -> CommandConfiguration {
        CommandConfiguration(
            commandName: verb, abstract: abstract,
            discussion: """
                EXAMPLE:
                  lightnode emulate \(verb) kitchen
                """)
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

struct EmulateStop: EmulationVerb {
    static let configuration = described("stop", "Save a board's flash and turn it off.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        try boards.stop(name)
        output.show(Emulate.Done(name: name, did: "stopped; its flash is saved"))
    }
}

struct EmulatePowerCycle: EmulationVerb {
    static let configuration = described("power-cycle", "Turn a board off and on again.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        _ = try boards.request(name, .powerCycle)
        output.show(Emulate.Done(name: name, did: "off and on again"))
    }
}

struct EmulateReset: EmulationVerb {
    static let configuration = described("reset", "Reset a board's chip.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        _ = try boards.request(name, .reset)
        output.show(Emulate.Done(name: name, did: "reset"))
    }
}

struct EmulateUnplug: EmulationVerb {
    static let configuration = described("unplug", "Pull a board's USB cable.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        _ = try boards.request(name, .plugUSB(false))
        output.show(Emulate.Done(name: name, did: "its USB cable is out"))
    }
}

struct EmulatePlug: EmulationVerb {
    static let configuration = described("plug", "Plug a board's USB cable in again.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        _ = try boards.request(name, .plugUSB(true))
        output.show(Emulate.Done(name: name, did: "its USB cable is in"))
    }
}

struct EmulateRemove: EmulationVerb {
    static let configuration = described("remove", "Forget a stopped board, its flash too.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        try boards.remove(name)
        output.show(Emulate.Done(name: name, did: "forgotten"))
    }
}

struct EmulateDisplay: EmulationVerb {
    static let configuration = described("display", "Draw a board's lights as QEMU's registers show them.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

    static func act(on name: String, _ boards: EmulatedBoards, _ output: Output) throws {
        output.show(Emulate.Done(name: nil, did: try boards.request(name, .display)))
    }
}

struct EmulateUSB: EmulationVerb {
    static let configuration = described(
        "usb", "Show a board's USB: socket, device, and what it does against the specification.")

    @Argument(help: "The board's name.") var name: String
    @OptionGroup var output: Output

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
