// The emulated boards that have a name: where their state is, which of them run, and how another program talks to them.
//
// <home>/emulated/<name>/ holds record.json (what it is), image.elf (a copy: a later build does not change a board that exists),
// flash.bin, supervisor.log and lock (held while it runs). <home> is the user's state folder (`UserFolders`), as the keys are in the user's
// config folder: with another $HOME both are others.
import BoardFacts
import Foundation
import Reporting

/// What is known of a named board; `record.json`.
public struct EmulatedBoardRecord: Codable, Sendable {
    /// 1 to 40 letters, digits, hyphens and underscores; also the name of its folder.
    public var name: String
    /// The board as board.json described it when it was started last.
    public var board: Board
    /// Where the image was built.
    public var imageSource: String
    /// Process that supervises it.
    public var supervisor: Int32
    /// Socket of the UART: connect and speak.
    public var uart: String
    /// usbredir socket of its USB, for a virtual machine or `Tools/with-usb`; nil when it has none.
    public var usb: String?
    /// Socket that takes `EmulatedBoardRequest` lines.
    public var control: String
    /// When its supervisor powered it on last.
    public var started: Date
}

/// The registry of named boards.
public struct EmulatedBoards: Sendable {
    /// Where each board has a folder of its name; need not exist.
    public let folder: URL

    /// - Parameter home: in place of the user's state folder.
    public init(home: URL? = nil) {
        let environment = ProcessInfo.processInfo.environment
        // Without $HOME: the home that the system knows, never a folder that others may make first.
        let user = UserFolders.state(environment) ?? NSHomeDirectory() + "/.local/state/lightnode"
        folder = (home ?? URL(fileURLWithPath: user)).appendingPathComponent("emulated")
    }

    /// Where a board of that name keeps its state.
    public func stateFolder(_ name: String) -> URL { folder.appendingPathComponent(name) }

    /// Names of all boards with state, running or not, sorted.
    public var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
            .filter { FileManager.default.fileExists(atPath: stateFolder($0).path + "/record.json") }.sorted()
    }

    /// The boards that run.
    public var running: [EmulatedBoardRecord] { names.filter(isRunning).compactMap { try? record($0) } }

    /// True while its lock is held: by its supervisor, or by a program that writes its flash. False for a name that no board has.
    public func isRunning(_ name: String) -> Bool { FileLock.isHeld(stateFolder(name).path + "/lock") }

    /// What is known of a board that need not run.
    /// - Throws: `Failure` when there is no such board, or its record is damaged.
    public func record(_ name: String) throws -> EmulatedBoardRecord {
        let file = stateFolder(name).appendingPathComponent("record.json")
        guard let data = try? Data(contentsOf: file) else {
            throw Failure(.environment, "no emulated board \"\(name)\"", about: "emulated:\(name)", remedy: remedy)
        }
        guard let record = try? JSONDecoder().decode(EmulatedBoardRecord.self, from: data), record.name == name else {
            throw Failure(
                .environment, "the record of emulated board \"\(name)\" is damaged (\(file.path))",
                remedy: .removeEmulated(name: name))
        }
        return record
    }

    /// The running board of that name: `--node emulated:NAME`.
    /// - Throws: `Failure` naming those that run.
    public func find(_ name: String) throws -> EmulatedBoardRecord {
        let record = try record(name)
        guard isRunning(name) else {
            throw Failure(
                .environment, "emulated board \"\(name)\" is off", remedy: .startEmulated(board: record.board.name, name: name))
        }
        return record
    }

    /// The boards that run, or how to start one.
    private var remedy: Remedy {
        let running = running.map(\.name)
        return running.isEmpty
            ? .startEmulated(board: nil, name: nil) : .advice("These run: \(running.joined(separator: ", "))")
    }

    /// Removes a stopped board's state, its flash too.
    /// - Throws: `Failure` when there is no such board or it runs.
    public func remove(_ name: String) throws {
        // One whose record is damaged can be forgotten too.
        if !names.contains(name) { _ = try record(name) }
        guard !isRunning(name) else {
            throw Failure(.environment, "emulated board \"\(name)\" runs", remedy: .stopEmulated(name: name))
        }
        try FileManager.default.removeItem(at: stateFolder(name))
    }

    /// Sends a request to a running board's supervisor and returns its answer.
    /// - Throws: `Failure` when the board is off, its supervisor does not answer within `timeout` seconds, or the request failed
    ///   there.
    public func request(_ name: String, _ request: EmulatedBoardRequest, timeout: Double = 15) throws -> String {
        let socket = try LineSocket(path: try find(name).control, timeout: 2)
        try socket.send(line: String(decoding: try JSONEncoder().encode(request), as: UTF8.self))
        guard let line = try socket.receiveLine(timeout: timeout) else {
            throw Failure(
                .environment, "the supervisor of emulated board \"\(name)\" did not answer within \(Int(timeout)) s",
                advice: "End its process by hand, then start the board again")
        }
        let answer = try JSONDecoder().decode(EmulatedBoardAnswer.self, from: Data(line.utf8))
        if let failure = answer.failure { throw failure }
        return answer.value ?? ""
    }

    /// Stops a running board, its flash saved. Returns when it is off.
    /// - Throws: `Failure` when the board is off, its flash cannot be saved (it stays on), or its supervisor does not end within
    ///   10 s.
    public func stop(_ name: String) throws {
        _ = try request(name, .stop)
        for _ in 0..<1000 where isRunning(name) { usleep(10_000) }
        guard !isRunning(name) else {
            throw Failure(
                .environment, "emulated board \"\(name)\" saved its flash but its supervisor still runs",
                advice: "End its process by hand, then start the board again")
        }
    }

    /// A name that is a folder, a device address and a shell word at once.
    static func check(name: String) throws {
        let allowed = name.utf8.allSatisfy { $0 == 45 || $0 == 95 || 48...57 ~= $0 || 65...90 ~= $0 || 97...122 ~= $0 }
        guard allowed, 1...40 ~= name.utf8.count, !name.hasPrefix("-") else {
            throw Failure(
                .environment, "\"\(name)\" is no name for a board",
                advice: "Use 1 to 40 letters, digits, - and _, none of the last two first")
        }
    }
}

/// What a supervisor can be asked, one JSON line each.
public enum EmulatedBoardRequest: Codable, Sendable {
    /// Turn it off and end.
    case stop
    /// Power off and on again with the flash kept; UART connections end.
    case powerCycle
    /// Reset the chip.
    case reset
    /// Say "done", when the board is on.
    case hello
    /// Read a 32-bit register; answers "0x…".
    case readRegister(UInt64)
    /// Drive an input pin.
    case setInput(pin: Int, high: Bool)
    /// Change what surrounds the board.
    case change(SurroundingsChange)
    /// The levels of its pins: `PinReading`s as JSON.
    case pins
    /// Open a gdb server; answers with its socket.
    case openDebugger
    /// Close it, and let the processor run.
    case closeDebugger
    /// Draw the lights.
    case display
    /// What is to be known of its USB: a `USBState` as JSON.
    case usbState
    /// Plug its USB cable in, or pull it.
    case plugUSB(Bool)
    /// A human monitor command.
    case monitor(String)
}

struct EmulatedBoardAnswer: Codable, Sendable {
    var value: String?
    var failure: Failure?
}
