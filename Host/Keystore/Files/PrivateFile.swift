// Files that must not be lost and must not be read by others: atomic replacement with fsync, owner-only access, locks.
import Foundation
import HostCrypto
import Reporting

/// A file which only its owner may read, replaced as a whole or not at all.
public struct PrivateFile: Sendable {
    /// As it was given; a relative one is of the current folder.
    public let path: String
    /// Bytes of the largest that is read: manifests of a million devices.
    static let largest = 1 << 30

    /// Opens nothing.
    public init(_ path: String) { self.path = path }

    /// True if anything is there, readable or not; false for a link to nothing.
    public var exists: Bool { access(path, F_OK) == 0 }

    /// Reads it. Refuses a file that others can read or write, that another user owns, or that is no plain file.
    /// - Throws: `Failure` of kind `environment`, also when it is not there or larger than 1 GB.
    public func read() throws -> [UInt8] {
        // A pipe must not be waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("could not be read") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("could not be examined") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(
                .environment, "\(path) is no plain file", about: "\(path)", advice: "Name a file, not a folder, link or device")
        }
        guard status.st_uid == geteuid() else {
            throw Failure(
                .environment, "\(path) belongs to another user", about: "\(path)",
                advice: "Run as its owner, or: chown \(geteuid()) '\(path)'")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw Failure(
                .environment,
                "\(path) holds secrets, yet other users may open it (mode \(String(status.st_mode & 0o777, radix: 8)))",
                about: "\(path)",
                advice: "If nobody has read it: chmod 600 '\(path)'")
        }
        guard status.st_size <= Self.largest else {
            throw Failure(
                .environment, "\(path) has \(status.st_size) bytes, which none of this program's files has", about: "\(path)",
                advice: "Check its name")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("could not be read to its end") }
            filled += count
        }
        return bytes
    }

    /// Replaces it: the new contents are on the disk before the old ones are let go. Mode 0600. What a killed program has left of such a file, which
    /// is as secret, is removed first.
    /// - Parameters:
    ///   - bytes: the new contents.
    ///   - replacing: when false, an existing file is left as it is and an error thrown.
    /// - Throws: `Failure` of kind `environment`; the file is as it was then, or is the new one and may not survive a crash of
    ///   the system.
    public func write(_ bytes: [UInt8], replacing: Bool = true) throws {
        Leftovers.remove(besides: self)
        try draft(bytes).commit(replacing: replacing)
    }

    /// Brings new contents to the disk under a temporary name: the slow half of `write`, to be done before it is known whether they
    /// are wanted.
    /// - Throws: `Failure` when they cannot be written there; nothing stays of them then.
    public func draft(_ bytes: [UInt8]) throws -> Draft {
        var status = stat()
        if lstat(path, &status) == 0,
            status.st_mode & S_IFMT == S_IFCHR || status.st_mode & S_IFMT == S_IFBLK || status.st_mode & S_IFMT == S_IFIFO
        {
            throw Failure(
                .environment, "\(path) is no plain file, and must not be replaced by one", about: "\(path)",
                advice: "Name a file, not a device or a pipe")
        }
        let temporary = path + ".\(getpid())-\(randomBytes(4).hex).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("could not be written") }
        defer { close(descriptor) }
        let draft = Draft(file: self, temporary: temporary, size: bytes.count)
        try Self.writeAll(bytes, to: descriptor, of: self)
        guard fsync(descriptor) == 0 else { throw failure("could not be brought to the disk") }
        return draft
    }

    /// Contents that wait under a temporary name; unless they are committed they go with the object, overwritten. Used by one task at a time.
    public final class Draft: @unchecked Sendable {
        let file: PrivateFile
        private let temporary: String
        private let size: Int
        private var isThere = true

        fileprivate init(file: PrivateFile, temporary: String, size: Int) {
            (self.file, self.temporary, self.size) = (file, temporary, size)
        }

        deinit { if isThere { Leftovers.erase(temporary, count: size) } }

        /// Gives them their name. Parameters as in `write`.
        /// - Throws: `Failure` of kind `environment`; unless the contents got their name they are still under the temporary one.
        public func commit(replacing: Bool = true) throws {
            if replacing {
                guard rename(temporary, file.path) == 0 else { throw file.failure("could not be replaced") }
                isThere = false
            } else {
                guard link(temporary, file.path) == 0 else {
                    if errno == EEXIST {
                        throw Failure(
                            .environment, "\(file.path) exists already", about: "\(file.path)",
                            advice: "Choose another name, or move the file away")
                    }
                    throw file.failure("could not be created")
                }
                unlink(temporary)
                isThere = false
            }
            try file.syncFolder()
        }
    }

    /// Adds one line (a newline is appended) and brings it to the disk. A line before it that a crash cut short is ended first.
    /// - Throws: `Failure` of kind `environment`; a part of the line may be in the file then.
    public func append(line: [UInt8]) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("could not be written") }
        defer { close(descriptor) }
        let newline = UInt8(ascii: "\n")
        var last = newline
        let end = lseek(descriptor, 0, SEEK_END)
        if end > 0, pread(descriptor, &last, 1, end - 1) != 1 { throw failure("could not be read") }
        try Self.writeAll((last == newline ? [] : [newline]) + line + [newline], to: descriptor, of: self)
        guard fsync(descriptor) == 0 else { throw failure("could not be brought to the disk") }
        try syncFolder()
    }

    /// Removes it, if it is there.
    /// - Throws: `Failure` of kind `environment` when it is there and cannot be removed.
    public func remove() throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("could not be removed") }
        try syncFolder()
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, of file: PrivateFile) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw file.failure("could not be written") }
            sent += count
        }
    }

    private func syncFolder() throws {
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        defer { close(folder) }
        guard fsync(folder) == 0 || errno == EINVAL else { throw failure("could not be brought to the disk") }
    }

    private func failure(_ what: String) -> Failure {
        let code = errno
        let advice =
            switch code {
            case ENOSPC, EDQUOT: "Free some space there; nothing was lost"
            case EACCES, EPERM, EROFS: "Check the permissions of the file and its folder"
            case ENOENT: "Check the name; the folder must exist"
            case ELOOP: "It is a link: name the file itself"
            default: "Check the disk and the folder"
            }
        return Failure(.environment, "\(path) \(what): \(String(cString: strerror(code)))", advice: advice)
    }
}

/// Runs `body` while holding the advisory lock of `path`: one process (and one thread) at a time.
package func withFileLock<R>(_ path: String, _ body: () throws -> R) throws -> R {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
        throw Failure(
            .environment, "\(path) could not be opened: \(String(cString: strerror(errno)))",
            advice: "Check the permissions of its folder and the space on its disk")
    }
    defer { close(descriptor) }
    while flock(descriptor, LOCK_EX) != 0 { precondition(errno == EINTR, "flock: \(errno)") }
    return try body()
}
