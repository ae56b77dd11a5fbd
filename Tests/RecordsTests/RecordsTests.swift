import Foundation
import HostCrypto
import NodeProtocol
import PostgresServer
import Records
import Reporting
import Testing

/// Both databases, by the same tests.
enum Kind: CaseIterable, CustomTestStringConvertible {
    case sqlite, postgres
    var testDescription: String { self == .sqlite ? "SQLite" : "PostgreSQL" }
}

@Suite("Records of nodes", .serialized)
struct RecordsTests {
    private func withRecords(_ kind: Kind, _ body: (Records, _ again: () throws -> Records) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-records-\(randomBytes(6).hex)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = kind == .postgres ? try PostgresServer() : nil
        let location = server?.url ?? folder + "/factory.sqlite"
        let records = try Records(location)
        for name in ["one", "two"] {
            try records.register(station: name, publicKey: key(), at: Date())
        }
        try body(records) { try Records(location) }
        withExtendedLifetime(server) {}
    }

    private func key() -> PublicKey { SigningKey.generate().publicKey }

    private func found(chip: String = "", station: String = "one") -> Records.Found {
        .init(
            board: "microbit", firmware: "1.2.3", firmwareHash: "00ff", hardwareSerial: chip, connection: "emulated:a",
            station: station, operator: "Ada")
    }

    private func finished(_ records: Records, _ batch: Batch, chip: String = "", identity: PublicKey? = nil) throws
        -> NodeRecord
    {
        let reserved = try records.reserve(batch, found(chip: chip), claim: key(), at: Date())
        let written = try records.written(reserved, identity: identity ?? key(), isInjected: true, at: Date())
        return try records.done(try records.verified(written, isProtected: false, at: Date()), at: Date())
    }

    private let lamps = Batch(name: "lamps", network: 1, isTest: false)

