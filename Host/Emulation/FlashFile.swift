// The file that keeps a board's flash across power cycles, and the lock that gives it one user at a time.
import BoardFacts
import Foundation
import Reporting

/// The contents of a board's flash: all of the chip's flash where QEMU models it (microbit: 256 KB), else its store alone
/// (mps2-an386: 64 KB). Replaced as a whole by renaming while the board is off: a full disk leaves the former contents. While the board is on
/// the file is the flash itself, mapped into QEMU: what firmware stores is in it at once, whatever ends QEMU, but not after a crash of the system
/// for certain.
public final class FlashFile: @unchecked Sendable {
    /// Where it is; the lock is beside it, with ".lock" appended.
    public let url: URL
    /// Bytes that belong in it.
    public let size: Int
    private let lock: FileLock

    /// Opens it for this process alone; creates it erased (0xFF) when it is not there.
    /// - Throws: `Failure` when another process has it, it has the wrong size, or cannot be written.
    public init(_ url: URL, board: Board) throws {
        self.url = url
        size = Self.size(for: board)
        let lockPath = url.path + ".lock"
        guard let lock = try FileLock(lockPath) else {
            throw Failure(
                .environment, "the flash file \(url.path) is in use by another emulated board",
                advice: "Stop that one, or use another file")
        }
        self.lock = lock
        guard FileManager.default.fileExists(atPath: url.path) else {
            try replace(with: Data(repeating: 0xFF, count: size))
            return
        }
        let found = (try? FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int) ?? 0
        // An emulator killed by force leaves the file at the size of the memory that it backed.
        if found == Self.backingSize, board.emulator?.flash == .psram {
            truncate(url.path, off_t(size))
        } else if found != size {
            throw Failure(
                .environment, "the flash file \(url.path) has \(found) bytes; board \(board.name) has \(size)",
                advice: "It is left as it is: name another file, or move it away to start with an erased flash")
        }
    }

    /// Bytes of a flash file for `board`.
    public static func size(for board: Board) -> Int {
        board.emulator?.flash == .psram ? board.store?.size.int ?? 0 : board.flash.size.int
    }

    /// Bytes of the emulated memory whose start is the store of a `psram` board (QEMU's mps2-an386: 16 MiB).
    static let backingSize = 16 << 20

    /// All `size` bytes, as they are now, also while the board is on.
    /// - Throws: `Failure` when the file cannot be read or is too short.
    public func contents() throws -> Data { try Self.contents(of: url, size: size) }

    /// The contents of a flash file that may belong to a board that runs.
    static func contents(of url: URL, board: Board) throws -> Data {
        try contents(of: url, size: size(for: board))
    }

    private static func contents(of url: URL, size: Int) throws -> Data {
        guard let data = try? Data(contentsOf: url).prefix(size), data.count == size else {
            throw Failure(
                .environment, "the flash file \(url.path) cannot be read", advice: "Move it away to start with an erased flash")
        }
        return Data(data)
    }

    /// Takes the room that a running board's flash needs: it is the file, and a disk that is full later must not stop it.
    /// - Throws: `Failure` when there is no room.
    func takeRoom() throws {
        let descriptor = open(url.path, O_RDWR | O_CLOEXEC)
        let code = descriptor < 0 ? errno : posix_fallocate(descriptor, 0, off_t(size))
        if descriptor >= 0 { close(descriptor) }
        guard code == 0 else {
            throw Failure(
                .environment, "the flash file \(url.path) cannot be used: \(systemError(code))",
                advice: "Check the permissions of its folder and the space on its disk")
        }
    }

    /// Replaces the contents, whole or not at all.
    /// - Throws: `Failure` when there are not `size` bytes, or the file cannot be written; it is left as it was.
    public func replace(with data: Data) throws {
        guard data.count == size else {
            throw Failure(
                .environment, "\(data.count) bytes are no contents for a flash of \(size) bytes; \(url.path) is left as it was",
                about: "\(data.count)", advice: "Give it as many bytes as the flash has")
        }
        let temporary = url.path + ".new"
        do {
            try data.write(to: URL(fileURLWithPath: temporary))
        } catch {
            unlink(temporary)
            throw Failure(
                .environment, "the flash cannot be saved to \(url.path), which is left as it was: \(error.localizedDescription)",
                advice: "Free some space")
        }
        try adopt(temporary)
    }

    /// Makes a complete file at `path` the contents.
    private func adopt(_ path: String) throws {
        let found = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? -1
        guard found == size else {
            unlink(path)
            throw Failure(
                .environment,
                "the flash cannot be saved: \(max(found, 0)) of \(size) bytes were written; \(url.path) is left as it was",
                advice: "Is the disk full?")
        }
        guard rename(path, url.path) == 0 else {
            throw Failure(
                .environment, "the flash cannot be saved to \(url.path): \(systemError())",
                advice: "Check the permissions of its folder and the space on its disk")
        }
    }
}

/// An advisory lock that ends with the process that holds it.
final class FileLock: @unchecked Sendable {
    private let descriptor: Int32

    /// Nil when another process (or another lock of this one) holds it.
    init?(_ path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Failure(
                .environment, "\(path) cannot be created: \(systemError())", about: "\(path)",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        // A call of isHeld has it for a moment.
        for _ in 0..<20 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            usleep(2000)
        }
        close(descriptor)
        return nil
    }

    /// Whether someone holds the lock at `path`.
    static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }

    deinit { close(descriptor) }
}
