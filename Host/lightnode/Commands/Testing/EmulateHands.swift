// Hands on an emulated board: its buttons and pins, what its parts measure, its lights, and what it says.
import ArgumentParser
import Emulation
import Foundation
import Reporting

struct EmulatePress: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "press", abstract: "Press a button of a board, and let it go.",
        discussion: """
            EXAMPLE:
              lightnode emulate press kitchen button-a
              lightnode emulate press kitchen button-a --seconds 1
              lightnode emulate press kitchen button-a --hold

            The button is a device of the board whose driver is Button. A driver takes a press after 20 ms, and calls it held after 800 ms.
            """)

    @Argument(help: "The board's name.") var name: String
    @Argument(help: "The button's name.") var button: String
    @Option(help: "How long it is pressed.") var seconds = 0.2
    @Flag(help: "Leave it pressed, until `release`.") var hold = false
    @OptionGroup var output: Output

    func validate() throws {
        guard seconds > 0, seconds <= 600 else { throw ValidationError("--seconds takes a number from above 0 to 600.") }
    }

    func run() throws {
        let boards = EmulatedBoards()
        try Self.set(button, of: name, pressed: true, boards)
        guard !hold else { return output.show(Emulate.Done(name: name, did: "\(button) is pressed")) }
        usleep(UInt32(seconds * 1e6))
        try Self.set(button, of: name, pressed: false, boards)
        output.show(Emulate.Done(name: name, did: String(format: "%@ was pressed for %g s", button, seconds)))
    }

    static func set(_ button: String, of name: String, pressed: Bool, _ boards: EmulatedBoards) throws {
        let board = try boards.find(name).board
        let change = try board.surroundings(button, pressed ? "pressed" : "released")
        guard (board.devices ?? []).contains(where: { $0.name == button && $0.driver == "Button" }) else {
            throw Failure(
                .usage, "\(button) is no button of \(name)", about: "emulated:\(name)",
                advice: "There are: \(board.emulatedButtons.keys.sorted().joined(separator: ", "))")
        }
        _ = try boards.request(name, .change(change))
    }
}

struct EmulateRelease: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Let a button go that `press --hold` has pressed.",
        discussion: """
            EXAMPLE:
              lightnode emulate release kitchen button-a
            """)

    @Argument(help: "The board's name.") var name: String
    @Argument(help: "The button's name.") var button: String
    @OptionGroup var output: Output

    func run() throws {
        try EmulatePress.set(button, of: name, pressed: false, EmulatedBoards())
        output.show(Emulate.Done(name: name, did: "\(button) is released"))
    }
}

struct EmulateSet: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set what a part measures, or the level on an input pin.",
        discussion: """
            EXAMPLE:
              lightnode emulate set bench thermometer 25.5
              lightnode emulate set kitchen button-a pressed
              lightnode emulate set kitchen P0.3 high

            A part is named by its device, and takes a number: a TMP105 degrees Celsius, 21 until it is set. A pin is named by its device or its
            label, and takes high or low, pressed or released, closed or open. It stays so until it is set again; pins until the power is cut.
            """)

    @Argument(help: "The board's name.") var name: String
    @Argument(help: "A device, or a pin as the board labels it.") var what: String
    @Argument(parsing: .allUnrecognized, help: "The value or the level.") var value: [String]
    @OptionGroup var output: Output

    func run() throws {
        // A temperature may begin with a minus.
        guard value.count == 1 else { throw ValidationError("One value is set at a time: \(value.joined(separator: " "))") }
        let boards = EmulatedBoards()
        _ = try boards.request(name, .change(try boards.find(name).board.surroundings(what, value[0])))
        output.show(Emulate.Done(name: name, did: "\(what) is \(value[0])"))
    }
}

