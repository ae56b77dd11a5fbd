import Foundation
import HostCrypto
import PostgresServer
import Reporting
import Testing

@testable import Records

/// Records on a PostgreSQL server: only over a Unix socket, or over TLS that is verified, with a password that nobody on the way learns.
@Suite("The way to a PostgreSQL server", .serialized)
struct PostgresWayTests {
    private func failure(_ url: String) -> Failure? {
        do {
            _ = try Records(url)
            return nil
        } catch { return error as? Failure }
    }

    @Test("Over verified TLS with SCRAM a real server is used, and the connection is what was demanded")
    func verified() throws {
        let server = try PostgresServer(isOnNetwork: true)
        let records = try Records(server.url(user: "scram"))
        try records.register(station: "one", publicKey: SigningKey.generate().publicKey, at: Date())
        let way = try server.sql(
            "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'scram' AND application_name = 'lightnode'"
        )
        #expect(way.hasPrefix("t|TLSv1."), "\(way)")
        withExtendedLifetime(records) {}
    }

    @Test(
        "A real server that asks for the password in clear, for MD5 of it, or for nothing is refused, with the remedy",
        arguments: ["clear", "old", "open"])
    func weaker(_ user: String) throws {
        let server = try PostgresServer(isOnNetwork: true)
        let refused = try #require(failure(server.url(user: user)))
        #expect(
            refused.what.contains("without SCRAM and channel binding") && refused.advice.contains("scram-sha-256"), "\(refused)")
        #expect(!refused.description.contains(PostgresServer.password))
        // None of these has told the server anything but a name.
        #expect(try server.sql("SELECT count(*) FROM pg_class WHERE relname = 'migration'") == "0")
    }

    @Test("A certificate for another name, of another authority, or that cannot be verified is refused")
    func certificates() throws {
        let server = try PostgresServer(isOnNetwork: true)
        let other = try Certificates(in: server.folder + "/other", name: "localhost")
        for url in [server.url(user: "scram", host: "127.0.0.1"), server.url(user: "scram", authority: other.authority)] {
            let refused = try #require(failure(url))
            #expect(refused.what.contains("certificate is not one for this name"), "\(refused)")
        }
        let unknown = try #require(failure(server.url(user: "scram", authority: server.folder + "/none.crt")))
        #expect(unknown.what.contains("no certificate is here") && unknown.advice.contains("sslrootcert"), "\(unknown)")
    }

    @Test("A relay with a good certificate of its own, which speaks TLS to the client and none to the server, is refused")
    func between() throws {
        let server = try PostgresServer(isOnNetwork: true)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Witness/between.py").path
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", script, server.certificates.certificate, server.certificates.key, "\(try #require(server.port))",
        ]
        process.standardOutput = output
        try process.run()
        defer { process.terminate() }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)))
        let url =
            "postgres://relayed:\(PostgresServer.password)@localhost:\(port)/postgres?sslrootcert=\(server.certificates.authority)"
        let refused = try #require(failure(url))
        #expect(refused.what.contains("without SCRAM and channel binding"), "\(refused)")
    }

    @Test("A listener that offers no TLS and asks for the password in clear does not get it, nor the user's name")
    func listener() throws {
        let listener = Listener { peer in
            guard !peer.read().isEmpty else { return }
            peer.write([UInt8(ascii: "N")])
            // Whatever follows is answered with AuthenticationCleartextPassword.
            while !peer.read().isEmpty { peer.write([UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 3]) }
        }
        defer { listener.close() }
        let refused = try #require(
            failure("postgres://factory:not-for-strangers@localhost:\(listener.port)/records?sslrootcert=/none"))
        #expect(refused.kind == .environment)
        #expect(refused.what.contains("cannot be reached safely"), "\(refused)")
        let authority = try Certificates(
            in: NSTemporaryDirectory() + "ln-authority-\(UInt32.random(in: 0 ... .max))", name: "localhost")
        let again = try #require(
            failure("postgres://factory:not-for-strangers@localhost:\(listener.port)/records?sslrootcert=\(authority.authority)"))
        #expect(again.what.contains("offers no TLS") && again.advice.contains("ssl = on"), "\(again)")
        let heard = String(decoding: listener.received, as: UTF8.self)
        #expect(!heard.contains("not-for-strangers") && !heard.contains("factory"))
        // It was asked for TLS, and for nothing else.
        #expect(listener.received.count >= 8 && listener.received.count % 8 == 0)
        try? FileManager.default.removeItem(atPath: URL(fileURLWithPath: authority.authority).deletingLastPathComponent().path)
    }

    @Test(
        "An address that asks for less is refused before anything is sent",
        arguments: [
            "sslmode=disable", "sslmode=prefer", "sslmode=require", "sslmode=verify-ca", "channel_binding=disable",
            "channel_binding=prefer", "hostaddr=192.0.2.7&sslmode=prefer",
        ])
    func asked(_ parameters: String) throws {
        let listener = Listener { peer in peer.read() }
        defer { listener.close() }
        let refused = try #require(failure("postgres://factory:secret@localhost:\(listener.port)/records?\(parameters)"))
        #expect(
            refused.kind == .usage && refused.what.contains("asks for") && !refused.description.contains("secret"), "\(refused)")
        #expect(listener.received.isEmpty)
    }

    @Test("What the environment says weakens nothing, and a socket is one only if nothing leads elsewhere")
    func environment() throws {
        func address(_ url: String, _ defaults: [String: String] = [:]) throws -> PostgresAddress {
            try PostgresAddress(url, defaults: defaults)
        }
        let weak = ["sslmode": "disable", "channel_binding": "disable", "gssencmode": "require"]
        let network = try address("postgres://factory@db.example/records", weak)
        #expect(!network.isSocket && network.parameters["sslmode"] == "verify-full")
        #expect(network.parameters["channel_binding"] == "require" && network.parameters["gssencmode"] == "disable")
        #expect(try address("postgres://factory@/records?host=/run/postgresql").isSocket)
        #expect(try address("postgres:///records").isSocket)
        #expect(try address("postgres:///records", ["host": "/run/postgresql"]).isSocket)
        // Elsewhere: by a list, an address beside a socket, a service file, the environment.
        for (url, defaults) in [
            ("postgres://factory@/records?host=/run/postgresql,db.example", [:]),
            ("postgres://factory@/records?host=/run/postgresql&hostaddr=192.0.2.7", [:]),
            ("postgres://factory@/records?service=factory", [:]),
            ("postgres:///records", ["host": "db.example"]),
            ("postgres://factory@/records?host=/run/postgresql", ["hostaddr": "192.0.2.7"]),
            ("postgres:///records", ["service": "factory"]),
        ] as [(String, [String: String])] {
            let found = try address(url, defaults)
            #expect(!found.isSocket && found.parameters["sslmode"] == "verify-full", "\(url) \(defaults)")
        }
        #expect { try address("postgres://factory:secret@[/records") } throws: {
            ($0 as? Failure)?.kind == .usage && !"\($0)".contains("secret")
        }
    }
}
