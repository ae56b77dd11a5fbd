// Makes the flash file the flash of a QEMU that keeps it in memory of its own, through the plugin that QEMU loads (QEMUProbe/KeptFlash.swift).
import Foundation
import Reporting

/// The host's end: hears that the file is the flash. From then on what firmware stores is in the file when the next instruction begins, so before
/// any answer that depends on it; and it needs no room, nor anything of this program, to get there.
final class FlashMapping {
    private let path: String
    private let descriptor: Int32

    /// - Parameter folder: the private one of the board's run.
    init(folder: URL) throws {
        path = folder.path + "/kept"
        unlink(path)
        // Open for writing too: nobody waits for the other side to open it.
        let isMade = mkfifo(path, 0o600) == 0
        descriptor = isMade ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1
        guard descriptor >= 0 else {
            throw Failure(
                .environment, "the pipe \(path) cannot be made: \(systemError())",
                advice: "Check the permissions of these folders, and the number of files that are open")
        }
    }

    deinit { close(descriptor) }

    /// What the plugin is told.
    func options(file: String, start: UInt64) -> [String] {
        ["flash=\(file.qemuEscaped)", "at=\(String(start, radix: 16))", "told=\(path.qemuEscaped)"]
    }

    /// Waits until the file is the flash: when the processor, which runs, begins its first instruction.
    /// - Returns: false when QEMU ends before, or that takes longer.
    func wait(timeout: Double, alive: () -> Bool) -> Bool {
        let limit = Date().addingTimeInterval(timeout)
        while true {
            // In this order: QEMU may have told it and ended.
            let lives = alive()
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if Glibc.poll(&poll, 1, lives ? 20 : 0) > 0 { return true }
            guard lives, limit.timeIntervalSinceNow > 0 else { return false }
        }
    }
}
