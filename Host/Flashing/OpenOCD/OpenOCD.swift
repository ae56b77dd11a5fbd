// Runs OpenOCD and follows what it says. It ends with this program, when it is interrupted, and when it says nothing for too long.
import Foundation
import Programs
import Reporting

/// OpenOCD with a probe and a target.
struct OpenOCD: Sendable {
    /// Name in PATH.
    var executable = "openocd"
    /// `-f` and `-c` arguments that describe probe and target.
    var configuration: [String]
    /// Seconds without a word after which it is given up, beside the time that the bytes may take. A mass erase says nothing for 16 s
    /// (STM32F411 data sheet, DS10314 Rev 8, table 45).
    var silence = 120.0
    /// Bytes a second at the least: a probe at a slow clock says nothing while it reads or writes.
    static let slowest = 512.0
    /// Bytes of its log at the most.
    static let longestLog = 16 << 20

    /// What it said of its work.
    struct Outcome: Equatable, Sendable {
        /// Bytes that it says it wrote; nil if it said nothing of it, as its procedure `program` does.
        var written: Int?
        /// It said that the flash reads back as the image.
        var isVerified = false
    }

    /// Runs commands to their end, in `folder`: relative names of files in them are of that folder.
    /// - Throws: `Failure` with OpenOCD's reason. It does not run any more then.
    @discardableResult
    func run(
        _ commands: [String], in folder: URL, progress: any FlashProgress, size: Int, cancellation: Cancellation
    ) throws -> Outcome {
        let log = folder.appendingPathComponent("openocd-\(UInt32.random(in: 0 ... .max)).log")
        guard let path = executable.contains("/") ? executable : try? Tool(executable, package: "openocd").path() else {
            throw Self.missing
        }
        let arguments = configuration + ["-c", commands.joined(separator: "; ")]
        let process: ChildProcess
        do { process = try ChildProcess(path, arguments, output: log.path, folder: folder.path) } catch { throw Self.missing }
        defer { process.kill() }
        var reader = OpenOCDLog(progress: progress, size: size)
        defer { reader.finish() }
        guard let file = try? FileHandle(forReadingFrom: log) else { throw Self.missing }
        defer { try? file.close() }
        var heard = Date()
        while true {
            let exit = process.wait(timeout: 0.02)
            while let data = try? file.read(upToCount: 1 << 16), !data.isEmpty {
                reader.take(data)
                heard = Date()
            }
            if let exit {
                reader.finish()
                return try conclude(reader, exit)
            }
            if cancellation.isCancelled { throw interrupted(reader) }
            let limit = reader.outcome.isVerified ? min(silence, 30) : silence + Double(size) / Self.slowest
            guard Date().timeIntervalSince(heard) < limit, reader.bytes < Self.longestLog else { throw hanging(reader, limit) }
        }
    }

    private func conclude(_ log: OpenOCDLog, _ exit: ChildProcess.Exit) throws -> Outcome {
        guard exit == .status(0), !log.hasFailed else {
            let status: Int32 =
                switch exit {
                case .status(let code): code;
                case .signal(let number): 128 + number
                }
            throw OpenOCDFailure.failure(log.errors, writing: log.writing, status: status, lastLine: log.lastLine)
        }
        return log.outcome
    }

    private func interrupted(_ log: OpenOCDLog) -> Failure {
        Failure(
            .interrupted, "flashing was interrupted" + (log.hasWritten ? "; the flash may be partly written" : ""),
            advice: log.hasWritten
                ? "Flash it again: the probe can always reach the chip" : "Nothing was changed: flash it again when you like")
    }

    private func hanging(_ log: OpenOCDLog, _ limit: Double) -> Failure {
        let what =
            log.bytes < Self.longestLog
            ? "OpenOCD said nothing for \(Int(limit)) s and was ended" : "OpenOCD wrote without end and was ended"
        if log.outcome.isVerified {
            return Failure(
                .unreachable, "the image is written and verified, but \(what)", advice: "Press RESET to start the image")
        }
        return Failure(
            log.hasWritten ? .notFlashed : .unreachable, what + (log.hasWritten ? "; the flash may be partly written" : ""),
            advice: "Unplug the probe and plug it in again, then flash once more")
    }

    static let missing = Failure(
        .environment, "the program openocd is not in PATH", advice: "Install it: apt-get install openocd")
}

/// OpenOCD's log as it comes: splits it into lines, tells the progress, and keeps the errors.
struct OpenOCDLog {
    /// Bytes of a line that are looked at; longer ones are not OpenOCD's.
    static let longestLine = 4096
    /// Errors kept: the first and the last half of them.
    static let errorCount = 100

    let progress: any FlashProgress
    let size: Int
    private var line: [UInt8] = []
    private var stage: FlashStage?
    /// Before it began to write.
    private(set) var errors: [String] = []
    /// Since then; nil if it has not.
    private(set) var writing: [String]?
    private(set) var lastLine: String?
    private(set) var hasFailed = false
    var hasWritten: Bool { writing != nil }
    private(set) var bytes = 0
    private(set) var outcome = OpenOCD.Outcome()

    init(progress: any FlashProgress, size: Int) {
        self.progress = progress
        self.size = size
    }

    mutating func take(_ data: Data) {
        bytes += data.count
        for part in data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 { endLine() }
            line += part.element.prefix(max(0, Self.longestLine - line.count))
        }
    }

    mutating func finish() {
        endLine()
        if let stage { progress.end(stage) }
        stage = nil
    }

    private mutating func endLine() {
        guard !line.isEmpty else { return }
        understand(Quoted.line(String(decoding: line, as: UTF8.self)))
        line.removeAll(keepingCapacity: true)
    }

    private static func keep(_ error: String, in errors: inout [String]) {
        errors.append(error)
        if errors.count > errorCount { errors.remove(at: errorCount / 2) }
    }

    private mutating func understand(_ text: String) {
        lastLine = text
        switch OpenOCDEvent(text) {
        case .began(let began):
            if let stage { progress.end(stage) }
            stage = began
            if began == .write, writing == nil { writing = [] }
            progress.begin(began, total: size)
        case .ended(let ended):
            if ended == .verify { outcome.isVerified = true }
            progress.advance(ended, done: size)
            progress.end(ended)
            stage = nil
        case .counted(let counted, let bytes):
            if counted == .write { outcome.written = bytes }
            progress.advance(counted, done: min(bytes, size))
        case .error(let error):
            if writing == nil { Self.keep(error, in: &errors) } else { Self.keep(error, in: &writing!) }
            if error.hasSuffix("Failed") { hasFailed = true }
        case nil: break
        }
    }
}
