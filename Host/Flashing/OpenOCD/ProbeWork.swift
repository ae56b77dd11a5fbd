// What a debug probe is good for beside flashing: resetting the chip, reading its flash, and a debugger.
import BoardFacts
import Foundation
import Reporting

extension OpenOCDWay {
    /// Resets the chip behind the probe, and lets it run.
    /// - Throws: `Failure` with OpenOCD's reason.
    public func reset(_ board: Board, _ candidate: FlashCandidate, cancellation: Cancellation) throws {
        try Self.inFolder { folder in
            _ = try openocd(for: board, candidate).run(
                ["init", "reset run", "shutdown"], in: folder, progress: SilentProgress(), size: 0, cancellation: cancellation)
        }
    }

    /// Reads memory of the chip behind the probe, which stands still meanwhile.
    /// - Throws: `Failure` with OpenOCD's reason.
    public func read(
        _ range: Range<UInt64>, of board: Board, _ candidate: FlashCandidate, progress: any FlashProgress,
        cancellation: Cancellation
    ) throws -> Data {
        try Self.read(range, try openocd(for: board, candidate), progress, cancellation)
    }

    static func read(_ range: Range<UInt64>, _ openocd: OpenOCD, _ progress: any FlashProgress, _ cancellation: Cancellation)
        throws
        -> Data
    {
        try inFolder { folder in
            progress.begin(.compare, total: range.count)
            defer { progress.end(.compare) }
            try openocd.run(
                ["init", "halt", "dump_image flash.bin \(range.lowerBound) \(range.count)", "resume", "shutdown"], in: folder,
                progress: SilentProgress(), size: range.count, cancellation: cancellation)
            progress.advance(.compare, done: range.count)
            guard let bytes = try? Data(contentsOf: folder.appendingPathComponent("flash.bin")), bytes.count == range.count else {
                throw Failure(
                    .environment, "OpenOCD ended without an error, but left no copy of the flash",
                    advice: "Run it by hand to see all that it says")
            }
            return bytes
        }
    }

    /// The command by which gdb starts OpenOCD and speaks to it through a pipe: no port is open to others.
    /// - Parameter log: where OpenOCD writes what it says.
    /// - Throws: `Failure` when the probe is gone, or OpenOCD cannot tell it from another.
    public func debugTarget(_ board: Board, _ candidate: FlashCandidate, log: URL) throws -> String {
        Self.debugTarget(try openocd(for: board, candidate), log: log)
    }

    static func debugTarget(_ openocd: OpenOCD, log: URL) -> String {
        let pipe = ["-c", "gdb_port pipe; tcl_port disabled; telnet_port disabled; log_output \(Quoted.tcl(log.path))"]
        let words = [openocd.executable] + pipe + openocd.configuration + ["-c", "init"]
        return "target extended-remote | " + words.map { Quoted.shell($0) }.joined(separator: " ")
    }

    private static func inFolder<R>(_ body: (URL) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lightnode-openocd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }
}
