// What must hold of log.sqlite and factory.sqlite after any program has changed them, by their bytes or by their values.
import Foundation
import FuzzProperties
import GRDB
import HostCrypto
import Reporting

@testable import Keystore
@testable import NodeProtocol
@testable import Records

/// A database as this program writes it, and copies of it that are changed by an input:
///
/// | First byte (modulo 4) | Then |
/// |---|---|
/// | 0 | the changes of bytes: `[place, 3 bytes; what is added to the byte there]` each |
/// | 1 | the changes of values: `[table, column, row, kind, length, bytes…]` each |
/// | 2 | the length to cut it to, 3 bytes; then as 0 |
/// | 3 | the file as it is |
private struct Model: Sendable {
    let name: String
    let tables: [String]
    let bytes: [UInt8]

    /// - Parameter fill: opens the file of that path, fills and closes it.
    init(_ name: String, tables: [String], _ fill: (String) throws -> Void) {
        (self.name, self.tables) = (name, tables)
        let path = Folder.url.appendingPathComponent("model-" + name).path
        do {
            try fill(path)
            bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch { fatalError("the database to begin with cannot be made: \(error)") }
    }

    /// Where the changed copy is, and whether its values alone were changed.
    func changed(_ input: [UInt8]) throws -> (path: String, isByValues: Bool) {
        let path = Folder.url.appendingPathComponent(name).path
        for suffix in ["-wal", "-shm", "-journal"] { unlink(path + suffix) }
        var copy = bytes, rest = input.dropFirst()
        let kind = (input.first ?? 0) % 4
        if kind == 3 { copy = Array(rest) }
        if kind == 2 {
            copy = Array(copy.prefix(Self.place(rest.prefix(3)) % (copy.count + 1)))
            rest = rest.dropFirst(3)
        }
        while kind % 2 == 0, rest.count >= 4, !copy.isEmpty {
            copy[Self.place(rest.prefix(3)) % copy.count] &+= rest[rest.startIndex + 3]
            rest = rest.dropFirst(4)
        }
        _ = try Folder.file(name, copy)
        if kind == 1 { try changeValues(path, rest) }
        return (path, kind == 1)
    }

    private static func place(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private func changeValues(_ path: String, _ changes: ArraySlice<UInt8>) throws {
        var rest = changes
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
            while rest.count >= 5 {
                let (table, column, row, kind) = (rest.removeFirst(), rest.removeFirst(), rest.removeFirst(), rest.removeFirst())
                let bytes = Array(rest.dropFirst().prefix(Int(rest[rest.startIndex])))
                rest = rest.dropFirst(1 + bytes.count)
                // What the tables themselves refuse stays as it is.
                try? change(database, tables[Int(table) % tables.count], Int(column), Int(row), kind % 8, bytes)
            }
        }
    }

    private func change(_ database: Database, _ table: String, _ column: Int, _ row: Int, _ kind: UInt8, _ bytes: [UInt8]) throws
    {
        let columns = try database.columns(in: table).map(\.name), name = columns[column % columns.count]
        let number = bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let odd: [Int64] = [-1, 0, 0xFFFF_FFFF, 0x1_0000_0000, .max, .min, 2, 0xFFFE_FFFF]
        let value: DatabaseValue =
            switch kind {
            case 0: .null
            case 1: Int64(bitPattern: number).databaseValue
            case 2: String(decoding: bytes, as: UTF8.self).databaseValue
            case 3: Data(bytes).databaseValue
            case 4: Double(bitPattern: number).databaseValue
            default: odd[Int(number % 8)].databaseValue
            }
        let chosen = "\(name) IS (SELECT \(name) FROM \(table) LIMIT 1 OFFSET \(row % 8))"
        if kind == 6 { return try database.execute(sql: "DELETE FROM \(table) WHERE \(chosen)") }
        if kind == 7 { return try database.execute(sql: "DROP TABLE \(table)") }
        try database.execute(sql: "UPDATE \(table) SET \(name) = ? WHERE \(chosen)", arguments: [value])
    }

    /// Rows of each table, by the values of an expression; none where they cannot be counted.
    func count(_ path: String, by expressions: [String: String]) -> [String: [String: Int]] {
        guard let queue = try? DatabaseQueue(path: path) else { return [:] }
        defer { try? queue.close() }
        let counts = try? queue.read { database in
            expressions.reduce(into: [:] as [String: [String: Int]]) { counts, pair in
                let sql = "SELECT CAST(\(pair.value) AS TEXT) AS value, count(*) AS number FROM \(pair.key) GROUP BY 1"
                // A table that is gone has nothing to count.
                for row in (try? Row.fetchAll(database, sql: sql)) ?? [] {
                    if let value = row["value"] as String? { counts[pair.key, default: [:]][value] = row["number"] as Int? }
                }
            }
        }
        return counts ?? [:]
    }
}

/// What a reader of a database throws is told to a person: nothing but a `Failure`.
private func told<R>(_ input: [UInt8], _ body: () throws -> R) throws -> R {
    do { return try body() } catch let failure as Failure { throw failure } catch {
        throw Violation("\(type(of: error)) is no failure that is told: \(error)", input)
    }
}

// MARK: The log

private enum Evidence {
    static let key = Bench.identity
    static let node = NodeAddress(of: key.publicKey)
    static let receipts: [Receipt] = (0..<9).reduce(into: []) { receipts, number in
        // The node has lost the entries 3 and 4.
        let index = UInt64(number < 3 ? number : number + 2)
        let previous = number == 3 ? [UInt8](repeating: 9, count: 32) : receipts.last?.chain ?? [UInt8](repeating: 0, count: 32)
        receipts.append(receipt(index, previous))
    }

