// The receipts of all nodes (R11), kept for good: the node's own log is a ring, this one is the evidence.
import Foundation
import GRDB
import HostCrypto
import NodeProtocol
import Reporting

/// The control node's copy of each node's log, in SQLite.
///
/// Only verified receipts come in, and whatever comes out was verified again. What is in it always fits together: an entry that another
/// receipt of the same node contradicts is refused with a `Failure` of kind `notAuthentic`, unless the node signs just now that this is its
/// log: then the entries from there on are set aside as a branch, with a number and a date. Entries that a node lost before they were
/// fetched are explicit gaps. Several programs may use it at once.
public struct NodeLog: Sendable {
    /// A part of a node's log, in its order.
    public enum Entry: Hashable, Sendable {
        /// An entry that the node has signed for.
        case receipt(Receipt)
        /// The node has lost these entries before they were fetched, as the receipt behind them says.
        case gap(Range<UInt32>)
        /// The node counts these entries, but did not hand them over. The next receipt will tell whether it has lost them; fetched again later.
        case missing(Range<UInt32>)
        /// Entries that the node has signed and no longer has: its flash was rolled back or exchanged.
        case former(Branch)
    }

    /// What a log was from one of its entries on, before the node had another in its place.
    public struct Branch: Hashable, Encodable, Sendable {
        /// 1 for the node's first.
        public let number: Int
        /// When it was found that the node no longer has these entries: ISO 8601.
        public let seen: String
        /// Its entries that were fetched, in order.
        public let receipts: [Receipt]
    }

    /// Where the database is; SQLite keeps files of its own beside it.
    public let path: String
    private let database: DatabaseQueue

