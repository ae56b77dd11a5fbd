// Whether there is room for what follows a signature: tried before, because afterwards it is too late.
import Foundation
import HostCrypto
import Reporting

/// Room on the disk of a folder.
public enum Room {
    /// Takes `count` bytes in `folder` and gives them back.
    /// - Throws: `Failure` of kind `environment` when they are not to be had; nothing stays.
    public static func check(in folder: String, count: Int) throws {
        // Swept by `Leftovers` should this program be killed between the two calls.
        let path = folder + "/room.\(getpid())-\(randomBytes(4).hex).new"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure(folder, errno) }
        unlink(path)
        defer { close(descriptor) }
        var code = posix_fallocate(descriptor, 0, off_t(count))
        while code == EINTR { code = posix_fallocate(descriptor, 0, off_t(count)) }
        guard code == 0 else { throw failure(folder, code) }
    }

    private static func failure(_ folder: String, _ code: Int32) -> Failure {
        Failure(
            .environment,
            "there is no room in \(folder) for what is to be recorded (\(String(cString: strerror(code)))): nothing was signed",
            about: folder, advice: "Free some space on its disk, and check that you may write there")
    }
}
