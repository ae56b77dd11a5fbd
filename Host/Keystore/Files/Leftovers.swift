// What a killed program leaves of files that it was about to replace: whole copies of secrets under temporary names.
import Foundation

/// Files `NAME.PID-XXXXXXXX.new`, as `PrivateFile.write` and `DatabaseFile.prepare` make them, and the journals of the latter.
public enum Leftovers {
    /// Removes those in `folder` whose name fits and whose process is no more.
    public static func remove(in folder: String, where fits: (String) -> Bool) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where fits(name) && isAbandoned(name) {
            let path = folder + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            // A second name of the finished file is only a name; a file of its own is overwritten.
            if status.st_nlink == 1 { erase(path, count: Int(status.st_size)) } else { unlink(path) }
        }
    }

    /// Removes what was to become `file`.
    public static func remove(besides file: PrivateFile) {
        let (folder, name) = ((file.path as NSString).deletingLastPathComponent, (file.path as NSString).lastPathComponent)
        remove(in: folder.isEmpty ? "." : folder) { $0.hasPrefix(name + ".") }
    }

    private static func isAbandoned(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        guard parts.count > 2, ["new", "new-journal"].contains(parts.last),
            let pid = parts[parts.count - 2].split(separator: "-").first.flatMap({ Int32($0) })
        else { return false }
        return pid > 0 && pid != getpid() && kill(pid, 0) != 0 && errno == ESRCH
    }

    /// Overwrites the file with zeros and removes it.
    static func erase(_ path: String, count: Int) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        if descriptor >= 0 {
            let zeros = [UInt8](repeating: 0, count: count)
            _ = write(descriptor, zeros, zeros.count)
            fsync(descriptor)
            close(descriptor)
        }
        unlink(path)
    }
}