    @Test("A file of 0 bytes is no new one; a reader waits for no writer; numbers that no column should hold stop no program")
    func foreignFile() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-records-\(randomBytes(6).hex)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/factory.sqlite"
        try Data().write(to: URL(fileURLWithPath: path))
        do {
            _ = try Records(path)
            Issue.record("taken for a new one")
        } catch let failure as Failure {
            #expect(failure.kind == .environment && failure.what.contains("is empty") && failure.advice.contains("delete it"))
        }
        try FileManager.default.removeItem(atPath: path)
        let records = try Records(path)
        try records.register(station: "one", publicKey: key(), at: Date())
        _ = try finished(records, try records.open(lamps))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { !$0.hasSuffix(".new") })

        let writer = try SQLiteSession(
            path, "PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE; UPDATE batch SET created_at = created_at;")
        let began = Date()
        #expect(try Records(path).batches().count == 1 && records.nodes(batch: "lamps").count == 1)
        #expect(Date().timeIntervalSince(began) < 15, "it does not wait for the lock's 20 s")
        try writer.end("ROLLBACK;")

        try SQLiteSession(
            path, "PRAGMA ignore_check_constraints = ON; UPDATE batch SET network = -1; UPDATE device SET network = -1;"
        ).end("")
        #expect(throws: Failure.self) { try records.nodes(batch: "lamps") }
        #expect((try? records.batches())?.isEmpty != false)
    }

    @Test(
        "What is there and cannot be read is told, and never left out of a list or a manifest",
        arguments: [
            "UPDATE batch SET created_at = 'x'", "UPDATE batch SET network = -1", "UPDATE station SET public_key = '00'",
            "UPDATE device SET identity = 'x'", "UPDATE device SET address = 'x'", "UPDATE device SET done_at = 'x'",
            "UPDATE device SET done_at = NULL", "UPDATE device SET identity = NULL", "UPDATE device SET network = 'x'",
            "UPDATE device SET step = 'verified'", "UPDATE device SET is_protected = 'x'", "UPDATE event SET happened_at = 'x'",
            "UPDATE event SET what = x'00'",
        ])
    func unreadable(sql: String) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/ln-records-\(randomBytes(6).hex)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let records = try Records(folder + "/factory.sqlite")
        try records.register(station: "one", publicKey: key(), at: Date())
        _ = try finished(records, try records.open(lamps))
        /// Rows of every kind, read as lists and manifests do.
        func read() throws -> Int {
            let nodes = try records.nodes(batch: "lamps")
            return try records.batches().count + records.stations().count + nodes.compactMap(\.provisioned).count
                + nodes.flatMap { try records.events($0) }.count
        }
        #expect(try read() == 7)
        try SQLiteSession(folder + "/factory.sqlite", "PRAGMA ignore_check_constraints = ON; \(sql);").end("")
        #expect(throws: Failure.self) { try read() }
    }

    @Test("Names are values and never statements: what is SQL in them is found again as text", arguments: Kind.allCases)
    func foreignNames(kind: Kind) throws {
        try withRecords(kind) { records, again throws in
            for text in ["'); DROP TABLE device; --", "\"x\"", "$1", "?1", "a\\'b", "é 漢 🔑", "%_", "x; SELECT pg_sleep(9)"] {
                try records.register(station: text, publicKey: key(), at: Date())
                let batch = try records.open(Batch(name: text, network: 1, isTest: false))
                let reserved = try records.reserve(
                    batch,
                    .init(
                        board: text, firmware: text, firmwareHash: text, hardwareSerial: text, connection: text, station: text,
                        operator: text), claim: key(), at: Date())
                let kept = try records.nodes(batch: text)
                #expect(kept.count == 1 && kept[0].label == reserved.label, "\(text)")
                #expect(
                    kept[0].board == text && kept[0].station == text && kept[0].operator == text && kept[0].hardwareSerial == text
                )
            }
            #expect(try again().batches().count == 8)
        }
    }

    @Test("A node goes through its steps in order, and its record says all that is known of it", arguments: Kind.allCases)
    func steps(kind: Kind) throws {
        try withRecords(kind) { records, again throws in
            let batch = try records.open(lamps)
            let reserved = try records.reserve(batch, found(chip: "c1"), claim: key(), at: Date())
            #expect(reserved.serial == 1 && reserved.step == .reserved && reserved.operator == "Ada")
            // Not verified before it is written, not done before it is verified.
            #expect(throws: Failure.self) { try records.verified(reserved, isProtected: false, at: Date()) }
            #expect(throws: Failure.self) { try records.done(reserved, at: Date()) }
            let identity = key()
            let written = try records.written(reserved, identity: identity, isInjected: true, at: Date())
            let verified = try records.verified(written, isProtected: true, at: Date())
            let done = try records.done(verified, at: Date())
            // Another connection sees the same.
            let read = try again().node(batch: "lamps", serial: 1)
            #expect(read.step == .done && read.identity == identity && read.isIdentityInjected && read.isProtected)
            #expect(read.address == NodeAddress(of: identity) && read.claim == done.claim && read.provisioned != nil)
            #expect(try records.events(read).map(\.number) == [1, 2, 3, 4])
            #expect(try records.node(claim: done.claim)?.serial == 1)
            #expect(try records.unfinished(station: "one").isEmpty)
            // What is done is not done again.
            #expect(throws: Failure.self) { try records.done(verified, at: Date()) }
        }
    }

    @Test("The database itself refuses what would be there twice", arguments: Kind.allCases)
    func duplicates(kind: Kind) throws {
        try withRecords(kind) { records, _ throws in
            let batch = try records.open(lamps)
            let first = try finished(records, batch, chip: "c1")
            #expect(throws: Failure.self) { try records.reserve(batch, found(), claim: first.claim, at: Date()) }
            #expect(throws: Failure.self) { try records.reserve(batch, found(chip: "c1"), claim: key(), at: Date()) }
            #expect(throws: Failure.self) { try finished(records, batch, identity: first.identity) }
            #expect(throws: Failure.self) { try records.register(station: "one", publicKey: key(), at: Date()) }
            // A claim key that was given up is never used again either.
            let second = try records.reserve(batch, found(chip: "c2"), claim: key(), at: Date())
            _ = try records.restart(second, found(chip: "c2"), claim: key(), at: Date())
            #expect(throws: Failure.self) { try records.reserve(batch, found(chip: "c3"), claim: second.claim, at: Date()) }
            // A chip whose record was discarded may come again.
            _ = try records.discard(first, reason: "erased", at: Date())
            #expect(try finished(records, batch, chip: "c1").step == .done)
            // A refused step takes no serial number with it.
            let serials = try records.nodes(batch: "lamps").map(\.serial)
            #expect(serials == Array(1...Int64(serials.count)))
        }
    }

    @Test("A batch is of one kind: board, firmware, network and rehearsal cannot be mixed", arguments: Kind.allCases)
    func batches(kind: Kind) throws {
        try withRecords(kind) { records, _ throws in
            _ = try records.open(lamps)
            // What it left open is fixed by the first who says it.
            #expect(try records.open(Batch(name: "lamps", board: "microbit", network: 1, isTest: false)).board == "microbit")
            for other in [
                Batch(name: "lamps", board: "mps2-an386", network: 1, isTest: false),
                Batch(name: "lamps", network: 2, isTest: false), Batch(name: "lamps", network: 1, isTest: true),
            ] {
                #expect(throws: Failure.self) { try records.open(other) }
            }
            #expect(try records.batches().map(\.name) == ["lamps"])
            #expect(throws: Failure.self) { try records.batch("locks") }
        }
    }

    @Test("Two stations at once give out every serial number once", arguments: Kind.allCases)
    func concurrent(kind: Kind) async throws {
        try withRecords(kind) { records, again throws in
            let batch = try records.open(lamps)
            let both = [records, try again()]
            let failures = Failures()
            DispatchQueue.concurrentPerform(iterations: 40) { number in
                let station = ["one", "two"][number % 2]
                do {
                    _ = try both[number % 2].reserve(
                        batch, found(station: station), claim: SigningKey.generate().publicKey, at: Date())
                } catch { failures.note(error) }
            }
            #expect(failures.all.isEmpty, "\(failures.all)")
            #expect(try records.nodes(batch: "lamps").map(\.serial) == Array(1...40))
        }
    }

    final class Failures: @unchecked Sendable {
        private let lock = NSLock()
        private var errors: [any Error] = []
        func note(_ error: any Error) { lock.withLock { errors.append(error) } }
        var all: [any Error] { lock.withLock { errors } }
    }

    /// A station's records, with a batch, on a server of its own.
    private func served() throws -> (PostgresServer, Records, Batch) {
        let server = try PostgresServer()
        let records = try Records(server.url)
        try records.register(station: "one", publicKey: key(), at: Date())
        return (server, records, try records.open(lamps))
    }

    @Test("A server that goes away is said so, and when it is back the next step finds it")
    func serverGone() throws {
        let (server, records, batch) = try served()
        _ = try records.reserve(batch, found(), claim: key(), at: Date())
        server.stop()
        let failure = try #require(throws: Failure.self) { try records.reserve(batch, found(), claim: key(), at: Date()) }
        #expect(failure.kind == .environment && failure.what.contains("cannot be reached"))
        try server.start()
        #expect(try records.reserve(batch, found(), claim: key(), at: Date()).serial == 2)
    }

    @Test("The schema in PostgreSQL is that of SQLite, and refuses by itself, whoever writes")
    func rawServer() throws {
        let (server, records, batch) = try served()
        let record = try finished(records, batch)
        #expect(try server.sql("SELECT serial, step FROM device") == "1|done")
        let copy =
            "INSERT INTO device SELECT batch, 7, step, claim || 'x', identity, address || 'x', board, firmware, firmware_hash, chip, connection, network, is_test, is_injected, is_protected, station, operator, begun_at, done_at, outcome FROM device"
        _ = try server.sql(copy)
        #expect(try server.sql("SELECT COUNT(*) FROM device") == "1", "the identity \(record.label) may not be there twice")
        _ = try server.sql("UPDATE device SET done_at = NULL")
        #expect(try server.sql("SELECT COUNT(*) FROM device WHERE done_at IS NULL") == "0")
    }

    @Test("A password in the database's address is in no message")
    func password() throws {
        let failure = try #require(throws: Failure.self) {
            try Records("postgres://factory:hunter2@/postgres?host=/nonexistent")
        }
        #expect(!failure.description.contains("hunter2"))
    }

    @Test("What is no database is refused and left as it is")
    func noDatabase() throws {
        let path = FileManager.default.temporaryDirectory.path + "/ln-no-database-\(randomBytes(6).hex)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = String(repeating: "this is a letter, no database. ", count: 100)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: Failure.self) { try Records(path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        #expect(throws: Failure.self) { try Records("mysql://localhost/x") }
    }
}

/// Another program at the same file: Python's sqlite3, which holds what it began until it is told to end.
final class SQLiteSession {
    private let process = Process(), input = Pipe()

    init(_ path: String, _ statements: String) throws {
        let ready = path + ".ready"
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            """
            import sqlite3, sys
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            for s in sys.argv[2].split(";"): c.execute(s)
            open(sys.argv[3], "w").close()
            for s in sys.stdin.read().split(";"): c.execute(s)
            c.close()
            """, path, statements, ready,
        ]
        process.standardInput = input
        try process.run()
        for _ in 0..<1000 where !FileManager.default.fileExists(atPath: ready) { usleep(10_000) }
        #expect(FileManager.default.fileExists(atPath: ready))
        try? FileManager.default.removeItem(atPath: ready)
    }

    func end(_ statements: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data(statements.utf8))
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
