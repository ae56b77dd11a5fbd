// Files that other programs write and read: read as a whole, replaced as a whole or not at all.
import Foundation

/// A report, an export or a drawing that a command writes for others.
public enum WholeFile {
    /// Writes `bytes` to `path`. An existing file keeps its contents until the new ones are on the disk, and for ever if they are not; it
    /// keeps its permissions. A link is followed. What is no plain file (`/dev/stdout`, a pipe, a printer) gets the bytes directly.
    /// - Throws: `Failure` of kind `environment`; an existing file is then as it was.
    public static func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
        let bytes = Array(bytes)
        var status = stat()
        let exists = stat(path, &status) == 0
        if exists, status.st_mode & S_IFMT != S_IFREG { return try direct(bytes, path) }
        let target = resolved(path)
        let temporary = target + ".\(getpid())-\(UInt32.random(in: 0 ... .max)).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(path, errno) }
        if exists { _ = fchmod(descriptor, status.st_mode & 0o7777) }
        var code = Descriptor.write(bytes, to: descriptor)
        if code == 0, fsync(descriptor) != 0 { code = errno }
        close(descriptor)
        if code == 0, rename(temporary, target) != 0 { code = errno }
        guard code == 0 else {
            unlink(temporary)
            throw failure(path, code)
        }
    }

    /// Reads a file of another program's, a pipe too.
    /// - Parameters:
    ///   - limit: bytes that it may have: what goes on without end is not read without end.
    ///   - advice: the next thing to do when it is not there.
    /// - Throws: `Failure` of kind `environment` when it cannot be read, of kind `usage` when it is longer.
    public static func read(_ path: String, limit: Int = 1 << 28, advice: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno, advice) }
        defer { close(descriptor) }
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno, advice) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw Failure(
            .usage, "\(path) has more than the \(limit >> 20) MB that are read of such a file", about: path, advice: advice)
    }

    private static func unreadable(_ path: String, _ code: Int32, _ advice: String) -> Failure {
        Failure(.environment, "\(path) cannot be read: \(String(cString: strerror(code)))", about: path, advice: advice)
    }

    /// Removes a plain file that an earlier run wrote, so that nobody takes it for this one's; anything else stays.
    public static func forget(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return }
        unlink(resolved(path))
    }

    /// Whether two names are of one plain file, which the second would overwrite.
    public static func areOne(_ first: String, _ second: String) -> Bool {
        var status = stat()
        guard stat(first, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else { return false }
        return resolved(first) == resolved(second)
    }

    private static func direct(_ bytes: [UInt8], _ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        let code = Descriptor.write(bytes, to: descriptor)
        guard code == 0 else { throw failure(path, code) }
    }

    /// The path without links, though what it leads to need not exist.
    private static func resolved(_ path: String, links: Int = 16) -> String {
        if let whole = realpath(path, nil) {
            defer { free(whole) }
            return String(cString: whole)
        }
        let url = URL(fileURLWithPath: path), folder = url.deletingLastPathComponent()
        if links > 0, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
            let next = target.hasPrefix("/") ? target : folder.path + "/" + target
            return resolved(next, links: links - 1)
        }
        return folder.resolvingSymlinksInPath().appendingPathComponent(url.lastPathComponent).path
    }

    private static func failure(_ path: String, _ code: Int32) -> Failure {
        Failure(
            .environment, "\(path) cannot be written: \(String(cString: strerror(code)))",
            advice: code == ENOSPC || code == EDQUOT
                ? "Free some space, or name another file" : "Name a file in a folder that you may write to")
    }
}
