// A PostgreSQL server of a test's own: Debian's binaries on a Unix socket in a temporary folder, as an unprivileged user.
import Foundation

/// A server that lives as long as this object. Its data are thrown away.
public final class PostgresServer: @unchecked Sendable {
    public let folder: String
    private let binaries: String
    private var process: Process?

    public struct Missing: Error, CustomStringConvertible {
        public let description: String
    }

    public init() throws {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted()
        guard let newest = versions.last else {
            throw Missing(description: "there is no PostgreSQL server: Tools/install-dependencies installs it")
        }
        binaries = "\(root)/\(newest)/bin"
        folder = "/tmp/ln-pg-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0 {
            let user = getpwnam("nobody")!.pointee
            chown(folder, user.pw_uid, user.pw_gid)
        }
        let made = try command([
            "initdb", "-D", folder + "/data", "-U", "factory", "--auth=trust", "--no-sync", "--no-instructions", "-E", "UTF8",
            "--locale=C",
        ])
        made.waitUntilExit()
        guard made.terminationStatus == 0 else { throw Missing(description: "initdb failed in \(folder)") }
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    public var url: String { "postgres://factory@/postgres?host=\(folder)" }

    public func start() throws {
        process = try command(["postgres", "-D", folder + "/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"])
        for _ in 0..<600 {
            let ready = try command(["pg_isready", "-q", "-h", folder])
            ready.waitUntilExit()
            if ready.terminationStatus == 0 { return }
            usleep(100_000)
        }
        throw Missing(description: "the server in \(folder) did not start")
    }

    /// The server goes away at once (SIGQUIT: immediate shutdown).
    public func stop() {
        guard let process, process.isRunning else { return }
        // setpriv execs, so this is the server itself.
        kill(process.processIdentifier, SIGQUIT)
        process.waitUntilExit()
        self.process = nil
    }

    /// Runs SQL and returns what psql prints.
    public func sql(_ text: String) throws -> String {
        let output = Pipe()
        let psql = try command(["psql", "-h", folder, "-U", "factory", "-d", "postgres", "-At", "-c", text], output: output)
        let data = output.fileHandleForReading.readDataToEndOfFile()
        psql.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func command(_ arguments: [String], output: Any = FileHandle.nullDevice) throws -> Process {
        let process = Process()
        var words = [binaries + "/" + arguments[0]] + arguments.dropFirst()
        // PostgreSQL refuses to be root.
        if geteuid() == 0 { words = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] + words }
        process.executableURL = URL(fileURLWithPath: words[0])
        process.arguments = Array(words.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }
}
