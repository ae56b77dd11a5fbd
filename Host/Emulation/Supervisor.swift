// Runs one named board: answers requests, and ends it cleanly.
import BoardFacts
import Foundation
import Image
import Programs
import Reporting
import Synchronization
import VirtualUSB

/// The process behind `lightnode emulate start --name`.
public final class Supervisor: @unchecked Sendable {
    /// As it is on the disk, with the sockets of this run.
    public let record: EmulatedBoardRecord
    private let emulated: EmulatedBoard
    var emulatorProcess: Int32? { emulated.processIdentifier }
    private let lock: FileLock
    private let listener: Int32
    private let line: SharedLine
    private let log: BoardLog
    /// What the parts around the board measure, whatever becomes of the board. After `init` the queue's alone.
    private var measured: [SurroundingsChange]
    private let usb: SupervisedUSB?
    private let work = DispatchQueue(label: "supervisor")
    private let finished = DispatchSemaphore(value: 0)
    private var stopping = false
    private var failure: Failure?
    private var signals: [any DispatchSourceSignal] = []

    /// Registers a board under `name`, programs the image and powers it on.
    /// - Throws: `Failure` when the name is taken or belongs to another kind of board, or the board does not start.
    public convenience init(
        name: String, image: CheckedImage, boards: EmulatedBoards = EmulatedBoards(), clock: EmulatedBoard.Clock = .host
    ) throws {
        try self.init(name, image.board, image, boards, clock)
    }

    /// Powers a board that exists on with the image that it has.
    /// - Throws: `Failure` when it runs, has no image or is of another kind, or does not start.
    public convenience init(
        name: String, board: Board, boards: EmulatedBoards = EmulatedBoards(), clock: EmulatedBoard.Clock = .host
    ) throws {
        try self.init(name, board, nil, boards, clock)
    }

