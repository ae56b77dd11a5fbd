// Records in one SQLite file: one station, or several on one computer.
import Foundation
import GRDB
import Keystore
import Reporting

/// A SQLite file in WAL mode, every commit brought to the disk, foreign keys enforced.
final class SQLiteDatabase: SQLDatabase {
    let name: String
    private let queue: DatabaseQueue

    /// Opens or makes `path` (mode 0600) and brings its schema up to date.
    init(path: String) throws {
        name = path
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(20)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        // Made here rather than by SQLite, so that no one else may ever read it; its -wal and -shm files take the same mode.
        try DatabaseFile.prepare(path)
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            let migrator = Self.migrator
            // One that is up to date is not written to: who only reads waits for no writer.
            if try !queue.read({ try migrator.hasCompletedMigrations($0) }) { try migrator.migrate(queue) }
            let isNewer = try queue.read { try migrator.hasBeenSuperseded($0) }
            guard !isNewer else {
                throw Failure.database(path, "were written by a newer lightnode", advice: "Use that one")
            }
        } catch { throw Self.explained(error, path) }
    }

    /// Opens what is at `path` for reading. Where SQLite cannot do that without writing beside it, or the schema is older, a private copy is read.
    init(reading path: String) throws {
        name = path
        guard access(path, R_OK) == 0 else {
            throw Failure.database(
                path, errno == ENOENT ? "are not there" : "cannot be read: \(String(cString: strerror(errno)))",
                remedy: .either([.advice("Check the file's name and its permissions"), .nameDatabase]))
        }
        // One of 0 bytes is refused: it is there, so nothing is made.
        try DatabaseFile.prepare(path)
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(20)
        do {
            let direct = try? DatabaseQueue(path: path, configuration: configuration)
            if let direct, (try? direct.read({ try Self.migrator.hasCompletedMigrations($0) })) == true {
                queue = direct
            } else {
                queue = try Self.copy(of: path)
            }
            guard try !queue.read({ try Self.migrator.hasBeenSuperseded($0) }) else {
                throw Failure.database(path, "were written by a newer lightnode", advice: "Use that one")
            }
        } catch { throw Self.explained(error, path) }
    }

    /// An empty one in memory, to be read.
    static func none() throws -> SQLiteDatabase {
        let memory = try DatabaseQueue()
        try migrator.migrate(memory)
        return SQLiteDatabase(name: "no records", queue: memory)
    }

    private init(name: String, queue: DatabaseQueue) { (self.name, self.queue) = (name, queue) }

    /// A copy in memory, with the schema of this program.
    private static func copy(of path: String) throws -> DatabaseQueue {
        let memory = try DatabaseFile.inMemory(path)
        try migrator.migrate(memory)
        return memory
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for migration in Schema.migrations {
            migrator.registerMigration(migration.name) { database in
                for statement in migration.statements { try database.execute(sql: statement) }
            }
        }
        return migrator
    }

    func transaction<R>(_ body: (any SQLSession) throws -> R) throws -> R {
        do {
            return try queue.writeWithoutTransaction { database in
                var result: R?
                try database.inTransaction(.immediate) {
                    result = try body(Session(database: database))
                    return .commit
                }
                return result!
            }
        } catch { throw Self.explained(error, name) }
    }

    /// A reader waits for no writer (WAL).
    func reading<R>(_ body: (any SQLSession) throws -> R) throws -> R {
        do { return try queue.read { try body(Session(database: $0)) } } catch { throw Self.explained(error, name) }
    }

    private struct Session: SQLSession {
        let database: Database

        func execute(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
            let values = arguments.map { argument -> (any DatabaseValueConvertible)? in
                switch argument {
                case .null: nil
                case .integer(let value): value
                case .text(let text): text
                }
            }
            do {
                return try Row.fetchAll(database, sql: sql, arguments: StatementArguments(values)).map { row in
                    Dictionary(uniqueKeysWithValues: zip(row.columnNames, row.databaseValues.map(Self.value)))
                }
            } catch let error as DatabaseError
                where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE
                || error.extendedResultCode == .SQLITE_CONSTRAINT_PRIMARYKEY
            {
                throw DuplicateError(constraint: error.message ?? "")
            }
        }

        private static func value(_ value: DatabaseValue) -> SQLValue {
            switch value.storage {
            case .null: .null
            case .int64(let number): .integer(number)
            case .string(let text): .text(text)
            case .double(let number): .text("\(number)")
            case .blob: .null
            }
        }
    }

    /// SQLite's error codes in the terms of who stands before it.
    private static func explained(_ error: any Error, _ path: String) -> any Error {
        if error is RowDecodingError {
            return Failure.database(
                path, "are damaged (no value where there must be one)", advice: "Move the file away and restore it from a copy")
        }
        guard let error = error as? DatabaseError else { return error }
        let reason = error.message ?? "code \(error.resultCode.rawValue)"
        return switch error.resultCode {
        case .SQLITE_FULL:
            Failure.database(path, "cannot be written: the disk is full", advice: "Free some space there; nothing was lost")
        case .SQLITE_IOERR:
            Failure.database(
                path, "cannot be written (\(reason))", advice: "Check the space on the disk and the disk itself; nothing was lost"
            )
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            Failure.database(
                path, "cannot be written: the file or its folder is read-only",
                remedy: .either([.advice("Give yourself the right to write both"), .nameDatabase]))
        case .SQLITE_CANTOPEN:
            Failure.database(path, "cannot be opened (\(reason))", advice: "Check that its folder is there and may be written")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            Failure.database(path, "are in use by another program", advice: "Close it, then try again")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            Failure.database(path, "are damaged (\(reason))", advice: "Move the file away and restore it from a copy")
        default: Failure.database(path, "refused a step (\(reason))", advice: "Nothing was changed; report this")
        }
    }
}
