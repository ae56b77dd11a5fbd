// A development chain (R20): one process, the keys of all 105 representatives, virtual time. It orders, the ledger executes, its keys attest.
import Foundation
import GRDB
import HostCrypto
import Ledger
import Reporting

/// A chain on one computer, for those who develop against it.
///
/// Time is the chain's own: the clock is the slot that the next block may have at the earliest, and moves by blocks and by `warp`.
/// Not safe for several threads.
public final class DevChain: ChainEngine {
    /// A moment to come back to.
    public struct Snapshot: Hashable, Sendable, Codable {
        /// Its number: later ones are greater.
        public let id: Int64
        /// Height of the last block.
        public let height: UInt64
        /// The clock.
        public let clock: UInt64
    }

    /// What one call has sealed.
    public struct Sealed {
        /// Blocks.
        public let blocks: Int
        /// What was not taken, with the reason; it waits no longer.
        public let refused: [(bytes: [UInt8], reason: LedgerRefusal)]
    }

    public let genesis: Genesis
    public private(set) var position: Ledger
    /// The earliest slot of the next block.
    public private(set) var clock: UInt64
    /// The keys that it produces and certifies with.
    public let keys: DevKeys
    private let store: DevStore

    /// Begins a chain in a new file.
    /// - Throws: `Failure` of kind `environment` when the file holds a chain already, or cannot be written.
    public init(new path: String, genesis: Genesis, keys: DevKeys) throws {
        store = try DevStore(path: path)
        (self.genesis, self.keys, clock) = (genesis, keys, 1)
        position = try Ledger(genesis: genesis)
        let (state, path) = (position.state, store.path)
        try store.write { database in
            guard try Int.fetchOne(database, sql: "SELECT count(*) FROM chain") == 0 else {
                throw Failure(.environment, "\(path) holds a chain already", about: path, advice: "Open it, or name another file")
            }
            try database.execute(
                sql: "INSERT INTO chain VALUES (1, ?, ?, ?, 1)",
                arguments: [Data(genesis.bytes), Data(state.root.bytes), keys.seed])
            try Self.keep(state, database)
        }
    }