    private init(
        _ name: String, _ board: Board, _ image: CheckedImage?, _ boards: EmulatedBoards, _ clock: EmulatedBoard.Clock
    ) throws {
        try EmulatedBoards.check(name: name)
        let state = boards.stateFolder(name)
        do { try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true) } catch {
            throw Failure(
                .environment, "the state folder \(state.path) cannot be made: \(error.localizedDescription)",
                advice: "Set LIGHTNODE_HOME to another place")
        }
        guard let lock = try FileLock(state.path + "/lock") else {
            throw Failure(
                .environment, "an emulated board \"\(name)\" runs already",
                remedy: .either([.nameNode([.init("emulated:\(name)")]), .stopEmulated(name: name), .nameEmulated]))
        }
        self.lock = lock
        let former = try? boards.record(name)
        if let former, former.board.name != board.name {
            throw Failure(
                .environment, "emulated board \"\(name)\" is a \(former.board.name) with its own flash, not a \(board.name)",
                remedy: .either([.nameEmulated, .removeEmulated(name: name)]))
        }
        let kept = state.appendingPathComponent("image.elf")
        if let image {
            do { try image.elf.write(to: kept, options: .atomic) } catch {
                throw Failure(
                    .environment, "the image cannot be kept in \(state.path): \(error.localizedDescription)",
                    advice: "Check the permissions of its folder and the space on its disk")
            }
        } else if !FileManager.default.fileExists(atPath: kept.path) {
            throw Failure(
                .environment, "emulated board \"\(name)\" has no image yet",
                remedy: .either([.advice("Name one"), .build(board: board.name)]))
        }
        var configuration = EmulatedBoard.Configuration(
            image: try image ?? CheckedImage(contentsOf: kept, for: board),
            flashFile: state.appendingPathComponent("flash.bin"))
        configuration.clock = clock
        configuration.usb = true
        configuration.extraArguments = board.partArguments
        measured = board.initialSurroundings
        let copy = try RunFolder.make().appendingPathComponent("log")
        configuration.uartCopy = copy
        log = try BoardLog(pipe: copy, file: boards.logFile(name))
        do { emulated = try EmulatedBoard(configuration) } catch {
            log.close()
            try? FileManager.default.removeItem(at: copy.deletingLastPathComponent())
            throw error
        }
        let control = emulated.folder.appendingPathComponent("control").path
        listener = try LineSocket.listen(control)
        line = try SharedLine(path: emulated.folder.appendingPathComponent("line").path, board: emulated.uartSocket.path)
        let socket = emulated.folder.appendingPathComponent("usbredir").path
        let usb = try emulated.usb.map { try SupervisedUSB($0, socket: socket) }
        self.usb = usb
        record = EmulatedBoardRecord(
            name: name, board: board, imageSource: image?.source.path ?? former?.imageSource ?? kept.path, supervisor: getpid(),
            uart: line.path, usb: usb?.socket, control: control, started: Date())
        log.note("power on")
        try emulated.start()
        try restoreParts()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try encoder.encode(record).write(to: state.appendingPathComponent("record.json"), options: .atomic)
        } catch {
            emulated.powerOff()
            throw Failure(
                .environment, "the board's record cannot be written to \(state.path): \(error.localizedDescription)",
                advice: "Check the permissions of its folder and the space on its disk")
        }
    }

    /// Serves requests until the board is stopped by request or by SIGINT, SIGTERM or SIGHUP.
    /// - Throws: `Failure` when the emulator ended by itself.
    public func run() throws {
        EndingSignals.ignore()
        defer {
            for source in signals { source.cancel() }
            EndingSignals.restore()
        }
        for number in EndingSignals.numbers {
            let source = DispatchSource.makeSignalSource(signal: number, queue: work)
            source.setEventHandler { [unowned self] in end() }
            source.resume()
            signals.append(source)
        }
        let timer = DispatchSource.makeTimerSource(queue: work)
        timer.schedule(deadline: .now() + 0.1, repeating: 0.1)
        timer.setEventHandler { [unowned self] in tick() }
        timer.resume()
        let server = Thread { [self] in serve() }
        server.start()
        finished.wait()
        timer.cancel()
        usb?.close()
        emulated.close()
        line.close()
        log.note("power off")
        log.close()
        if let failure { throw failure }
    }

    /// A signal: whoever ends this process wants it ended.
    private func end() {
        if let failure = answer(.stop).failure {
            self.failure = failure
            stopping = true
        }
        finished.signal()
    }

    /// What a signal does.
    func endAsBySignal() { work.sync { end() } }

    /// Ten times a second: whether the emulator still runs.
    private func tick() {
        guard !stopping, !emulated.isRunning else { return }
        failure = Failure(
            .environment, "the emulator of \"\(record.name)\" ended by itself; its flash is as it was then",
            advice: "Start the board again")
        stopping = true
        finished.signal()
    }

    private func serve() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            defer { close(client) }
            let line = Self.line(from: client)
            let answer: EmulatedBoardAnswer
            if let request = try? JSONDecoder().decode(EmulatedBoardRequest.self, from: line) {
                answer = work.sync { self.answer(request) }
            } else {
                answer = EmulatedBoardAnswer(
                    failure: Failure(.environment, "the request is not understood", remedy: .sameRelease))
            }
            if var text = try? JSONEncoder().encode(answer) {
                text.append(0x0A)
                text.withUnsafeBytes { _ = send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            }
            if stopping { finished.signal() }
        }
    }

    /// A line of at most 64 KB, or what came of it.
    private static func line(from client: Int32) -> Data {
        var line = Data()
        var bytes = [UInt8](repeating: 0, count: 4096)
        while !line.contains(0x0A), line.count < 65536 {
            let count = recv(client, &bytes, bytes.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            line.append(contentsOf: bytes[..<count])
        }
        return line
    }

    private func answer(_ request: EmulatedBoardRequest) -> EmulatedBoardAnswer {
        do {
            switch request {
            case .stop:
                try emulated.stop()
                stopping = true
                return EmulatedBoardAnswer(value: "stopped")
            case .powerCycle:
                log.note("power off and on")
                try emulated.powerCycle()
                try restoreParts()
            case .reset:
                log.note("reset")
                try emulated.reset()
                try restoreParts()
            case .hello: break
            case .readRegister(let address):
                return EmulatedBoardAnswer(value: Word(UInt64(try emulated.readRegister(address))).description)
            case .setInput(let pin, let high): try emulated.setInput(pin: pin, high: high)
            case .change(let change):
                try emulated.apply(change)
                measured = measured.filter { !$0.isOfSamePart(as: change) } + (change.isOfPart ? [change] : [])
            case .pins:
                return EmulatedBoardAnswer(value: String(decoding: try JSONEncoder().encode(emulated.pins()), as: UTF8.self))
            case .openDebugger: return EmulatedBoardAnswer(value: try emulated.openDebugger())
            case .closeDebugger: try emulated.closeDebugger()
            case .display: return EmulatedBoardAnswer(value: try emulated.display().description)
            case .usbState: return EmulatedBoardAnswer(value: try attachedUSB().stateText())
            case .plugUSB(let isPlugged): try attachedUSB().plug(isPlugged)
            case .monitor(let command): return EmulatedBoardAnswer(value: try emulated.monitor(command))
            }
            return EmulatedBoardAnswer(value: "done")
        } catch {
            return EmulatedBoardAnswer(failure: Failure(.environment, catching: error))
        }
    }

    /// QEMU's parts forget in a reset what they measure; a room keeps its temperature.
    private func restoreParts() throws { for change in measured { try emulated.apply(change) } }

    private func attachedUSB() throws -> SupervisedUSB {
        guard let usb else {
            throw Failure(
                .environment, "\(record.board.name) has no USB in the emulator", about: "\(record.board.name)",
                advice: "Use a board that has: mps2-an386")
        }
        return usb
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: log.pipe.deletingLastPathComponent())
        close(listener)
    }
}

