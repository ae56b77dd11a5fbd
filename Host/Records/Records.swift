// Records: what the factory knows of its nodes. The database refuses what must not be twice; each call here is one transaction.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting

/// The records of one factory, in a SQLite file or on a PostgreSQL server.
public final class Records: Sendable {
    private let database: any SQLDatabase

    /// What the database is called in messages.
    public var name: String { database.name }

    /// Opens `location`: a file, which is made if need be, or `postgres://…`.
    /// - Throws: `Failure`, of kind `usage` for another scheme, of kind `environment` when the database cannot be opened or is
    ///   newer than this program.
    public init(_ location: String) throws {
        if location.hasPrefix("postgres://") || location.hasPrefix("postgresql://") {
            database = try PostgresDatabase(url: location)
        } else if location.contains("://") {
            throw Failure(
                .usage, "“\(location)” is no database that this program knows",
                advice: "Name a file, or postgres://user@host/database")
        } else {
            database = try SQLiteDatabase(path: location)
        }
    }

    /// Opens `location` for reading: nothing there is made or changed.
    /// - Throws: as `init`, also when there is nothing.
    public init(reading location: String) throws {
        if location.contains("://") {
            database = try Records(location).database
        } else {
            database = try SQLiteDatabase(reading: location)
        }
    }

    /// No records at all.
    /// - Throws: `Failure` when there is no memory for them.
    public static func none() throws -> Records { Records(try SQLiteDatabase.none()) }

    private init(_ database: any SQLDatabase) { self.database = database }

    private func transaction<R>(_ body: (any SQLSession) throws -> R) throws -> R {
        do { return try database.transaction(body) } catch let duplicate as DuplicateError {
            throw Self.explained(duplicate)
        }
    }

    private static func explained(_ duplicate: DuplicateError) -> Failure {
        let constraint = duplicate.constraint
        let what =
            if constraint.contains("chip") {
                "a node with this chip number has a record already"
            } else if constraint.contains("identity")
                || constraint.contains("address")
            { "this identity key has a record already" } else if constraint.contains("claim") {
                "this claim key was used before"
            } else if constraint.contains("station") { "a station of this name has another key" } else {
                "there is such a record already (\(constraint))"
            }
        return Failure(
            .usage, "the database refused a duplicate: \(what)",
            remedy: .inOrder([.listBatches, .advice("If the node of that record is no more, discard it")])
        )
    }

    // MARK: Stations and batches

    /// Makes the station known. A name belongs to one key for ever.
    /// - Throws: `Failure` of kind `usage` when the name belongs to another key.
    public func register(station: String, publicKey: PublicKey, at now: Date) throws {
        try transaction { session in
            let known = try session.execute("SELECT public_key FROM station WHERE name = $1", [.text(station)])
            if let key = known.first?["public_key"]?.text {
                guard key != publicKey.description else { return }
                throw Failure(
                    .usage, "another station is called “\(station)” already, with another key",
                    remedy: .nameStation)
            }
            let namesakes = try session.execute(
                "SELECT name FROM station WHERE public_key = $1", [.text(publicKey.description)])
            if let name = namesakes.first?["name"]?.text {
                throw Failure(
                    .usage, "this station is called “\(name)” in these records, not “\(station)”", about: station,
                    remedy: .keepStation(name: name))
            }
            try session.execute(
                "INSERT INTO station (name, public_key, registered_at) VALUES ($1, $2, $3)",
                [.text(station), .text(publicKey.description), .text(Timestamp.text(now))])
        }
    }

    /// All stations that ever opened these records, by name.
    /// - Throws: `Failure` when the database cannot be read.
    public func stations() throws -> [StationRecord] {
        try database.reading { session in
            try session.execute("SELECT name, public_key FROM station ORDER BY name", []).map { row in
                guard let name = row["name"]?.text, let key = row["public_key"]?.text.flatMap({ [UInt8](hex: $0) }),
                    let key = PublicKey(key)
                else { throw Failure.unreadable("a station (“\(row["name"]?.text ?? "?")”)") }
                return StationRecord(name: name, publicKey: key)
            }
        }
    }

