// Records on a PostgreSQL server: several stations, one truth.
import CPostgres
import Foundation
import Reporting

/// One connection to a PostgreSQL server through libpq. Transactions are serializable: what stations do at once comes out as if they had
/// waited for each other.
final class PostgresDatabase: SQLDatabase, @unchecked Sendable {
    var name: String { address.name }
    private let address: PostgresAddress
    // Used under the lock only.
    private let lock = NSLock()
    private var connection: OpaquePointer?

    /// Connects to `url` (postgres://…, libpq's manual section 34.1.1) and brings the schema up to date.
    /// - Throws: a `Failure` when the way there is neither a Unix socket nor verified TLS (`PostgresAddress`), or leads nowhere.
    init(url: String) throws {
        address = try PostgresAddress(url)
        try connect()
        try migrate()
    }

    deinit { connection.map(PQfinish) }

    private func connect() throws {
        connection.map(PQfinish)
        connection = address.connect()
        guard let connection, PQstatus(connection) == CONNECTION_OK else {
            let complaint = self.connection.map { String(cString: PQerrorMessage($0)) } ?? "out of memory"
            throw address.lessThanDemanded(complaint) ?? unreachable(complaint)
        }
        // Notices ("table exists already") are of no use here.
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        _ = try run("SET synchronous_commit = on", [])
    }

    private func unreachable(_ reason: String) -> Failure {
        let line = reason.split(separator: "\n").first.map { $0.trimmingCharacters(in: .whitespaces) } ?? "no reason given"
        return .database(
            name, "cannot be reached (\(line))",
            advice: "Check the server and the network, then start again: what was begun is completed then, and nothing was lost")
    }

    private func migrate() throws {
        // One station at a time, whichever comes first. Before the transaction, so that it sees what the others did.
        _ = try run("SELECT pg_advisory_lock(520018)", [])
        defer { _ = try? run("SELECT pg_advisory_unlock(520018)", []) }
        try transaction { session in
            try session.execute("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY)", [])
            let applied = Set(try session.execute("SELECT name FROM migration", []).compactMap { $0["name"]?.text })
            guard applied.isSubset(of: Schema.migrations.map(\.name)) else {
                throw Failure.database(name, "were written by a newer lightnode", advice: "Use that one")
            }
            for migration in Schema.migrations where !applied.contains(migration.name) {
                for statement in migration.statements { try session.execute(statement, []) }
                try session.execute("INSERT INTO migration (name) VALUES ($1)", [.text(migration.name)])
            }
        }
    }

    func transaction<R>(_ body: (any SQLSession) throws -> R) throws -> R {
        lock.lock()
        defer { lock.unlock() }
        var attempt = 0
        while true {
            attempt += 1
            do {
                try begin()
                do {
                    let result = try body(Session(database: self))
                    _ = try run("COMMIT", [])
                    return result
                } catch {
                    _ = try? run("ROLLBACK", [])
                    throw error
                }
            } catch is ConflictError where attempt < 20 {
                // Another station was first: everything again, on what it left.
                usleep(UInt32.random(in: 1000...20_000))
            } catch is ConflictError {
                throw Failure.database(name, "are being changed by too many stations at once", advice: "Start again")
            }
        }
    }

    /// A connection that broke while it was not in use is made again; one that breaks in the middle is the caller's to know.
    private func begin() throws {
        do { _ = try run("BEGIN ISOLATION LEVEL SERIALIZABLE", []) } catch is Failure {
            try connect()
            _ = try run("BEGIN ISOLATION LEVEL SERIALIZABLE", [])
        }
    }

    /// The server gave way to another transaction (SQLSTATE 40001, 40P01).
    private struct ConflictError: Error {}

    private struct Session: SQLSession {
        let database: PostgresDatabase
        func execute(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] { try database.run(sql, arguments) }
    }

    private func run(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
        guard let connection else { throw unreachable("no connection") }
        // libpq takes an array of C strings; nil is NULL.
        let texts: [UnsafeMutablePointer<CChar>?] = arguments.map { argument in
            switch argument {
            case .null: nil
            case .integer(let value): strdup(String(value))
            case .text(let text): strdup(text)
            }
        }
        defer { for text in texts { free(text) } }
        let result = texts.map { UnsafePointer($0) }.withUnsafeBufferPointer {
            PQexecParams(connection, sql, Int32(arguments.count), nil, $0.baseAddress, nil, nil, 0)
        }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return Self.rows(result)
        default: throw error(result, connection)
        }
    }

    private static func rows(_ result: OpaquePointer?) -> [SQLRow] {
        (0..<PQntuples(result)).map { row in
            var values: SQLRow = [:]
            for column in 0..<PQnfields(result) {
                let isNull = PQgetisnull(result, row, column) == 1
                values[String(cString: PQfname(result, column))] =
                    isNull ? .null : .text(String(cString: PQgetvalue(result, row, column)))
            }
            return values
        }
    }

    private func error(_ result: OpaquePointer?, _ connection: OpaquePointer) -> any Error {
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue!)).map { String(cString: $0) }
        }
        let reason = String(cString: PQerrorMessage(connection))
        guard PQstatus(connection) == CONNECTION_OK else { return unreachable(reason) }
        switch field("C") ?? "" {
        case "23505": return DuplicateError(constraint: (field("n") ?? "") + " " + (field("D") ?? ""))
        case "40001", "40P01": return ConflictError()
        case "53100":
            return Failure.database(name, "cannot be written: the server's disk is full", advice: "Free some space there")
        case "25006", "42501":
            return Failure.database(
                name, "cannot be written: this user may only read", advice: "Ask the server's keeper for the right to write")
        // Without a code it is libpq itself that speaks: the server hung up.
        case let code where code.isEmpty || code.hasPrefix("57") || code.hasPrefix("08"): return unreachable(reason)
        case let code:
            let line = reason.split(separator: "\n").first.map(String.init) ?? ""
            return Failure.database(name, "refused a step (\(code): \(line))", advice: "Nothing was changed; report this")
        }
    }
}