    /// Goes on with the chain in a file: what it reads grows with what is asked, not with the chain.
    /// - Throws: `Failure` of kind `environment` for a file that has no chain, or a damaged one.
    public init(opening path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw Failure(
                .environment, "there is no chain at \(path)", about: path, advice: "Begin one, or name the file of another")
        }
        let store = try DevStore(path: path)
        self.store = store
        let found = try store.read { try GRDB.Row.fetchOne($0, sql: "SELECT genesis, seed, clock FROM chain") }
        guard let found, let genesis = try? Genesis(Array(found["genesis"] as Data)) else {
            throw Failure(.environment, "\(path) holds no chain", about: path, advice: "Begin one, or load a dump")
        }
        self.genesis = genesis
        keys = DevKeys(seed: found["seed"])
        clock = UInt64(found["clock"] as Int64)
        position = try Self.position(genesis, at: try store.lastHeight(), store)
    }

    private static func position(_ genesis: Genesis, at height: UInt64, _ store: DevStore) throws -> Ledger {
        if height == 0 { return try Ledger(genesis: genesis, root: try store.firstRoot(), source: store) }
        guard let row = try store.row(at: height), let block = try? Block(row.block), block.header.header.hash == row.header,
            block.header.header.height == height, row.peaks.count.isMultiple(of: Hash32.size)
        else {
            throw Failure(
                .environment, "block \(height) of the chain in \(store.path) is damaged", about: store.path,
                advice: "Load a dump of the chain")
        }
        let peaks = stride(from: 0, to: row.peaks.count, by: Hash32.size).compactMap { Hash32(row.peaks[$0..<$0 + Hash32.size]) }
        return try Ledger(genesis: genesis, header: block.header.header, peaks: peaks, source: store)
    }

    private static func keep(_ state: StateTree, _ database: Database) throws {
        let statement = try database.cachedStatement(sql: "INSERT OR IGNORE INTO nodes VALUES (?, ?)")
        try state.keep { try statement.execute(arguments: [Data($0.bytes), Data($1)]) }
    }

    // MARK: Transactions

    public func submit(_ transaction: [UInt8]) throws -> Hash32 {
        let signed = try SignedTransaction(transaction)
        guard signed.isAuthentic(network: genesis.network) else { throw LedgerRefusal.badSignature }
        let nonce = try position.get(.account(signed.transaction.sender))?.nonce
        guard let nonce else { throw LedgerRefusal.unknownAccount(signed.transaction.sender) }
        guard signed.transaction.nonce >= nonce else { throw LedgerRefusal.wrongNonce(expected: nonce) }
        guard signed.transaction.until >= clock else { throw LedgerRefusal.expired(slot: signed.transaction.until) }
        try store.write {
            try $0.execute(
                sql: "INSERT OR IGNORE INTO waiting (id, bytes) VALUES (?, ?)",
                arguments: [Data(signed.id.bytes), Data(transaction)])
        }
        return signed.id
    }

    /// How many transactions wait for a block.
    public func waiting() throws -> Int { try store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM waiting") ?? 0 } }

    // MARK: Blocks

    /// Seals blocks, the first with all that waits; all are on the disk before it returns, or none is.
    @discardableResult
    public func seal(blocks count: Int = 1) throws -> Sealed {
        var order = try store.read { try Data.fetchAll($0, sql: "SELECT bytes FROM waiting ORDER BY number").map { Array($0) } }
        let last = try store.read { try Int64.fetchOne($0, sql: "SELECT max(number) FROM waiting") ?? 0 }
        var (after, slot, drafts, refused) = (
            position, clock, [(draft: Draft, block: Block)](), Sealed(blocks: 0, refused: []).refused
        )
        for _ in 0..<count {
            let (draft, block) = try next(after, from: slot, order, secrets: drafts)
            drafts.append((draft, block))
            refused += draft.refused
            order = draft.deferred
            (after, slot) = (draft.after, draft.header.slot + 1)
        }
        let rest = order
        try store.write { database in
            for (draft, block) in drafts {
                try Self.keep(draft.after.state, database)
                try database.execute(
                    sql: "INSERT INTO blocks VALUES (?, ?, ?, ?)",
                    arguments: [
                        Int64(draft.header.height), Data(draft.header.hash.bytes), Data(block.bytes),
                        Data(draft.after.peaks.flatMap(\.bytes)),
                    ])
                let secret = keys.secret(of: draft.header.producer, since: draft.header.height)
                try database.execute(
                    sql: "INSERT OR REPLACE INTO secrets VALUES (?, ?)",
                    arguments: [Data(draft.contribution.commitment.bytes), Data(secret.bytes)])
            }
            try database.execute(sql: "DELETE FROM waiting WHERE number <= ?", arguments: [last])
            for bytes in rest {
                try database.execute(
                    sql: "INSERT INTO waiting (id, bytes) VALUES (?, ?)",
                    arguments: [Data(Hash32.leaf(bytes).bytes), Data(bytes)])
            }
            try database.execute(sql: "UPDATE chain SET clock = ?", arguments: [Int64(slot)])
        }
        (position, clock) = (after, slot)
        return Sealed(blocks: drafts.count, refused: refused)
    }

    /// The next block from a slot on whose producer's key is here.
    private func next(_ ledger: Ledger, from slot: UInt64, _ order: [[UInt8]], secrets: [(draft: Draft, block: Block)]) throws
        -> (Draft, Block)
    {
        for slot in slot..<slot + 10 * Rounds.slots {
            do {
                let draft = try ledger.draft(
                    slot: slot, contribution: { try contribution(of: $0, on: ledger, recent: secrets) }, transactions: order)
                guard let key = keys.representative(draft.header.producer) else { continue }
                return (draft, draft.signed(key: key))
            } catch is OthersSlot { continue }
        }
        throw Failure(
            .environment, "no slot of the next ten rounds is one of this chain’s own representatives",
            advice: "Revert to a snapshot from before the votes that elected others")
    }

    /// The slot belongs to a representative whose key is not here.
    private struct OthersSlot: Error {}

    private func contribution(of producer: Hash32, on ledger: Ledger, recent: [(draft: Draft, block: Block)]) throws
        -> Contribution
    {
        guard keys.representative(producer) != nil, let candidate = try ledger.get(.candidate(producer)) else {
            throw OthersSlot()
        }
        return Contribution(
            reveal: try secret(for: candidate.commitment, of: producer, recent: recent),
            commitment: Contribution.commitment(to: keys.secret(of: producer, since: ledger.height + 1)))
    }

    private func secret(for commitment: Hash32, of producer: Hash32, recent: [(draft: Draft, block: Block)]) throws -> Hash32 {
        if let found = recent.last(where: { $0.draft.contribution.commitment == commitment }) {
            return keys.secret(of: producer, since: found.draft.header.height)
        }
        let found = try store.read {
            try Data.fetchOne($0, sql: "SELECT secret FROM secrets WHERE commitment = ?", arguments: [Data(commitment.bytes)])
        }
        return found.flatMap { Hash32($0) } ?? keys.secret(of: producer, since: 0)
    }

    /// Lets slots go by without blocks, and seals one behind them: whoever had them has missed them.
    @discardableResult
    public func warp(slots: UInt64) throws -> Sealed {
        guard slots <= Rounds.lastSlot, clock + slots < Rounds.lastSlot else {
            throw Failure(.usage, "a chain has no slot \(slots) further on", advice: "Warp less far")
        }
        let before = clock
        clock += slots
        do { return try seal() } catch {
            clock = before
            throw error
        }
    }

    public func block(at height: UInt64) throws -> Block? { try store.row(at: height).map { try Block($0.block) } }

    /// Made when it is asked for: a development chain has all the keys.
    public func certificate(at height: UInt64) throws -> Certificate? {
        guard let header = try block(at: height)?.header.header else { return nil }
        let representatives = try representatives(at: height).present
        let vote = CertificateVote(for: header)
        let signatures = representatives.keys.enumerated().compactMap { seat, key in
            keys.representative(key).map { (seat: seat, key: $0) }
        }
        guard signatures.count >= Int(Rounds.threshold) else { return nil }
        return Certificate(
            vote,
            signatures: signatures.prefix(Int(Rounds.threshold)).map {
                ($0.seat, vote.signature(network: genesis.network, key: $0.key))
            })
    }

    /// The representatives that the header at `height` commits to.
    public func representatives(at height: UInt64) throws -> (present: Representatives, next: Representatives) {
        let ledger = height == position.height ? position : try Self.position(genesis, at: height, store)
        return (ledger.present, ledger.next)
    }

    public func history(to height: UInt64) throws -> [Hash32] { [genesis.hash] + (try store.headers(to: height)) }

    // MARK: Snapshots

    /// Marks this moment: blocks, state and clock.
    public func snapshot() throws -> Snapshot {
        let (height, clock) = (position.height, clock)
        let id = try store.write { database in
            try database.execute(
                sql: "INSERT INTO snapshots (height, clock) VALUES (?, ?)", arguments: [Int64(height), Int64(clock)])
            return database.lastInsertedRowID
        }
        return Snapshot(id: id, height: height, clock: clock)
    }

    /// Goes back to a moment: blocks and snapshots after it are gone, the clock stands where it stood, and nothing waits.
    /// - Throws: `Failure` of kind `usage` when there is no such snapshot.
    public func revert(to id: Int64) throws {
        let found = try store.read {
            try GRDB.Row.fetchOne($0, sql: "SELECT height, clock FROM snapshots WHERE id = ?", arguments: [id])
        }
        guard let found else {
            throw Failure(.usage, "there is no snapshot \(id)", advice: "Take one before what shall be undone")
        }
        let (height, clock) = (found["height"] as Int64, found["clock"] as Int64)
        let position = try Self.position(genesis, at: UInt64(height), store)
        try store.write { database in
            try database.execute(sql: "DELETE FROM blocks WHERE height > ?", arguments: [height])
            try database.execute(sql: "DELETE FROM snapshots WHERE id > ?", arguments: [id])
            try database.execute(sql: "DELETE FROM waiting")
            try database.execute(sql: "UPDATE chain SET clock = ?", arguments: [clock])
        }
        (self.position, self.clock) = (position, UInt64(clock))
    }

    // MARK: Dumps

    /// Writes the whole chain to a file of its own: complete, or not at all.
    public func dump(to path: String) throws { try store.copy(to: path) }

    /// Begins a chain in a new file with what a dump has: each of its blocks is executed again.
    /// - Throws: `Failure` when the dump is of another version, or does not follow from its genesis.
    public static func load(_ dump: String, to path: String) throws -> DevChain {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw Failure(.environment, "\(path) is there already", about: path, advice: "Name a new file")
        }
        let source = try DevChain(opening: dump)
        var ledger = try Ledger(genesis: source.genesis)
        for height in 1..<max(source.position.height, 0) + 1 {
            guard let block = try source.block(at: height) else { break }
            ledger = try ledger.following(block).after
        }
        guard ledger.head == source.position.head else {
            throw Failure(.environment, "\(dump) lacks blocks of its chain", about: dump, advice: "Use another dump")
        }
        try source.dump(to: path)
        return try DevChain(opening: path)
    }
}