    static let model = Model("log.sqlite", tables: ["device", "receipt", "gap", "grdb_migrations"]) { path in
        let log = try NodeLog(path)
        try log.recordGap(3..<5, of: node, identity: key.publicKey, network: 7)
        try log.record(receipts, identity: key.publicKey, network: 7)
    }

    static func receipt(_ index: UInt64, _ previous: [UInt8]) -> Receipt {
        func little(_ value: UInt64, _ count: UInt64) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        let message = [UInt8](repeating: UInt8(index), count: 32)
        let entry = little(index + 5, 7) + [0] + Array(message.prefix(8)) + [0, 0, 0, 0, 5, 0, 0, 0, 0, 0] + little(index, 4)
        let details: [CBORItem: CBORItem] = [
            CBORItem(NodeClaim.epoch): .uint(1), CBORItem(NodeClaim.seq): .uint(index + 5),
            CBORItem(NodeClaim.call): .array([.text("led"), .text("set")]), CBORItem(NodeClaim.index): .uint(index),
            CBORItem(NodeClaim.previous): .bytes(previous), CBORItem(NodeClaim.message): .bytes(message),
            CBORItem(NodeClaim.outcome): .uint(5), CBORItem(NodeClaim.entry): .bytes(entry),
        ]
        let claims = CBORItem.map([CWTClaim.issuer: .text(node.description), CWTClaim.node: .map(details)])
        let bytes = SignedObject.sign(claims.encoded, type: .receipt, network: 7, key: key)
        do { return try Receipt(verifying: bytes, identity: key.publicKey, network: 7) } catch {
            fatalError("the receipt to begin with is none: \(error)")
        }
    }
}

/// The evidence is all there, or it is told that the file was changed; none is there that the node has not signed.
@Sendable func checkLog(_ input: [UInt8]) throws {
    let (path, isByValues) = try Evidence.model.changed(input)
    let log = try told(input) { try NodeLog(path) }
    let rows = isByValues ? Evidence.model.count(path, by: ["receipt": "device"])["receipt"]?["\(Evidence.node)"] : nil
    if let entries = try? told(input, { try log.entries(of: Evidence.node) }) {
        if zip(entries, entries.dropFirst()).contains(where: { $0.first > $1.first }) { throw Violation("out of order", input) }
        if entries.gaps.contains(where: \.isEmpty) { throw Violation("an empty gap", input) }
        let bytes = Set(Evidence.receipts.map(\.bytes))
        if entries.receipts.contains(where: { !bytes.contains($0.bytes) }) { throw Violation("what nobody has recorded", input) }
        // A row whose number none can have is met by the question that counts.
        let isCounted = (try? log.firstMissing(of: Evidence.node)) != nil
        if let rows, isCounted, entries.receipts.count != rows {
            throw Violation("\(entries.receipts.count) of \(rows) receipts", input)
        }
    }
    _ = try? told(input) { try log.firstMissing(of: Evidence.node) }
    _ = try? told(input) { try log.entries(of: Evidence.node, from: 4) }
    // What comes anew is recorded, or refused.
    let (key, node) = (Evidence.key.publicKey, Evidence.node)
    do {
        try told(input) { try log.record(Evidence.receipts, identity: key, network: 7) }
        try told(input) { try log.recordGap(0..<40, of: node, identity: key, network: 7) }
    } catch let violation as Violation { throw violation } catch {}
}

// MARK: The factory's records

private enum Factory {
    static let station = Bench.owner.publicKey
    static let tables = ["station", "batch", "device", "claim_key", "event", "grdb_migrations"]