struct EmulatePins: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "pins", abstract: "Show the levels of a board's pins as QEMU's registers show them.",
        discussion: """
            EXAMPLE:
              lightnode emulate pins kitchen
              lightnode emulate pins kitchen lock relay --follow

            One line for each pin that a row of board.json names: its label, who is at it, how it is used, its level, and what that means to the
            device. With --follow a line whenever one changes, until Ctrl-C; pulses of less than 20 ms may be missed.
            """)

    @Argument(help: "The board's name.") var name: String
    @Argument(help: "Only these: devices, or pins as the board labels them.") var only: [String] = []
    @Flag(help: "Go on, and show every change.") var follow = false
    @OptionGroup var output: Output

    func run() throws {
        let boards = EmulatedBoards()
        var last = try read(boards)
        if follow, output.json {
            for pin in last { Output.write(Output.line(pin)) }
        } else {
            output.show(list: last, empty: "no pins")
        }
        while follow, try Output.isFollowed() {
            usleep(20_000)
            let now = try read(boards)
            for (pin, before) in zip(now, last) where pin != before {
                Output.write(output.json ? Output.line(pin) : "\(Clock.now)  \(pin)")
            }
            last = now
        }
    }

    private func read(_ boards: EmulatedBoards) throws -> [PinReading] {
        let all = try JSONDecoder().decode([PinReading].self, from: Data(boards.request(name, .pins).utf8))
        for wanted in only where !all.contains(where: { $0.name == wanted || $0.label == wanted }) {
            throw Failure(
                .usage, "\(name) has no pin “\(wanted)”", about: "emulated:\(name)",
                advice: "There are: \(all.map(\.name).joined(separator: ", "))")
        }
        return only.isEmpty ? all : all.filter { only.contains($0.name) || only.contains($0.label) }
    }
}

struct EmulateDisplay: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "display", abstract: "Draw a board's lights as QEMU's registers show them.",
        discussion: """
            EXAMPLE:
              lightnode emulate display kitchen
              lightnode emulate display kitchen --follow
            """)

    @Argument(help: "The board's name.") var name: String
    @Flag(help: "Go on, and draw them whenever they change, until Ctrl-C.") var follow = false
    @OptionGroup var output: Output

    func run() throws {
        let boards = EmulatedBoards()
        var last = try boards.request(name, .display)
        output.show(Emulate.Done(name: nil, did: last))
        while follow, try Output.isFollowed() {
            usleep(50_000)
            let now = try boards.request(name, .display)
            guard now != last else { continue }
            last = now
            let drawing = Emulate.Done(name: nil, did: now)
            Output.write(output.json ? Output.line(drawing) : "\(Clock.now)\n\(drawing)")
        }
    }
}

struct EmulateLog: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show what a board has said, with its time, from its first boot on.",
        discussion: """
            EXAMPLE:
              lightnode emulate log kitchen
              lightnode emulate log kitchen --follow --filter reset
              lightnode emulate log kitchen --level fault --out faults.txt

            The last one to two megabytes are kept, whether or not anybody listens, also of a board that is off. Levels: info is what the
            firmware says, board what happened to it (power, reset), fault the last words of a processor that has faulted.
            """)

    @Argument(help: "The board's name.") var name: String
    @Flag(name: .shortAndLong, help: "Go on, until Ctrl-C.") var follow = false
    @Option(help: "Only lines of this level and above: \(BoardLogLine.Level.allCases.map(\.rawValue).joined(separator: ", ")).")
    var level = BoardLogLine.Level.info
    @Option(help: "Only lines that contain this.") var filter: String?
    @Option(help: "Only the last lines, so many of them.") var last: Int?
    @Option(help: ArgumentHelp("Write them to this file.", valueName: "file")) var out: String?
    @OptionGroup var output: Output

    func validate() throws {
        guard last ?? 1 > 0 else { throw ValidationError("--last takes a number above 0.") }
    }

    func run() throws {
        var reader = try BoardLogReader(EmulatedBoards(), name)
        let kept = reader.next().filter(isWanted)
        var text = (last.map { kept.suffix($0) } ?? kept[...]).map(shown)
        if let out {
            try WholeFile.write(lines(text).utf8, to: out)
        } else if !text.isEmpty {
            Output.write(text.joined(separator: "\n"))
        }
        while follow, try Output.isFollowed() {
            usleep(100_000)
            let more = reader.next().filter(isWanted).map(shown)
            guard !more.isEmpty else { continue }
            if let out {
                text += more
                try WholeFile.write(lines(text).utf8, to: out)
            } else {
                Output.write(more.joined(separator: "\n"))
            }
        }
    }

    private func lines(_ text: [String]) -> String { text.map { $0 + "\n" }.joined() }

    private func isWanted(_ line: BoardLogLine) -> Bool {
        let levels = BoardLogLine.Level.allCases
        guard let own = levels.firstIndex(of: line.level), let least = levels.firstIndex(of: level) else { return true }
        return own >= least && filter.map { line.text.contains($0) } ?? true
    }

    private func shown(_ line: BoardLogLine) -> String { output.json ? Output.line(line) : line.description }
}

extension BoardLogLine.Level: ExpressibleByArgument {}

/// The time of day, for lines that come as things happen.
private enum Clock {
    static var now: String { Date().formatted(.iso8601.time(includingFractionalSeconds: true)) }
}
