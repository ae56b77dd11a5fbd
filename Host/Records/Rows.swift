// Rows: batches and nodes read from the rows of the database. A row that cannot be read whole is a failure, never left out.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting

extension Batch {
    init(_ row: SQLRow) throws {
        guard let name = row["name"]?.text, let board = row["board"]?.text, let firmware = row["firmware"]?.text,
            let hash = row["firmware_hash"]?.text, let network = row["network"]?.integer.flatMap({ UInt64(exactly: $0) }),
            let isTest = row["is_test"]?.integer,
            let last = row["last_serial"]?.integer, let created = row["created_at"]?.text.flatMap(Timestamp.date)
        else { throw Failure.unreadable("a batch (“\(row["name"]?.text ?? "?")”)") }
        self.init(
            name: name, board: board, firmware: firmware, firmwareHash: hash, network: network, isTest: isTest != 0,
            created: created)
        lastSerial = last
    }
}

extension Failure {
    /// What is there and cannot be read is never taken for what is not there.
    static func unreadable(_ what: String) -> Failure {
        Failure(.environment, "the record of \(what) in the database cannot be read", advice: "Restore the database from a copy")
    }
}

extension NodeRecord {
    init(row: SQLRow) throws {
        let label = "\(row["batch"]?.text ?? "?")#\(row["serial"]?.integer.map { "\($0)" } ?? "?")"
        func needed<Value>(_ name: String, _ read: (SQLValue) throws -> Value?) throws -> Value {
            guard let value = try row[name].flatMap(read) else { throw Failure.unreadable(label) }
            return value
        }
        /// NULL is nil; anything else must be readable.
        func optional<Value>(_ name: String, _ read: (SQLValue) throws -> Value?) throws -> Value? {
            row[name] == .null ? nil : try needed(name, read)
        }
        func text(_ name: String) throws -> String { try needed(name) { $0.text } }
        func flag(_ name: String) throws -> Bool { try needed(name) { $0.integer } == 1 }
        func key(_ value: SQLValue) -> PublicKey? { value.text.flatMap { [UInt8](hex: $0) }.flatMap { PublicKey($0) } }
        func date(_ value: SQLValue) -> Date? { value.text.flatMap(Timestamp.date) }
        self.init(
            batch: try text("batch"), serial: try needed("serial") { $0.integer },
            step: try needed("step") { $0.text.flatMap(Step.init(rawValue:)) },
            address: try optional("address") { $0.text.flatMap { try? NodeAddress(parsing: $0) } },
            identity: try optional("identity", key), claim: try needed("claim", key), board: try text("board"),
            firmware: try text("firmware"), firmwareHash: try text("firmware_hash"), hardwareSerial: try text("chip"),
            connection: try text("connection"), network: try needed("network") { $0.integer.flatMap { UInt64(exactly: $0) } },
            isTest: try flag("is_test"), isIdentityInjected: try flag("is_injected"), isProtected: try flag("is_protected"),
            station: try text("station"), operator: try text("operator"), begun: try needed("begun_at", date),
            time: try optional("done_at", date), outcome: try text("outcome"))
        let isKeyed = address != nil && identity != nil
        guard (step == .done) == (time != nil), isKeyed || step == .reserved || step == .discarded else {
            throw Failure.unreadable(label)
        }
    }
}
