// A child process in its own process group that dies with us.
import Foundation
import Glibc
import Reporting

/// One running program. Its output goes to files, so nothing here can block on it.
public final class ChildProcess: @unchecked Sendable {
    /// How a program ended.
    public enum Exit: Equatable, Sendable {
        /// It ended by itself, with an exit status of 0 to 255.
        case status(Int32)
        /// A signal of that number ended it.
        case signal(Int32)
    }

    /// Its process id, and its process group's.
    public let pid: pid_t
    private let detached: Bool
    private let ended = DispatchSemaphore(value: 0)
    private let lock = NSLock()
    private var result: Exit?

    /// Starts `path`.
    /// - Parameters:
    ///   - output: file for its output and errors, created or truncated.
    ///   - folder: where it runs; this program's if nil.
    ///   - detached: gives it a session of its own and lets it outlive us.
    /// - Throws: `Failure` when it cannot be started.
    public init(_ path: String, _ arguments: [String], output: String, folder: String? = nil, detached: Bool = false) throws {
        var command = [path] + arguments
        #if os(Linux)
        // The kernel then kills it when our spawning thread is gone, however we end.
        if !detached, access("/usr/bin/setpriv", X_OK) == 0 {
            command = ["/usr/bin/setpriv", "--pdeathsig", "KILL"] + command
        }
        #endif
        pid = try Spawner.shared.spawn(command, output: output, folder: folder, detached: detached)
        self.detached = detached
        if !detached { watch() }
    }

    private func watch() {
        let thread = Thread { [self] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            let exit: Exit = status & 0x7F == 0 ? .status(status >> 8 & 0xFF) : .signal(status & 0x7F)
            lock.withLock { result = exit }
            ended.signal()
        }
        thread.stackSize = 1 << 17
        thread.start()
    }

    /// How it ended, nil while it runs.
    public var exit: Exit? { lock.withLock { result } }

    /// Waits for the end. Nil after `timeout` seconds.
    public func wait(timeout: Double) -> Exit? {
        if ended.wait(timeout: .now() + timeout) == .success { ended.signal() }
        return exit
    }

    /// Ends its whole process group at once and collects it.
    public func kill() {
        guard exit == nil else { return }
        killpg(pid, SIGKILL)
        _ = Glibc.kill(pid, SIGKILL)
        if !detached { _ = wait(timeout: 10) }
    }

    func send(signal: Int32) { if exit == nil { _ = Glibc.kill(pid, signal) } }

    deinit { if !detached { kill() } }
}

/// A thread that never ends and starts all children: on Linux a child's parent-death signal follows the thread that made it.
private final class Spawner: @unchecked Sendable {
    static let shared = Spawner()
    private let work = DispatchSemaphore(value: 0)
    private let lock = NSLock()
    private var queue: [() -> Void] = []

    init() {
        let thread = Thread { [unowned self] in
            while true {
                work.wait()
                lock.withLock { queue.removeFirst() }()
            }
        }
        thread.start()
    }

    func spawn(_ command: [String], output: String, folder: String?, detached: Bool) throws -> pid_t {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var result: (pid: pid_t, code: Int32) = (0, 0)
        lock.withLock {
            queue.append {
                result = Self.start(command, output: output, folder: folder, detached: detached)
                done.signal()
            }
        }
        work.signal()
        done.wait()
        guard result.code == 0 else {
            throw Failure(
                .environment, "\(command[0]) cannot be started: \(String(cString: strerror(result.code)))",
                advice: "Check that the program is installed and may be run")
        }
        return result.pid
    }

    private static func start(_ command: [String], output: String, folder: String?, detached: Bool) -> (pid_t, Int32) {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        if let folder { changeFolder(&actions, folder) }
        // Other children's pipes and sockets are not this one's business.
        closeFrom(&actions, 3)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let group = detached ? setSession : POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(Int32(group) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))
        let arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, command[0], &actions, &attributes, arguments, environ)
        return (pid, code)
    }
}

/// glibc declares these for _GNU_SOURCE alone (spawn.h, glibc 2.34).
@_silgen_name("posix_spawn_file_actions_addchdir_np") @discardableResult
private func changeFolder(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ path: UnsafePointer<CChar>) -> Int32
@_silgen_name("posix_spawn_file_actions_addclosefrom_np") @discardableResult
private func closeFrom(_ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32) -> Int32
private let setSession: Int32 = 0x80