    /// Opens the file at `path`, and makes it (mode 0600) when there is none. Where nothing can be written a copy in memory takes its place: all
    /// can be read, and what is recorded is gone with the program.
    /// - Throws: `Failure` of kind `environment` when the file cannot be made, opened or used.
    public init(_ path: String) throws {
        self.path = path
        if Self.isReadOnly(path) {
            if access(path, F_OK) == 0 { try DatabaseFile.prepare(path) }
            do { database = try Self.copy(of: path) } catch { throw Self.failure(path, error) }
            return
        }
        try DatabaseFile.prepare(path)
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
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

    /// The file, or the folder that it would be made in, cannot be written.
    private static func isReadOnly(_ path: String) -> Bool {
        let folder = (path as NSString).deletingLastPathComponent
        return access(folder.isEmpty ? "." : folder, W_OK) != 0 && (errno == EACCES || errno == EROFS)
    }

    private static func copy(of path: String) throws -> DatabaseQueue {
        let memory = try access(path, F_OK) == 0 ? DatabaseFile.inMemory(path) : DatabaseQueue()
        try migrator.migrate(memory)
        return memory
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
        migrator.registerMigration("2") { database in
            try database.execute(
                sql: """
                    CREATE TABLE branch (
                        device TEXT NOT NULL REFERENCES device, branch INTEGER NOT NULL, first INTEGER NOT NULL, seen TEXT NOT NULL,
                        PRIMARY KEY (device, branch)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE former (
                        device TEXT NOT NULL REFERENCES device, branch INTEGER NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,
                        seen TEXT NOT NULL, PRIMARY KEY (device, branch, number)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    // MARK: Recording

    /// Adds receipts of the node with the key `identity`, all or none. One that is there already is left, unless the new one names its
    /// message in full.
    /// - Parameter isPresent: the node has just signed that these are in its log now; what contradicts them is set aside as a branch.
    /// - Throws: `Failure`, of kind `notAuthentic` when one contradicts what is there. Nothing was added then.
    /// - Returns: the number of the first entry that was set aside; nil when none was.
    @discardableResult
    public func record(_ receipts: [Receipt], identity: PublicKey, network: UInt64, isPresent: Bool = false) throws -> UInt32? {
        guard let node = receipts.first?.node else { return nil }
        precondition(receipts.allSatisfy { $0.node == node } && node.matches(identity))
        return try write { database in
            try introduce(node, identity, network, database)
            var fork: UInt32?
            for receipt in receipts {
                if let contradicted = try contradicted(receipt, database) {
                    guard isPresent else { throw contradiction(receipt) }
                    try setAside(from: contradicted, of: node, database)
                    fork = min(fork ?? .max, UInt32(contradicted))
                }
                try add(receipt, database)
            }
            return fork
        }
    }

    /// Sets aside what is here from entry `end` on: the node signs that its log ends there.
    /// - Throws: `Failure` of kind `environment`; nothing was set aside then.
    /// - Returns: whether there was something.
    public func cut(at end: UInt32, of node: NodeAddress) throws -> Bool {
        try write { try setAside(from: Int64(end), of: node, $0) }
    }

    /// The chain before entry `number`, as far as it is known here: of the entry before it, or of itself.
    /// - Throws: `Failure` of kind `environment`.
    public func chain(before number: UInt32, of node: NodeAddress) throws -> [UInt8]? {
        if number == 0 { return [UInt8](repeating: 0, count: 32) }
        return try read { database in
            try chain("chainAfter", Int64(number) - 1, node, database) ?? chain("chainBefore", Int64(number), node, database)
        }.map { Array($0) }
    }

    /// Whether anything is here of the node's log before entry `number`.
    /// - Throws: `Failure` of kind `environment`.
    public func knows(before number: UInt32, of node: NodeAddress) throws -> Bool {
        try read { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM receipt WHERE device = ? AND number < ?)",
                arguments: [node.description, number]) ?? false
        }
    }

    /// The highest sequence number of the node's receipts of `epoch` that `counts` takes.
    /// - Throws: `Failure`, of kind `notAuthentic` when something does not verify any more.
    public func highestSequence(of node: NodeAddress, epoch: UInt32, where counts: (Receipt) -> Bool) throws -> UInt64? {
        try entries(of: node).receipts.filter { $0.epoch == epoch && counts($0) }.map(\.sequence).max()
    }

    @discardableResult
    private func setAside(from first: Int64, of node: NodeAddress, _ database: Database) throws -> Bool {
        let name = node.description
        let isThere = try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM receipt WHERE device = ? AND number >= ?)", arguments: [name, first])
        guard isThere == true else { return false }
        let last = try Int64.fetchOne(database, sql: "SELECT max(branch) FROM branch WHERE device = ?", arguments: [name]) ?? 0
        try database.execute(
            sql: "INSERT INTO branch (device, branch, first, seen) VALUES (?, ?, ?, ?)",
            arguments: [name, last + 1, first, Date().ISO8601Format()])
        try database.execute(
            sql: """
                INSERT INTO former (device, branch, number, bytes, seen)
                    SELECT device, ?, number, bytes, seen FROM receipt WHERE device = ? AND number >= ?
                """, arguments: [last + 1, name, first])
        try database.execute(sql: "DELETE FROM receipt WHERE device = ? AND number >= ?", arguments: [name, first])
        try database.execute(sql: "DELETE FROM gap WHERE device = ? AND first >= ?", arguments: [name, first])
        try database.execute(sql: "UPDATE gap SET next = ? WHERE device = ? AND next > ?", arguments: [first, name, first])
        return true
    }

    /// Notes that the node no longer has the entries of `range` that are not here.
    /// - Throws: `Failure` of kind `environment`; nothing was noted then.
    public func recordGap(_ range: Range<UInt32>, of node: NodeAddress, identity: PublicKey, network: UInt64) throws {
        try write { database in
            try introduce(node, identity, network, database)
            // As much work as there are entries here, however many numbers the range has.
            let here = try Int64.fetchAll(
                database, sql: "SELECT number FROM receipt WHERE device = ? AND number >= ? AND number < ? ORDER BY number",
                arguments: [node.description, range.lowerBound, range.upperBound])
            var first = Int64(range.lowerBound)
            for number in here + [Int64(range.upperBound)] {
                if first < number {
                    try database.execute(
                        sql: """
                            INSERT INTO gap (device, first, next, seen) VALUES (?, ?, ?, ?)
                            ON CONFLICT DO UPDATE SET next = max(next, excluded.next)
                            """,
                        arguments: [node.description, first, number, Date().ISO8601Format()])
                }
                first = number + 1
            }
        }
    }

    private func introduce(_ node: NodeAddress, _ identity: PublicKey, _ network: UInt64, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO device (address, identity, network) VALUES (?, ?, ?)",
            arguments: [node.description, Data(identity.bytes), Int64(bitPattern: network)])
    }

    private func chain(_ column: String, _ number: Int64, _ node: NodeAddress, _ database: Database) throws -> Data? {
        try Data.fetchOne(
            database, sql: "SELECT \(column) FROM receipt WHERE device = ? AND number = ?", arguments: [node.description, number])
    }

    /// The first entry here that the receipt contradicts.
    private func contradicted(_ receipt: Receipt, _ database: Database) throws -> Int64? {
        func differs(_ column: String, _ number: Int64, _ expected: [UInt8]) throws -> Bool {
            try chain(column, number, receipt.node, database).map { $0 != Data(expected) } ?? false
        }
        let number = Int64(receipt.index)
        if try differs("chainAfter", number - 1, receipt.previous) { return number - 1 }
        if try differs("chainAfter", number, receipt.chain) { return number }
        return try differs("chainBefore", number + 1, receipt.chain) ? number + 1 : nil
    }

    private func contradiction(_ receipt: Receipt) -> Failure {
        Failure(
            .notAuthentic, "entry \(receipt.index) of the log of \(receipt.node) contradicts the entries seen before",
            remedy: .inOrder([
                .advice("Its flash was exchanged or rolled back, or something on the way shows old entries"), .showHistory,
            ]))
    }

    private func add(_ receipt: Receipt, _ database: Database) throws {
        let node = receipt.node.description
        let number = Int64(receipt.index), before = Data(receipt.previous), after = Data(receipt.chain)
        let known = try chain("chainAfter", number, receipt.node, database)
        let isWhole = !receipt.isExported
        if known != nil, !isWhole { return }
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO receipt
                    (device, number, epoch, sequence, outcome, chainBefore, chainAfter, entry, isWhole, bytes, seen)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                node, number, receipt.epoch, Int64(bitPattern: receipt.sequence), receipt.outcome.rawValue, before, after,
                Data(receipt.entry), isWhole, Data(receipt.bytes), Date().ISO8601Format(),
            ])
    }

    // MARK: Reading

    /// The number of the first entry from `first` on that is neither here nor known to be lost: where fetching resumes.
    /// - Throws: `Failure`, of kind `notAuthentic` when the database was changed by another hand.
    public func firstMissing(of node: NodeAddress, from first: UInt32 = 0) throws -> UInt32 {
        try read { database in
            var next = first
            for range in try ranges(of: node, database) where range.lowerBound <= next {
                next = max(next, range.upperBound)
            }
            return next
        }
    }

    /// What is here of a node's log from entry `first` on. Each receipt is verified, and the chain between them.
    /// - Throws: `Failure`, of kind `notAuthentic` when something in it does not verify any more.
    public func entries(of node: NodeAddress, from first: UInt32 = 0) throws -> [Entry] {
        try read { database in
            guard
                let known = try Row.fetchOne(
                    database, sql: "SELECT identity, network FROM device WHERE address = ?", arguments: [node.description])
            else {
                // Evidence of a node that it does not know is no sign that there is none.
                let sql = "SELECT (SELECT count(*) FROM receipt WHERE device = ?1) + (SELECT count(*) FROM gap WHERE device = ?1)"
                guard try Int64.fetchOne(database, sql: sql, arguments: [node.description]) == 0 else {
                    throw changed("it no longer knows \(node), whose entries it has")
                }
                return []
            }
            guard let identity = PublicKey(Self.blob(known, "identity")), node.matches(identity),
                case .int64(let network) = (known["network"] as DatabaseValue).storage
            else { throw changed("what it knows of \(node) cannot be read") }
            let rows = try Row.fetchAll(
                database, sql: "SELECT number, bytes FROM receipt WHERE device = ? AND number >= ? ORDER BY number",
                arguments: [node.description, first])
            var receipts: [Receipt] = []
            for row in rows {
                guard let number = Self.integer(row, "number").flatMap({ LogNumber.checked($0) }),
                    // Verified when it was recorded: what does not verify now was changed here, and not sent so.
                    let receipt = try? Receipt(
                        verifying: Self.blob(row, "bytes"), identity: identity, network: UInt64(bitPattern: network))
                else { throw changed("an entry of \(node) cannot be verified any more") }
                let follows = receipts.last.map { $0.index + 1 == number } ?? false
                guard receipt.index == number, !follows || receipts.last?.chain == receipt.previous else {
                    throw changed("entry \(number) of \(node) is not the one that was recorded")
                }
                receipts.append(receipt)
            }
            let gaps = try Row.fetchAll(
                database, sql: "SELECT first, next FROM gap WHERE device = ? AND next > ?",
                arguments: [node.description, first])
            // The query has left out what ends at `first` or before.
            let lost = try gaps.map { try range($0, of: node) }.map { Entry.gap(max(first, $0.lowerBound)..<$0.upperBound) }
            let former = try branches(of: node, from: first, identity, UInt64(bitPattern: network), database)
            return (former.map { .former($0) } + receipts.map { .receipt($0) } + lost).sorted { $0.first < $1.first }
        }
    }

    private func branches(
        of node: NodeAddress, from first: UInt32, _ identity: PublicKey, _ network: UInt64, _ database: Database
    ) throws -> [Branch] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT branch, seen FROM branch WHERE device = ? ORDER BY branch", arguments: [node.description])
        return try rows.compactMap { row in
            guard let number = Self.integer(row, "branch"), case .string(let seen) = (row["seen"] as DatabaseValue).storage,
                seen.utf8.allSatisfy({ 0x2B...0x5A ~= $0 })
            else { throw changed("a branch of \(node) cannot be read") }
            let found = try Row.fetchAll(
                database, sql: "SELECT bytes FROM former WHERE device = ? AND branch = ? AND number >= ? ORDER BY number",
                arguments: [node.description, number, first])
            let receipts = try found.map { row in
                guard let receipt = try? Receipt(verifying: Self.blob(row, "bytes"), identity: identity, network: network) else {
                    throw changed("an entry of \(node) cannot be verified any more")
                }
                return receipt
            }
            return receipts.isEmpty ? nil : Branch(number: Int(number), seen: seen, receipts: receipts)
        }
    }

    private func ranges(of node: NodeAddress, _ database: Database) throws -> [Range<UInt32>] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT number AS first, number + 1 AS next FROM receipt WHERE device = :device
                UNION ALL SELECT first, next FROM gap WHERE device = :device ORDER BY first
                """, arguments: ["device": node.description])
        return try rows.map { try range($0, of: node) }
    }

    // MARK: Values of rows, which any program may have changed

    private func range(_ row: Row, of node: NodeAddress) throws -> Range<UInt32> {
        guard let first = Self.integer(row, "first"), let next = Self.integer(row, "next"),
            let range = LogNumber.checked(first, before: next)
        else { throw changed("it counts entries of \(node) that no node can have") }
        return range
    }

    private static func integer(_ row: Row, _ column: String) -> Int64? {
        if case .int64(let value) = (row[column] as DatabaseValue).storage { value } else { nil }
    }

    private static func blob(_ row: Row, _ column: String) -> [UInt8] {
        if case .blob(let data) = (row[column] as DatabaseValue).storage { Array(data) } else { [] }
    }

    private func changed(_ what: String) -> Failure {
        Failure(
            .notAuthentic, "\(path) was changed: \(what)", about: "\(path)",
            advice: "Restore it from a copy, or move it away and fetch the history from the node again")
    }

    // MARK: The file

    private func write<R>(_ body: (Database) throws -> R) throws -> R {
        do { return try database.write(body) } catch { throw Self.failure(path, error) }
    }

    private func read<R>(_ body: (Database) throws -> R) throws -> R {
        do { return try database.read(body) } catch { throw Self.failure(path, error) }
    }

    private static func failure(_ path: String, _ error: any Error) -> any Error {
        if error is RowDecodingError {
            return Failure(
                .environment, "the log \(path) is damaged: it has no value where there must be one", about: path,
                advice: "Restore it from a copy, or move it away and fetch the history again")
        }
        guard let error = error as? DatabaseError else { return error }
        let remedy: Remedy =
            switch error.resultCode {
            case .SQLITE_FULL, .SQLITE_IOERR:
                .inOrder([.advice("Free some space on its disk; the node still has what it signed"), .showHistory])
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: .advice("Restore it from a copy, or move it away and fetch the history again")
            default: .advice("Check the permissions of its folder and that no other program keeps it locked")
            }
        return Failure(
            .environment, "the log \(path) could not be used: \(error.message ?? "\(error.resultCode)")", about: path,
            remedy: remedy)
    }
}

extension NodeLog.Entry {
    /// The number of its first entry in the node's log.
    public var first: UInt32 {
        switch self {
        case .receipt(let receipt): receipt.index
        case .gap(let range), .missing(let range): range.lowerBound
        case .former(let branch): branch.receipts[0].index
        }
    }
}

extension NodeLog.Entry: CustomStringConvertible, Encodable {
    public var description: String {
        switch self {
        case .receipt(let receipt): receipt.description
        case .gap(let range):
            "#\(range.lowerBound) to #\(range.upperBound - 1): lost in the node before they were fetched"
        case .missing(let range):
            "#\(range.lowerBound) to #\(range.upperBound - 1): not handed over, nor signed to be lost; ask again, or over another way"
        case .former(let branch):
            (["branch \(branch.number), since \(branch.seen): the node has signed these entries and no longer has them"]
                + branch.receipts.map { "  \($0)" }).joined(separator: "\n")
        }
    }

    private enum CodingKeys: String, CodingKey { case gap, missing, next, branch }

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
        case .former(let branch):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(branch, forKey: .branch)
        }
    }
}

extension [NodeLog.Entry] {
    /// The receipts among them.
    public var receipts: [Receipt] { compactMap { if case .receipt(let receipt) = $0 { receipt } else { nil } } }

    /// What was not handed over.
    public var missing: Range<UInt32>? { compactMap { if case .missing(let range) = $0 { range } else { nil } }.last }

    /// The branches among them.
    public var branches: [NodeLog.Branch] { compactMap { if case .former(let branch) = $0 { branch } else { nil } } }

    /// The gaps among them.
    public var gaps: [Range<UInt32>] { compactMap { if case .gap(let range) = $0 { range } else { nil } } }
}

extension Home {
    /// The receipts of all nodes.
    public var nodeLog: String { path + "/log.sqlite" }
}
