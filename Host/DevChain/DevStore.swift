// Where a development chain is kept: one SQLite file. Each change is one transaction of the database, so a kill at any moment leaves the chain
// as it was before it or as it is after it.
import Foundation
import GRDB
import Ledger
import Reporting

/// Blocks, nodes of states, what waits, snapshots and the clock.
final class DevStore: StateSource {
    /// Rises whenever what is in the file means something else.
    static let version = 1
    /// “LNdc”: what tells the file from other databases.
    private static let application = 0x4c4e_6463

    private let database: DatabaseQueue
    let path: String

    struct Row {
        let height: UInt64
        let header: Hash32
        let block: [UInt8]
        let peaks: [UInt8]
    }

    struct Mark {
        let id: Int64
        let height: UInt64
        let clock: UInt64
    }

    /// Opens the file, and makes it if it is not there.
    /// - Throws: `Failure` of kind `environment` for a file of another program or another version, or one that cannot be opened.
    init(path: String) throws {
        self.path = path
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        }
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.write { try Self.prepare($0, path) }
        } catch { throw Self.failure(error, path) }
    }

    private static func failure(_ error: any Error, _ path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let isFull = error.resultCode == .SQLITE_FULL
        return Failure(
            .environment,
            "the chain’s file \(path) could not be \(isFull ? "written: the disk is full" : "used (\(error.resultCode))")",
            about: path,
            advice: isFull
                ? "Make room and try again: nothing is lost" : "Check the file and its folder, or load a dump of the chain")
    }

    private static func prepare(_ database: Database, _ path: String) throws {
        let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        if application == 0, version == 0, try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") == 0 {
            try database.execute(
                sql: """
                    PRAGMA application_id = \(Self.application);
                    PRAGMA user_version = \(Self.version);
                    CREATE TABLE chain (one INTEGER PRIMARY KEY CHECK (one = 1), genesis BLOB NOT NULL, root BLOB NOT NULL,
                        seed TEXT NOT NULL, clock INTEGER NOT NULL);
                    CREATE TABLE blocks (height INTEGER PRIMARY KEY, header BLOB NOT NULL, block BLOB NOT NULL, peaks BLOB NOT NULL);
                    CREATE TABLE nodes (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE secrets (commitment BLOB PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);
                    CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, height INTEGER NOT NULL, clock INTEGER NOT NULL);
                    """)
            return
        }
        guard application == Self.application else {
            throw Failure(.environment, "\(path) is no development chain", about: path, advice: "Name another file")
        }
        guard version == Self.version else {
            throw Failure(
                .environment,
                "\(path) is a development chain of version \(version), and this program has version \(Self.version)",
                about: path, advice: "Use the program that made it, or begin a new chain")
        }
    }

    func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        do { return try database.read(body) } catch { throw Self.failure(error, path) }
    }

    func write<Result>(_ body: (Database) throws -> Result) throws -> Result {
        do { return try database.write(body) } catch { throw Self.failure(error, path) }
    }

    func node(_ hash: Hash32) throws -> [UInt8] {
        let bytes = try read {
            try Data.fetchOne($0, sql: "SELECT bytes FROM nodes WHERE hash = ?", arguments: [Data(hash.bytes)])
        }
        return bytes.map { Array($0) } ?? []
    }

    func row(at height: UInt64) throws -> Row? {
        try read { database in
            try GRDB.Row.fetchOne(
                database, sql: "SELECT header, block, peaks FROM blocks WHERE height = ?", arguments: [Int64(height)]
            )
            .flatMap { row in
                guard let header = Hash32(row["header"] as Data) else { return nil }
                return Row(height: height, header: header, block: Array(row["block"] as Data), peaks: Array(row["peaks"] as Data))
            }
        }
    }

    /// Root of the genesis' state.
    func firstRoot() throws -> Hash32 {
        let root = try read { try Data.fetchOne($0, sql: "SELECT root FROM chain") }.flatMap { Hash32($0) }
        guard let root else {
            throw Failure(.environment, "\(path) holds no chain", about: path, advice: "Load a dump of the chain")
        }
        return root
    }

    func lastHeight() throws -> UInt64 {
        try read { UInt64(try Int64.fetchOne($0, sql: "SELECT max(height) FROM blocks") ?? 0) }
    }

    func headers(to height: UInt64) throws -> [Hash32] {
        try read { database in
            try Data.fetchAll(
                database, sql: "SELECT header FROM blocks WHERE height <= ? ORDER BY height", arguments: [Int64(height)]
            )
            .compactMap { Hash32($0) }
        }
    }

    /// A whole copy, in place once it is complete.
    func copy(to target: String) throws {
        let temporary = "\(target).\(getpid()).new"
        defer { unlink(temporary) }
        unlink(temporary)
        do { try database.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [temporary]) } } catch {
            throw Self.failure(error, temporary)
        }
        let descriptor = open(temporary, O_RDONLY)
        guard descriptor >= 0, fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, target) == 0 else {
            throw Failure(
                .environment, "\(target) could not be written (\(String(cString: strerror(errno))))", about: target,
                advice: "Check the folder and the room on its disk")
        }
    }
}
