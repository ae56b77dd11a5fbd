// A program that a person works with: it has this one's terminal until it ends.
import Foundation
import Reporting

extension Tool {
    /// Runs it with this program's standard input, output and error, and waits for its end. Ctrl-C is for it alone meanwhile.
    /// - Throws: `Failure` when it is missing or cannot be started.
    /// - Returns: its exit status; 128 and the number of the signal that ended it.
    public func runInForeground(_ arguments: [String]) throws -> Int32 {
        let program = try path()
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))
        let words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let former = [SIGINT, SIGQUIT].map { ($0, signal($0, SIG_IGN)) }
        defer { for (number, handler) in former { signal(number, handler) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, program, nil, &attributes, words, environ)
        guard code == 0 else {
            throw Failure(
                .environment, "\(name) cannot be started: \(String(cString: strerror(code)))", about: name,
                advice: "Check that the program is installed and may be run")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    /// Whether it is in PATH.
    public var isInstalled: Bool { (try? path()) != nil }
}
