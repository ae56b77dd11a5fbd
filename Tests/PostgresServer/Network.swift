// What a PostgreSQL server on a network has: certificates of an authority made for the test, and users whom it authenticates in different ways.
import Foundation

/// An authority made for a test, and the key and certificate that it gave a server.
public struct Certificates: Sendable {
    let folder: String

    public var authority: String { folder + "/authority.crt" }
    public var certificate: String { folder + "/server.crt" }
    public var key: String { folder + "/server.key" }

    /// Those that are in `folder`.
    init(folder: String) { self.folder = folder }

    /// Makes an authority and a certificate for `name` in `folder`, with OpenSSL's program.
    public init(in folder: String, name: String) throws {
        self.init(folder: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let names = folder + "/names.txt"
        try Data("subjectAltName=DNS:\(name)\n".utf8).write(to: URL(fileURLWithPath: names))
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try Self.openssl(
            ["req", "-x509"] + curve + [
                "-keyout", folder + "/authority.key", "-out", authority, "-days", "2", "-subj", "/CN=A test",
            ])
        try Self.openssl(["req"] + curve + ["-keyout", key, "-out", folder + "/server.csr", "-subj", "/CN=\(name)"])
        try Self.openssl([
            "x509", "-req", "-in", folder + "/server.csr", "-CA", authority, "-CAkey", folder + "/authority.key",
            "-CAcreateserial",
            "-days", "2", "-extfile", names, "-out", certificate,
        ])
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PostgresServer.Missing(description: "openssl \(arguments.joined(separator: " ")) failed")
        }
    }
}

extension PostgresServer {
    /// The password of all users of the network.
    public static let password = "not-for-strangers"
    /// A user of the network for each way in which this server may authenticate one.
    public static let authentications = ["scram": "scram-sha-256", "old": "md5", "clear": "password", "open": "trust"]

    /// The certificates of a server that is on the network: for the name localhost.
    public var certificates: Certificates { Certificates(folder: folder + "/tls") }

    /// An address over the network.
    public func url(user: String, host: String = "localhost", authority: String? = nil) -> String {
        "postgres://\(user):\(Self.password)@\(host):\(port ?? 0)/postgres?sslrootcert=\(authority ?? certificates.authority)"
    }

    /// Certificates and the file that says how users are authenticated. The `relayed` user is let in without TLS: what stands between a
    /// client and this server speaks TLS to the client alone.
    func prepareNetwork() throws {
        _ = try Certificates(in: folder + "/tls", name: "localhost")
        var lines = ["local all all trust", "hostnossl all relayed 127.0.0.1/32 scram-sha-256"]
        for (user, method) in Self.authentications { lines.append("hostssl all \(user) 127.0.0.1/32 \(method)") }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/data/pg_hba.conf"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: certificates.key)
        guard geteuid() == 0 else { return }
        let user = getpwnam("nobody")!.pointee
        chown(certificates.key, user.pw_uid, user.pw_gid)
    }

    func makeUsers() throws {
        for (user, method) in Self.authentications.merging(["relayed": "scram-sha-256"], uniquingKeysWith: { own, _ in own }) {
            let kept = method == "md5" ? "md5" : "scram-sha-256"
            _ = try sql("SET password_encryption = '\(kept)'; CREATE ROLE \(user) LOGIN SUPERUSER PASSWORD '\(Self.password)'")
        }
    }

    /// A port that nobody listens at now.
    static func freePort() -> UInt16 {
        let listener = Listener { _ in }
        listener.close()
        return listener.port
    }
}
