// A PostgreSQL server of a test's own: Debian's binaries on a Unix socket in a temporary folder, as an unprivileged user; over TLS too if asked.
import Foundation

/// A server that lives as long as this object. Its data are thrown away.
public final class PostgresServer: @unchecked Sendable {
    public let folder: String
    /// Where it listens on 127.0.0.1; nil for one with a socket alone.
    public let port: UInt16?
    private let binaries: String
    private var process: Process?

    public struct Missing: Error, CustomStringConvertible {
        public let description: String
    }

    /// - Parameter isOnNetwork: makes it listen on a port of the loopback network as well, with the certificate of `Certificates` and the
    ///   users of `authentications`.
    public init(isOnNetwork: Bool = false) throws {
        port = isOnNetwork ? Self.freePort() : nil
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
        if isOnNetwork { try prepareNetwork() }
        try start()
        if isOnNetwork { try makeUsers() }
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    public var url: String { "postgres://factory@/postgres?host=\(folder)" + (port.map { "&port=\($0)" } ?? "") }

    private var portOption: [String] { port.map { ["-p", "\($0)"] } ?? [] }

    public func start() throws {
        var settings = ["fsync=off", "listen_addresses="]
        if let port {
            let certificate = Certificates(folder: folder + "/tls")
            settings = [
                "fsync=off", "listen_addresses=127.0.0.1", "port=\(port)", "ssl=on", "ssl_cert_file=\(certificate.certificate)",
                "ssl_key_file=\(certificate.key)",
            ]
        }
        process = try command(["postgres", "-D", folder + "/data", "-k", folder] + settings.flatMap { ["-c", $0] })
        for _ in 0..<600 {
            let ready = try command(["pg_isready", "-q", "-h", folder] + portOption)
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
        let psql = try command(
            ["psql", "-h", folder] + portOption + ["-U", "factory", "-d", "postgres", "-At", "-c", text], output: output)
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