    /// The batch of that name, made if need be. What an existing batch has fixed must agree; what it left open is fixed now.
    /// - Throws: `Failure` of kind `usage` when they do not agree; nothing was changed then.
    public func open(_ batch: Batch) throws -> Batch {
        try transaction { session in
            guard var known = try Self.batch(batch.name, session) else {
                try session.execute(
                    """
                    INSERT INTO batch (name, board, firmware, firmware_hash, network, is_test, last_serial, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, 0, $7)
                    """,
                    [
                        .text(batch.name), .text(batch.board), .text(batch.firmware), .text(batch.firmwareHash),
                        .integer(Int64(batch.network)), .integer(batch.isTest ? 1 : 0), .text(Timestamp.text(batch.created)),
                    ])
                return batch
            }
            guard known.isTest == batch.isTest else {
                throw Failure(
                    .usage, "batch \(batch.name) is \(known.isTest ? "a rehearsal" : "a real one")",
                    remedy: known.isTest
                        ? .either([.rehearse, .advice("Choose another name for the real one")])
                        : .advice("Choose another name for the rehearsal"))
            }
            guard known.network == batch.network else {
                throw Failure(
                    .usage, "batch \(batch.name) is for network \(known.network), not \(batch.network)",
                    advice: "Choose another batch, or name no network")
            }
            for (field, what) in [
                (\Batch.board, "board"), (\Batch.firmware, "firmware"), (\Batch.firmwareHash, "firmware hash"),
            ] where !batch[keyPath: field].isEmpty {
                guard known[keyPath: field].isEmpty || known[keyPath: field] == batch[keyPath: field] else {
                    throw Failure(
                        .usage, "batch \(batch.name) is of \(what) \(known[keyPath: field]), not \(batch[keyPath: field])",
                        advice: "One batch is of one kind: choose another name")
                }
            }
            let before = known
            if known.board.isEmpty { known.board = batch.board }
            if known.firmware.isEmpty { known.firmware = batch.firmware }
            if known.firmwareHash.isEmpty { known.firmwareHash = batch.firmwareHash }
            // Nothing to bring to the disk for every node but the first.
            if known == before { return known }
            try session.execute(
                "UPDATE batch SET board = $1, firmware = $2, firmware_hash = $3 WHERE name = $4",
                [.text(known.board), .text(known.firmware), .text(known.firmwareHash), .text(known.name)])
            return known
        }
    }

    /// All batches, the oldest first.
    /// - Throws: `Failure` when the database cannot be read.
    public func batches() throws -> [Batch] {
        try database.reading { session in
            try session.execute("SELECT * FROM batch ORDER BY created_at, name", []).map { try Batch($0) }
        }
    }

    /// The batch of that name.
    /// - Throws: `Failure` of kind `usage` when there is none.
    public func batch(_ name: String) throws -> Batch {
        let found = try database.reading { session in try Self.batch(name, session) }
        if let found { return found }
        throw Failure(.usage, "there is no batch \(name)", remedy: .listBatches)
    }

    private static func batch(_ name: String, _ session: any SQLSession) throws -> Batch? {
        try session.execute("SELECT * FROM batch WHERE name = $1", [.text(name)]).first.map { try Batch($0) }
    }

    // MARK: Steps of a node

    /// What a station knows of a node before it has keys.
    public struct Found: Sendable {
        /// Name of its board, as the node says.
        public var board: String
        /// Firmware version, as the node says.
        public var firmware: String
        /// Of the image, hexadecimal; empty when the firmware does not tell.
        public var firmwareHash: String
        /// The chip's own number, hexadecimal; empty if it has none.
        public var hardwareSerial: String
        /// Where it is connected.
        public var connection: String
        /// Name of the station, registered before.
        public var station: String
        /// Who works at the station.
        public var `operator`: String

