// The receipts of all devices, kept for good: the device's own log is a ring, this one is the evidence.
import Foundation
import GRDB
import Reporting

/// The control node's copy of each device's log, in SQLite.
///
/// Only verified receipts come in, and whatever comes out was verified again. What is in it always fits together: an entry that another
/// receipt of the same device contradicts is refused with a `Failure` of kind `notAuthentic`. Entries that a device lost before they were
/// fetched are explicit gaps. Several programs may use it at once.
public struct DeviceLog: Sendable {
    /// A part of a device's log, in its order.
    public enum Entry: Hashable, Sendable {
        case receipt(Receipt)
        /// The device has lost these entries before they were fetched, as the receipt behind them says.
        case gap(Range<UInt32>)
        /// The device counts these entries, but did not hand them over. The next receipt will tell whether it has lost them; fetched again later.
        case missing(Range<UInt32>)
    }

    public let path: String
    private let database: DatabaseQueue

    /// Opens the file at `path`, and makes it (mode 0600) when there is none.
    public init(_ path: String) throws {
        self.path = path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw Failure(
                .environment, "the log \(path) could not be opened: \(String(cString: strerror(errno)))",
                advice: "Check the permissions of its folder and the space on its disk")
        }
        close(descriptor)
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try Self.migrator.migrate(database)
        } catch { throw Self.failure(path, error) }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE device (
                        address TEXT PRIMARY KEY, identity BLOB NOT NULL, network INTEGER NOT NULL
                    ) STRICT;
                    CREATE TABLE receipt (
                        device TEXT NOT NULL REFERENCES device, number INTEGER NOT NULL,
                        epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, outcome INTEGER NOT NULL,
                        chainBefore BLOB NOT NULL, chainAfter BLOB NOT NULL, entry BLOB NOT NULL,
                        isWhole INTEGER NOT NULL, bytes BLOB NOT NULL, seen TEXT NOT NULL,
                        PRIMARY KEY (device, number)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE gap (
                        device TEXT NOT NULL REFERENCES device, first INTEGER NOT NULL, next INTEGER NOT NULL, seen TEXT NOT NULL,
                        PRIMARY KEY (device, first)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    // MARK: Recording

    /// Adds receipts of the device with the key `identity`, all or none. One that is there already is left, unless the new one names its
    /// message in full.
    public func record(_ receipts: [Receipt], identity: PublicKey, network: UInt64) throws {
        guard let device = receipts.first?.device else { return }
        precondition(receipts.allSatisfy { $0.device == device } && device.matches(identity))
        try write { database in
            try introduce(device, identity, network, database)
            for receipt in receipts { try add(receipt, database) }
        }
    }

    /// Notes that the device no longer has the entries of `range` that are not here.
    public func recordGap(_ range: Range<UInt32>, of device: DeviceAddress, identity: PublicKey, network: UInt64) throws {
        try write { database in
            try introduce(device, identity, network, database)
            let here = try UInt32.fetchSet(
                database, sql: "SELECT number FROM receipt WHERE device = ? AND number >= ? AND number < ?",
                arguments: [device.description, range.lowerBound, range.upperBound])
            var first = range.lowerBound
            for number in range where here.contains(number) || number == range.upperBound - 1 {
                let next = here.contains(number) ? number : number + 1
                if first < next {
                    try database.execute(
                        sql: """
                            INSERT INTO gap (device, first, next, seen) VALUES (?, ?, ?, ?)
                            ON CONFLICT DO UPDATE SET next = max(next, excluded.next)
                            """,
                        arguments: [device.description, first, next, Date().ISO8601Format()])
                }
                first = number + 1
            }
        }
    }

    private func introduce(_ device: DeviceAddress, _ identity: PublicKey, _ network: UInt64, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO device (address, identity, network) VALUES (?, ?, ?)",
            arguments: [device.description, Data(identity.bytes), Int64(bitPattern: network)])
    }

    private func add(_ receipt: Receipt, _ database: Database) throws {
        let device = receipt.device.description
        func chain(_ column: String, _ number: Int64) throws -> Data? {
            try Data.fetchOne(
                database, sql: "SELECT \(column) FROM receipt WHERE device = ? AND number = ?", arguments: [device, number])
        }
        let number = Int64(receipt.index), before = Data(receipt.previous), after = Data(receipt.chain)
        let known = try chain("chainAfter", number)
        guard known.map({ $0 == after }) ?? true, try chain("chainAfter", number - 1).map({ $0 == before }) ?? true,
            try chain("chainBefore", number + 1).map({ $0 == after }) ?? true
        else {
            throw Failure(
                .notAuthentic, "entry \(number) of the log of \(device) contradicts the entries seen before",
                advice: "Its flash was exchanged or rolled back: do not trust its history, and look at the device")
        }
        let isWhole = !receipt.isExported
        if known != nil, !isWhole { return }
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO receipt
                    (device, number, epoch, sequence, outcome, chainBefore, chainAfter, entry, isWhole, bytes, seen)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                device, number, receipt.epoch, Int64(bitPattern: receipt.sequence), receipt.outcome.rawValue, before, after,
                Data(receipt.entry), isWhole, Data(receipt.bytes), Date().ISO8601Format(),
            ])
    }

    // MARK: Reading

    /// The number of the first entry from `first` on that is neither here nor known to be lost: where fetching resumes.
    public func firstMissing(of device: DeviceAddress, from first: UInt32 = 0) throws -> UInt32 {
        try read { database in
            var next = first
            for range in try Self.ranges(of: device, database) where range.lowerBound <= next {
                next = max(next, range.upperBound)
            }
            return next
        }
    }

    /// What is here of a device's log from entry `first` on. Each receipt is verified, and the chain between them.
    public func entries(of device: DeviceAddress, from first: UInt32 = 0) throws -> [Entry] {
        try read { database in
            guard
                let known = try Row.fetchOne(
                    database, sql: "SELECT identity, network FROM device WHERE address = ?", arguments: [device.description]),
                let identity = PublicKey(Array(known["identity"] as Data)), device.matches(identity)
            else { return [] }
            let network = UInt64(bitPattern: known["network"] as Int64)
            let rows = try Row.fetchAll(
                database, sql: "SELECT number, bytes FROM receipt WHERE device = ? AND number >= ? ORDER BY number",
                arguments: [device.description, first])
            var receipts: [Receipt] = []
            for row in rows {
                let receipt = try Receipt(verifying: Array(row["bytes"] as Data), identity: identity, network: network)
                let number: UInt32 = row["number"]
                let follows = receipts.last.map { $0.index + 1 == number } ?? false
                guard receipt.index == number, !follows || receipts.last?.chain == receipt.previous else {
                    throw Failure(
                        .notAuthentic, "\(path) was changed: entry \(number) of \(device) is not the one that was recorded",
                        advice: "Restore it from a copy, or move it away and fetch the history from the device again")
                }
                receipts.append(receipt)
            }
            let gaps = try Row.fetchAll(
                database, sql: "SELECT first, next FROM gap WHERE device = ? AND next > ?",
                arguments: [device.description, first])
            let lost = gaps.map { Entry.gap(max(first, $0["first"] as UInt32)..<($0["next"] as UInt32)) }
            return (receipts.map { .receipt($0) } + lost).sorted { $0.first < $1.first }
        }
    }

    private static func ranges(of device: DeviceAddress, _ database: Database) throws -> [Range<UInt32>] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT number AS first, number + 1 AS next FROM receipt WHERE device = :device
                UNION ALL SELECT first, next FROM gap WHERE device = :device ORDER BY first
                """, arguments: ["device": device.description])
        return rows.map { ($0["first"] as UInt32)..<($0["next"] as UInt32) }
    }

    // MARK: The file

    private func write<R>(_ body: (Database) throws -> R) throws -> R {
        do { return try database.write(body) } catch { throw Self.failure(path, error) }
    }

    private func read<R>(_ body: (Database) throws -> R) throws -> R {
        do { return try database.read(body) } catch { throw Self.failure(path, error) }
    }

    private static func failure(_ path: String, _ error: any Error) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let advice =
            switch error.resultCode {
            case .SQLITE_FULL, .SQLITE_IOERR:
                "Free some space on its disk; the device still has what it signed: lightnode history"
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: "Restore it from a copy, or move it away and fetch the history again"
            default: "Check the permissions of its folder and that no other program keeps it locked"
            }
        return Failure(
            .environment, "the log \(path) could not be used: \(error.message ?? "\(error.resultCode)")", advice: advice)
    }
}

extension DeviceLog.Entry {
    /// The number of its first entry in the device's log.
    public var first: UInt32 {
        switch self {
        case .receipt(let receipt): receipt.index
        case .gap(let range), .missing(let range): range.lowerBound
        }
    }
}

extension DeviceLog.Entry: CustomStringConvertible, Encodable {
    public var description: String {
        switch self {
        case .receipt(let receipt): receipt.description
        case .gap(let range):
            "#\(range.lowerBound) to #\(range.upperBound - 1): lost in the device before they were fetched"
        case .missing(let range):
            "#\(range.lowerBound) to #\(range.upperBound - 1): not handed over, nor signed to be lost; ask again, or over another way"
        }
    }

    private enum CodingKeys: String, CodingKey { case gap, missing, next }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .receipt(let receipt): try receipt.encode(to: encoder)
        case .gap(let range):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(range.lowerBound, forKey: .gap)
            try container.encode(range.upperBound, forKey: .next)
        case .missing(let range):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(range.lowerBound, forKey: .missing)
            try container.encode(range.upperBound, forKey: .next)
        }
    }
}

extension [DeviceLog.Entry] {
    /// The receipts among them.
    public var receipts: [Receipt] { compactMap { if case .receipt(let receipt) = $0 { receipt } else { nil } } }

    /// What was not handed over.
    public var missing: Range<UInt32>? { compactMap { if case .missing(let range) = $0 { range } else { nil } }.last }

    /// The gaps among them.
    public var gaps: [Range<UInt32>] { compactMap { if case .gap(let range) = $0 { range } else { nil } } }
}

extension Home {
    /// The receipts of all devices.
    public var deviceLog: String { path + "/log.sqlite" }
}
