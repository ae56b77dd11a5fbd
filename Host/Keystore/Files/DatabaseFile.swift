// SQLite files are made whole: a file of 0 bytes is never a new one, but what a full disk or a failed copy leaves.
import Foundation
import GRDB
import Reporting

/// A SQLite file before it is opened.
public enum DatabaseFile {
    /// Makes the file at `path` if there is none (mode 0600): an empty database, which appears as a whole.
    /// - Throws: `Failure` of kind `environment` when it cannot be made, and when there is one of 0 bytes: SQLite would take it for new, and
    ///   what was in it would seem never to have been.
    public static func prepare(_ path: String) throws {
        let url = URL(fileURLWithPath: path)
        Leftovers.remove(in: url.deletingLastPathComponent().path) { $0.hasPrefix(url.lastPathComponent + ".") }
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG, status.st_size == 0 else { return }
            throw Failure(
                .environment, "\(path) is empty: what was in it is lost, or its disk was full when it was copied",
                about: "\(path)",
                advice: "Restore it from a copy; to begin anew, delete it")
        }
        let temporary = path + ".\(getpid())-\(UInt32.random(in: 0 ... .max)).new"
        let descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        close(descriptor)
        defer { for suffix in ["", "-journal"] { unlink(temporary + suffix) } }
        do {
            let queue = try DatabaseQueue(path: temporary)
            // A first table makes SQLite write the file's head.
            try queue.writeWithoutTransaction { try $0.execute(sql: "CREATE TABLE head (x); DROP TABLE head") }
            try queue.close()
        } catch {
            throw Failure(
                .environment, "\(path) cannot be made: \((error as? DatabaseError)?.message ?? "\(error)")", about: "\(path)",
                advice: "Check the space on its disk and the permissions of its folder")
        }
        // Another program may have made it meanwhile: then that one is it.
        guard link(temporary, path) == 0 || errno == EEXIST else { throw failure(path) }
    }

    /// What is in the file at `path`, in memory: for who cannot write beside it. What a program that was killed has left beside it, a journal or a
    /// write-ahead log, is taken into account in a private copy, which is gone afterwards.
    /// - Throws: `DatabaseError` when it cannot be read; `CocoaError` when the copy cannot be made.
    public static func inMemory(_ path: String) throws -> DatabaseQueue {
        let memory = try DatabaseQueue()
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(20)
        do { try DatabaseQueue(path: path, configuration: configuration).backup(to: memory) } catch let error as DatabaseError
            where [.SQLITE_READONLY, .SQLITE_CANTOPEN].contains(error.resultCode)
        {
            // Nobody writes to it now, or it could have been read.
            let folder = FileManager.default.temporaryDirectory.path + "/lightnode-copy-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            defer { try? FileManager.default.removeItem(atPath: folder) }
            for suffix in ["", "-wal", "-journal"] where FileManager.default.fileExists(atPath: path + suffix) {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: folder + "/copy" + suffix)
                chmod(folder + "/copy" + suffix, 0o600)
            }
            try DatabaseQueue(path: folder + "/copy").backup(to: memory)
        }
        return memory
    }

    private static func failure(_ path: String) -> Failure {
        Failure(
            .environment, "\(path) cannot be made: \(String(cString: strerror(errno)))",
            advice: "Check the permissions of its folder and the space on its disk")
    }
}