        /// The status of a node, and where it is; nothing is checked here.
        public init(
            board: String, firmware: String, firmwareHash: String, hardwareSerial: String, connection: String, station: String,
            operator: String
        ) {
            (self.board, self.firmware, self.firmwareHash) = (board, firmware, firmwareHash)
            (self.hardwareSerial, self.connection) = (hardwareSerial, connection)
            (self.station, self.operator) = (station, `operator`)
        }

        /// What runs on it, for people: application, version, commit; empty when the node does not tell.
        public var image = ""

        fileprivate var imageText: String { image.isEmpty ? "" : ", runs \(image)" }

        fileprivate var values: [SQLValue] {
            [board, firmware, firmwareHash, hardwareSerial, connection, station, self.operator].map { .text($0) }
        }
    }

    /// Gives a blank node the next serial number of its batch and a claim key that was never used.
    /// - Throws: `Failure`, of kind `usage` when there is no such batch, or the chip or the claim key has a record already; no
    ///   number was given out then.
    public func reserve(_ batch: Batch, _ found: Found, claim: PublicKey, at now: Date) throws -> NodeRecord {
        try transaction { session in
            let next = try session.execute(
                "UPDATE batch SET last_serial = last_serial + 1 WHERE name = $1 RETURNING last_serial", [.text(batch.name)])
            guard let serial = next.first?["last_serial"]?.integer else {
                throw Failure(.usage, "there is no batch \(batch.name)", remedy: .listBatches)
            }
            try session.execute(
                """
                INSERT INTO device (batch, serial, step, claim, board, firmware, firmware_hash, chip, connection, station, operator,
                    network, is_test, is_injected, is_protected, begun_at, outcome)
                VALUES ($1, $2, 'reserved', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, $13, 'has a number, no keys yet')
                """,
                [.text(batch.name), .integer(serial), .text(claim.description)] + found.values + [
                    .integer(Int64(batch.network)), .integer(batch.isTest ? 1 : 0), .text(Timestamp.text(now)),
                ])
            return try Self.renew(batch.name, serial, claim, found.station, "reserved" + found.imageText, now, session)
        }
    }

    /// An unfinished node is blank again (or still): same serial number, another claim key.
    /// - Throws: `Failure` of kind `usage` when the record was changed meanwhile, is done or discarded, or the claim key was used
    ///   before.
    public func restart(_ record: NodeRecord, _ found: Found, claim: PublicKey, at now: Date) throws -> NodeRecord {
        try transaction { session in
            let changed = try session.execute(
                """
                UPDATE device SET step = 'reserved', claim = $1, identity = NULL, address = NULL, board = $2, firmware = $3,
                    firmware_hash = $4, chip = $5, connection = $6, station = $7, operator = $8, is_injected = 0, is_protected = 0,
                    begun_at = $9, outcome = 'has a number, no keys yet'
                WHERE batch = $10 AND serial = $11 AND claim = $12 AND step IN ('reserved', 'written', 'verified')
                RETURNING serial
                """,
                [.text(claim.description)] + found.values + [
                    .text(Timestamp.text(now)), .text(record.batch), .integer(record.serial), .text(record.claim.description),
                ])
            guard !changed.isEmpty else { throw Self.changed(record) }
            return try Self.renew(
                record.batch, record.serial, claim, found.station, "begun again" + found.imageText, now, session)
        }
    }

    private static func renew(
        _ batch: String, _ serial: Int64, _ claim: PublicKey, _ station: String, _ what: String, _ now: Date,
        _ session: any SQLSession
    ) throws -> NodeRecord {
        try session.execute(
            "INSERT INTO claim_key (public_key, batch, serial, made_at) VALUES ($1, $2, $3, $4)",
            [.text(claim.description), .text(batch), .integer(serial), .text(Timestamp.text(now))])
        try note(batch, serial, station, "\(what), claim key \(claim.description.prefix(16))", now, session)
        let rows = try session.execute(
            "SELECT * FROM device WHERE batch = $1 AND serial = $2", [.text(batch), .integer(serial)])
        guard let row = rows.first else { throw Failure.unreadable("\(batch)#\(serial)") }
        return try NodeRecord(row: row)
    }