extension Supervisor {
    /// Starts `executable arguments` as a supervisor in the background and waits until its board is on.
    /// - Parameter arguments: such that the program reports what it fails with as JSON on its error output.
    /// - Throws: what it failed with; `Failure` with what it said when that is no such report.
    public static func detach(
        executable: String, arguments: [String], name: String, boards: EmulatedBoards = EmulatedBoards(), timeout: Double = 20
    ) throws -> EmulatedBoardRecord {
        try requireOff(name, boards)
        let state = boards.stateFolder(name)
        do { try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true) } catch {
            throw Failure(
                .environment, "the state folder \(state.path) cannot be made: \(error.localizedDescription)",
                advice: "Set LIGHTNODE_HOME to another place")
        }
        let log = state.path + "/supervisor.log"
        let child = try ChildProcess(executable, arguments, output: log, detached: true)
        let limit = Date().addingTimeInterval(timeout)
        while Date() < limit {
            if boards.isRunning(name), let record = try? boards.record(name), record.supervisor == child.pid,
                (try? boards.request(name, .hello)) != nil
            {
                return record
            }
            var status: Int32 = 0
            if waitpid(child.pid, &status, WNOHANG) == child.pid {
                throw failure(of: name, log)
            }
            usleep(5000)
        }
        child.kill()
        throw Failure(
            .environment, "the emulated board \"\(name)\" did not come up within \(Int(timeout)) s; see \(log)",
            advice: "Read what it wrote there, then start it again")
    }

    /// - Throws: `Failure` when a board of that name runs, or none can be called so.
    public static func requireOff(_ name: String, _ boards: EmulatedBoards = EmulatedBoards()) throws {
        try EmulatedBoards.check(name: name)
        guard boards.isRunning(name) else { return }
        throw Failure(
            .environment, "an emulated board \"\(name)\" runs already",
            remedy: .either([.nameNode([.init("emulated:\(name)")]), .stopEmulated(name: name)]))
    }

    /// Why a supervisor ended before its board was on.
    private static func failure(of name: String, _ log: String) -> Failure {
        /// What a program of ours reports with `--json`.
        struct Report: Decodable {
            let error: String
            let subject: String?
            let remedy: Remedy?
            let reason: Failure.Kind
        }
        let said = (try? Data(contentsOf: URL(fileURLWithPath: log))) ?? Data()
        if let report = try? JSONDecoder().decode(Report.self, from: said) {
            return Failure(report.reason, report.error, about: report.subject, remedy: report.remedy ?? .advice(""))
        }
        let text = String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return Failure(
            .environment, "emulated board \"\(name)\" did not start" + (text.isEmpty ? "" : ":\n\(text)"), advice: "Read \(log)")
    }
}

/// The signals that stop a board, ignored in the usual way while a board of this process is served: their sources act. Afterwards they are
/// what they were, or the process, and every program that it starts, would stay deaf to them.
private enum EndingSignals {
    static let numbers = [SIGINT, SIGTERM, SIGHUP]
    private static let former = Mutex<(users: Int, actions: [sigaction])>((0, []))

    static func ignore() {
        former.withLock { former in
            former.users += 1
            guard former.users == 1 else { return }
            former.actions = numbers.map { number in
                var ignored = sigaction(), before = sigaction()
                ignored.__sigaction_handler.sa_handler = SIG_IGN
                sigaction(number, &ignored, &before)
                return before
            }
        }
    }

    static func restore() {
        former.withLock { former in
            former.users -= 1
            guard former.users == 0 else { return }
            for (number, action) in zip(numbers, former.actions) {
                var action = action
                sigaction(number, &action, nil)
            }
        }
    }
}