    static let model = Model("factory.sqlite", tables: tables) { path in
        let records = try Records(path), now = Date(timeIntervalSince1970: 1_800_000_000)
        try records.register(station: "one", publicKey: station, at: now)
        let batch = try records.open(Batch(name: "lamps", network: 1, isTest: false, created: now))
        for number in 1...4 as ClosedRange<UInt8> {
            let found = Records.Found(
                board: "microbit", firmware: "1.2.3", firmwareHash: "00ff", hardwareSerial: "c\(number)",
                connection: "emulated:a",
                station: "one", operator: "Ada")
            var record = try records.reserve(batch, found, claim: Bench.key(20 + number).publicKey, at: now)
            if number > 1 {
                record = try records.written(record, identity: Bench.key(40 + number).publicKey, isInjected: true, at: now)
            }
            if number > 2 { record = try records.verified(record, isProtected: true, at: now) }
            if number > 3 { record = try records.done(record, at: now) }
        }
    }
}

/// Each reader gives all rows that are there, or tells that it cannot.
@Sendable func checkFactory(_ input: [UInt8]) throws {
    let (path, isByValues) = try Factory.model.changed(input)
    let records = try told(input) { try Records(path) }
    let expressions = ["station": "1", "batch": "1", "device": "batch", "event": "batch || '#' || serial"]
    let counts = isByValues ? Factory.model.count(path, by: expressions) : [:]
    func expect(_ count: Int, _ table: String, _ value: String = "1") throws {
        guard let rows = counts[table]?[value], rows != count else { return }
        throw Violation("\(count) of \(rows) rows of \(table)", input)
    }
    func read<R>(_ body: () throws -> R) throws -> R? {
        do { return try told(input, body) } catch let violation as Violation { throw violation } catch { return nil }
    }
    if let batches = try read({ try records.batches() }) { try expect(batches.count, "batch") }
    if let stations = try read({ try records.stations() }) { try expect(stations.count, "station") }
    if let nodes = try read({ try records.nodes(batch: "lamps") }) {
        try expect(nodes.count, "device", "lamps")
        for node in nodes {
            if node.step == .done, node.provisioned == nil { throw Violation("\(node.label) is done and in no manifest", input) }
            _ = "\(node)"
            guard let events = try read({ try records.events(node) }) else { continue }
            try expect(events.count, "event", node.label)
        }
    }
    _ = try read { try records.node(claim: Bench.key(24).publicKey) }
    _ = try read { try records.node(identity: Bench.key(44).publicKey) }
    _ = try read { try records.unfinished(station: "one") }
    _ = try read { try records.newest(station: "one") }
    guard let batch = try read({ try records.open(Batch(name: "lamps", network: 1, isTest: false)) }) else { return }
    let found = Records.Found(
        board: "b", firmware: "f", firmwareHash: "", hardwareSerial: "", connection: "", station: "one", operator: "")
    guard let node = try read({ try records.reserve(batch, found, claim: Bench.key(77).publicKey, at: Date()) }) else { return }
    _ = try read { try records.discard(node, reason: "fuzzed", at: Date()) }
}