    /// What changes with a step.
    private func advance(
        _ record: NodeRecord, to step: Step, from earlier: [Step], _ what: String, at now: Date,
        _ change: (inout NodeRecord) -> Void = { _ in }
    ) throws -> NodeRecord {
        var after = record
        change(&after)
        after.step = step
        after.outcome = what
        let result = after
        try transaction { session in
            let steps = earlier.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            let changed = try session.execute(
                """
                UPDATE device SET step = $1, identity = $2, address = $3, is_injected = $4, is_protected = $5, done_at = $6, outcome = $7
                WHERE batch = $8 AND serial = $9 AND claim = $10 AND step IN (\(steps)) RETURNING serial
                """,
                [
                    .text(step.rawValue), result.identity.map { .text($0.description) } ?? .null,
                    result.address.map { .text($0.description) } ?? .null, .integer(result.isIdentityInjected ? 1 : 0),
                    .integer(result.isProtected ? 1 : 0), result.time.map { .text(Timestamp.text($0)) } ?? .null, .text(what),
                    .text(record.batch), .integer(record.serial), .text(record.claim.description),
                ])
            guard !changed.isEmpty else { throw Self.changed(record) }
            try Self.note(record.batch, record.serial, record.station, what, now, session)
        }
        return result
    }

    private static func changed(_ record: NodeRecord) -> Failure {
        Failure(
            .usage,
            "the record of \(record.label) is not what it was: another station, or another node with its chip number, changed it",
            remedy: .inOrder([.showBatch(record.batch, serial: record.serial), .advice("Connect the node again, alone")]))
    }

    /// The node has taken its keys.
    /// - Throws: `Failure` of kind `usage` when the record was changed meanwhile, or the identity key has a record already.
    public func written(_ record: NodeRecord, identity: PublicKey, isInjected: Bool, at now: Date) throws -> NodeRecord {
        try advance(record, to: .written, from: [.reserved, .written], "has its keys, not verified yet", at: now) {
            $0.identity = identity
            $0.address = NodeAddress(of: identity)
            $0.isIdentityInjected = isInjected
        }
    }

    /// It has proved them.
    /// - Throws: `Failure` of kind `usage` when the record was changed meanwhile.
    public func verified(_ record: NodeRecord, isProtected: Bool, at now: Date) throws -> NodeRecord {
        try advance(record, to: .verified, from: [.written, .verified], "verified, its label is not out yet", at: now) {
            $0.isProtected = isProtected
        }
    }

    /// Its label is out.
    /// - Throws: `Failure` of kind `usage` when the record was changed meanwhile, or is not verified.
    public func done(_ record: NodeRecord, at now: Date) throws -> NodeRecord {
        try advance(record, to: .done, from: [.verified], "provisioned", at: now) { $0.time = now }
    }

    /// Gives a node up; its serial number stays taken, with the reason beside it.
    /// - Throws: `Failure` of kind `usage` when the record was changed meanwhile, or is discarded already.
    public func discard(_ record: NodeRecord, reason: String, at now: Date) throws -> NodeRecord {
        try advance(record, to: .discarded, from: [.reserved, .written, .verified, .done], reason, at: now) { $0.time = nil }
    }

    /// Notes why a step was not completed; the step stays what it is.
    /// - Throws: `Failure` when the database cannot be written.
    public func failed(_ record: NodeRecord, _ why: String, at now: Date) throws {
        try transaction { session in
            try session.execute(
                "UPDATE device SET outcome = $1 WHERE batch = $2 AND serial = $3 AND step IN ('reserved', 'written', 'verified')",
                [.text(why), .text(record.batch), .integer(record.serial)])
            try Self.note(record.batch, record.serial, record.station, "failed: \(why)", now, session)
        }
    }

    private static func note(
        _ batch: String, _ serial: Int64, _ station: String, _ what: String, _ now: Date, _ session: any SQLSession
    ) throws {
        try session.execute(
            """
            INSERT INTO event (batch, serial, number, station, happened_at, what)
            SELECT $1, CAST($2 AS BIGINT), COALESCE(MAX(number), 0) + 1, $3, $4, $5 FROM event WHERE batch = $6 AND serial = $7
            """,
            [
                .text(batch), .integer(serial), .text(station), .text(Timestamp.text(now)), .text(what), .text(batch),
                .integer(serial),
            ])
    }

