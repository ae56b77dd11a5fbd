// The file that keeps a board's flash across power cycles, and the lock that gives it one user at a time.
import BoardFacts
import Foundation
import Reporting

/// The contents of a board's flash: all of the chip's flash where QEMU models it (microbit: 256 KB), else its store alone
/// (mps2-an386: 64 KB). Replaced as a whole by renaming, or changed in place after the change was written down (`FlashRedo`): a full disk leaves
/// the former contents, and a program that is killed leaves those or the new ones. Neither survives a crash of the system for certain.
public final class FlashFile: @unchecked Sendable {
    /// Where it is; the lock is beside it, with ".lock" appended.
    public let url: URL
    /// Bytes that belong in it.
    public let size: Int
    private let lock: FileLock
    private let redo: FlashRedo
    /// What the file holds; nil until it has been read.
    private var known: Data?
    /// A change that is written down and may be made only in part.
    private var pending: FlashRedo.Change?

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
        redo = FlashRedo(besides: url.path)
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
        try finishChange()
    }

    /// Makes a change that was written down once more: the program that began it may have been killed.
    private func finishChange() throws {
        if let change = FlashRedo.change(besides: url.path, size: size) { try apply(change) }
        redo.forget()
    }

    /// Bytes of a flash file for `board`.
    public static func size(for board: Board) -> Int {
        board.emulator?.flash == .psram ? board.store?.size.int ?? 0 : board.flash.size.int
    }

    /// Bytes of the emulated memory whose start is the store of a `psram` board (QEMU's mps2-an386: 16 MiB).
    static let backingSize = 16 << 20

    /// All `size` bytes, as saved last: QEMU may hold newer ones.
    /// - Throws: `Failure` when the file cannot be read or is too short.
    public func contents() throws -> Data { try Self.contents(of: url, size: size) }

    /// The contents of a flash file that may belong to a board that runs: as saved last.
    static func contents(of url: URL, board: Board) throws -> Data {
        try contents(of: url, size: size(for: board))
    }

    private static func contents(of url: URL, size: Int) throws -> Data {
        guard var data = try? Data(contentsOf: url).prefix(size), data.count == size else {
            throw Failure(
                .environment, "the flash file \(url.path) cannot be read", advice: "Move it away to start with an erased flash")
        }
        // A change that is under way, or whose program was killed.
        if let change = FlashRedo.change(besides: url.path, size: size) {
            data.replaceSubrange(change.offset..<(change.offset + change.bytes.count), with: change.bytes)
        }
        return Data(data)
    }

    // MARK: Changing a part

    /// Takes the room that changes of up to `count` bytes need, if it is to be had.
    func reserve(_ count: Int) { redo.reserve(count) }

    /// Makes `bytes` what the flash holds from `offset` on, all of it or nothing, also if this program is killed meanwhile. Only what differs is
    /// written.
    /// - Throws: `Failure` when it cannot be written; what is not there then is written the next time.
    func change(_ bytes: Data, at offset: Int) throws {
        if let pending {
            try apply(pending)
            redo.forget()
        }
        let before = try known ?? contents()
        known = before
        guard let change = Self.difference(before, bytes, at: offset) else { return }
        guard redo.write(change) else {
            let reason = systemError()
            redo.forget()
            throw unsaved(reason)
        }
        pending = change
        known = nil
        try apply(change)
        // Whoever puts another file in this one's place is not to find an old change made in it.
        redo.forget()
        var after = before
        after.replaceSubrange(change.offset..<(change.offset + change.bytes.count), with: change.bytes)
        known = after
    }

    /// The smallest part of `bytes` that makes `before` have them at `offset`; nil when it has.
    private static func difference(_ before: Data, _ bytes: Data, at offset: Int) -> FlashRedo.Change? {
        before.withUnsafeBytes { before in
            bytes.withUnsafeBytes { bytes in
                let old = UnsafeRawBufferPointer(rebasing: before[offset..<(offset + bytes.count)])
                guard memcmp(old.baseAddress!, bytes.baseAddress!, bytes.count) != 0 else { return nil }
                let first = bytes.indices.first { old[$0] != bytes[$0] }!
                let last = bytes.indices.last { old[$0] != bytes[$0] }!
                return .init(offset: offset + first, bytes: Data(bytes[first...last]))
            }
        }
    }

    private func apply(_ change: FlashRedo.Change) throws {
        let descriptor = open(url.path, O_WRONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, pwriteAll(change.bytes, to: descriptor, at: change.offset) else { throw unsaved(systemError()) }
        pending = nil
    }

    private func unsaved(_ reason: String) -> Failure {
        Failure(.environment, "the flash cannot be saved to \(url.path): \(reason)", advice: "Free some space on its disk")
    }

    /// Replaces the contents, whole or not at all.
    /// - Throws: `Failure` when there are not `size` bytes, or the file cannot be written; it is left as it was.
    public func replace(with data: Data) throws {
        guard data.count == size else {
            throw Failure(
                .environment, "\(data.count) bytes are no contents for a flash of \(size) bytes; \(url.path) is left as it was",
                about: "\(data.count)", advice: "Give it as many bytes as the flash has")
        }
        try finishChange()
        known = nil
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
