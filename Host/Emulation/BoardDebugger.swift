// QEMU's gdb server, opened while a board runs.
import Foundation
import Reporting

extension EmulatedBoard {
    /// Opens QEMU's gdb server. The processor stands still while a debugger is connected.
    /// - Throws: `Failure` when the board is off, or QEMU opens none.
    /// - Returns: its socket.
    public func openDebugger() throws -> String {
        let path = folder.appendingPathComponent("gdb").path
        unlink(path)
        let said = try monitor("gdbserver unix:\(path),server=on,wait=off")
        guard FileManager.default.fileExists(atPath: path) else {
            throw Failure(
                .environment, "the emulator opened no gdb server: \(said.trimmingCharacters(in: .whitespacesAndNewlines))",
                advice: "Stop the board and start it again")
        }
        return path
    }

    /// Closes it, and lets the processor run, wherever the debugger has left it.
    /// - Throws: `Failure` when the board is off.
    public func closeDebugger() throws {
        _ = try monitor("gdbserver none")
        try resume()
    }
}