    // MARK: Finding

    /// The nodes of a batch by serial number, discarded ones too; none for an unknown batch.
    /// - Throws: `Failure` when the database cannot be read, or one of the records in it.
    public func nodes(batch: String) throws -> [NodeRecord] {
        try find("batch = $1 ORDER BY serial", [.text(batch)])
    }

    /// The node that has, or may have, this claim key.
    /// - Throws: `Failure` when the database cannot be read.
    public func node(claim: PublicKey) throws -> NodeRecord? {
        try find(
            "(batch, serial) IN (SELECT batch, serial FROM claim_key WHERE public_key = $1)", [.text(claim.description)]
        ).first
    }

    /// The node that has this identity key; nil if no record says so.
    /// - Throws: `Failure` when the database cannot be read.
    public func node(identity: PublicKey) throws -> NodeRecord? {
        try find("identity = $1", [.text(identity.description)]).first
    }

    /// The node of that address; nil if no record says so.
    /// - Throws: `Failure` when the database cannot be read.
    public func node(_ address: NodeAddress) throws -> NodeRecord? {
        try find("address = $1", [.text(address.description)]).first
    }

    /// Records of the chip with this number that were not given up, newest first.
    /// - Throws: `Failure` when the database cannot be read.
    public func nodes(hardwareSerial: String) throws -> [NodeRecord] {
        try find("chip = $1 AND step <> 'discarded' ORDER BY begun_at DESC", [.text(hardwareSerial)])
    }

    /// What a station has begun and not finished.
    /// - Throws: `Failure` when the database cannot be read.
    public func unfinished(station: String) throws -> [NodeRecord] {
        try find("station = $1 AND step IN ('reserved', 'written', 'verified') ORDER BY batch, serial", [.text(station)])
    }

    /// The node with that number of its batch, whatever its step.
    /// - Throws: `Failure` of kind `usage` when there is none.
    public func node(batch: String, serial: Int64) throws -> NodeRecord {
        if let record = try find("batch = $1 AND serial = $2", [.text(batch), .integer(serial)]).first { return record }
        throw Failure(.usage, "there is no node \(batch)#\(serial)", remedy: .showBatch(batch, serial: nil))
    }

    /// What happened to a node, in that order; its attempts of all stations.
    /// - Throws: `Failure` when the database cannot be read.
    public func events(_ record: NodeRecord) throws -> [NodeEvent] {
        try database.reading { session in
            try session.execute(
                "SELECT * FROM event WHERE batch = $1 AND serial = $2 ORDER BY number",
                [.text(record.batch), .integer(record.serial)]
            ).map { row in
                guard let number = row["number"]?.integer, let station = row["station"]?.text,
                    let time = row["happened_at"]?.text.flatMap(Timestamp.date), let what = row["what"]?.text
                else { throw Failure.unreadable("what happened to \(record.label)") }
                return NodeEvent(number: number, station: station, time: time, what: what)
            }
        }
    }

    /// The newest time that this station wrote of any node but the one with the very newest: a single node that was given a wrong time is no
    /// measure. Nil if it wrote of fewer than two.
    /// - Throws: `Failure` when the database cannot be read.
    public func newest(station: String) throws -> Date? {
        try database.reading { session in
            try session.execute(
                """
                SELECT MAX(happened_at) AS newest FROM event WHERE station = $1 AND (batch, serial) NOT IN
                (SELECT batch, serial FROM event WHERE station = $2 ORDER BY happened_at DESC LIMIT 1)
                """, [.text(station), .text(station)]
            ).first?["newest"]?.text.flatMap(Timestamp.date)
        }
    }

    private func find(_ condition: String, _ arguments: [SQLValue]) throws -> [NodeRecord] {
        try database.reading { session in
            try session.execute("SELECT * FROM device WHERE \(condition)", arguments).map { try NodeRecord(row: $0) }
        }
    }
}
