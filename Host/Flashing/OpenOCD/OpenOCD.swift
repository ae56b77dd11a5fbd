// Runs OpenOCD and follows what it says.
import Foundation
import Reporting

/// OpenOCD with a probe and a target.
struct OpenOCD: Sendable {
    /// Name in PATH, or a path.
    var executable = "openocd"
    /// `-f` and `-c` arguments that describe probe and target.
    var configuration: [String]

    /// Runs commands to their end.
    /// - Throws: `FlashingError` with OpenOCD's reason.
    func run(_ commands: [String], progress: any FlashProgress, size: Int, cancellation: Cancellation) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [executable] + configuration + ["-c", commands.joined(separator: "; ")]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        // It logs to standard error.
        let log = Pipe()
        process.standardError = log
        do { try process.run() } catch { throw Self.missing }
        var reader = LineReader(progress: progress, size: size)
        while case let data = log.fileHandleForReading.availableData, !data.isEmpty {
            reader.take(data)
            if cancellation.isCancelled, !reader.isWriting { process.terminate() }
        }
        process.waitUntilExit()
        reader.finish()
        if process.terminationStatus == 127 { throw Self.missing }
        if cancellation.isCancelled, process.terminationReason == .uncaughtSignal {
            throw FlashingError(
                .interrupted, "flashing was interrupted", advice: "Flash it again: the probe can always reach the chip")
        }
        guard process.terminationStatus == 0, !reader.hasFailed else {
            throw OpenOCDFailure.failure(reader.errors, status: process.terminationStatus, hasWritten: reader.hasWritten)
        }
    }

    static let missing = FlashingError(
        .environment, "the program openocd is not in PATH", advice: "Install it: apt-get install openocd")

    /// Splits OpenOCD's log into lines and tells the progress.
    private struct LineReader {
        let progress: any FlashProgress
        let size: Int
        private var rest = Data()
        private var stage: FlashStage?
        private(set) var errors: [String] = []
        private(set) var hasWritten = false
        private(set) var hasFailed = false
        var isWriting: Bool { stage == .write }

        init(progress: any FlashProgress, size: Int) {
            self.progress = progress
            self.size = size
        }

        mutating func take(_ data: Data) {
            rest.append(data)
            while let end = rest.firstIndex(of: 0x0A) {
                line(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                rest = Data(rest[rest.index(after: end)...])
            }
        }

        mutating func finish() {
            if !rest.isEmpty { line(String(decoding: rest, as: UTF8.self)) }
            if let stage { progress.end(stage) }
            stage = nil
        }

        private mutating func line(_ text: String) {
            switch OpenOCDEvent(text) {
            case .began(let began):
                if let stage { progress.end(stage) }
                stage = began
                if began == .write { hasWritten = true }
                progress.begin(began, total: size)
            case .ended(let ended):
                progress.advance(ended, done: size)
                progress.end(ended)
                stage = nil
            case .counted(let counted, let bytes): progress.advance(counted, done: min(bytes, size))
            case .error(let error):
                errors.append(error)
                if error.hasSuffix("Failed") { hasFailed = true }
            case nil: break
            }
        }
    }
}
