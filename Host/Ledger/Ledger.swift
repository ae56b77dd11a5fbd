// The ledger (R20): a position on the chain, and how a block leads to the next one. Pure: no clock, no I/O, no floating point, no order of a
// dictionary; a copy of it is a snapshot.
import HostCrypto
import Reporting

/// A position on the chain: everything that follows is a function of it and of what is ordered.
public struct Ledger {
    /// What the chain began with.
    public let genesis: Genesis
    /// Height of the last block; 0 at the genesis.
    public private(set) var height: UInt64
    /// Slot of the last block.
    public private(set) var slot: UInt64
    /// Hash of the last header, or of the genesis.
    public private(set) var head: Hash32
    /// The genesis, and all headers so far.
    public private(set) var history: MerkleFrontier
    /// The state behind the last block.
    public private(set) var state: StateTree
    /// This round's representatives.
    public private(set) var present: Representatives
    /// The next round's representatives.
    public private(set) var next: Representatives
    private(set) var order: RoundOrder

    /// The beginning of a chain.
    public init(genesis: Genesis) throws {
        guard let seats = Representatives(genesis.seats.map(\.key)) else {
            preconditionFailure("a genesis has 105 different representatives")
        }
        self.genesis = genesis
        (height, slot, head) = (0, 0, genesis.hash)
        (history, state, present, next) = (MerkleFrontier(), StateTree(), seats, seats)
        history.append(head)
        let seed = Rounds.seed(after: genesis.hash, mix: .zero)
        let round = Round(
            number: 0, seed: seed, nextSeed: Rounds.seed(after: seed, mix: .zero), mix: .zero,
            excluded: [UInt8](repeating: 0, count: Round.excludedSize))
        order = RoundOrder(round: 0, keys: Rounds.order(seats, seed: seed, excluded: round.excluded))
        var work = Workspace(over: state)
        for balance in genesis.balances {
            var account = Account()
            account.balance = balance.amount
            work.set(.account(balance.account), account)
        }
        for seat in genesis.seats {
            work.set(.candidate(seat.key), Candidate(deposit: genesis.rules.deposit, commitment: seat.commitment))
        }
        work.set(.totals, Totals(reserve: genesis.reserve, deposits: genesis.rules.deposit * Rounds.seats))
        work.set(.round, round)
        work.set(.present, seats)
        work.set(.next, seats)
        work.set(.candidates, KeyList(sorted: seats.keys))
        work.accept()
        state = try work.result()
    }

    /// The position behind `header`, with a state that `source` has.
    /// - Parameter peaks: the history's, that header included.
    public init(genesis: Genesis, header: Header, peaks: [Hash32], source: any StateSource) throws {
        guard let history = MerkleFrontier(size: header.height + 1, peaks: peaks) else {
            throw Failure(
                .environment, "the stored history of the chain does not fit its height",
                advice: "Load a dump of the chain, or begin a new one")
        }
        try self.init(
            genesis: genesis, at: (header.height, header.slot, header.hash), history: history,
            state: StateTree(root: header.state, source: source))
    }

    /// The beginning of a chain, with a state that `source` has.
    public init(genesis: Genesis, root: Hash32, source: any StateSource) throws {
        var history = MerkleFrontier()
        history.append(genesis.hash)
        try self.init(
            genesis: genesis, at: (0, 0, genesis.hash), history: history, state: StateTree(root: root, source: source))
    }

    private init(
        genesis: Genesis, at position: (height: UInt64, slot: UInt64, head: Hash32), history: MerkleFrontier, state: StateTree
    ) throws {
        (self.genesis, self.history, self.state) = (genesis, history, state)
        (height, slot, head) = position
        let work = Workspace(over: state)
        guard let present = try work.get(.present), let next = try work.get(.next), let round = try work.get(.round) else {
            throw Failure(
                .environment, "the stored state of the chain lacks its round",
                advice: "Load a dump of the chain, or begin a new one")
        }
        (self.present, self.next) = (present, next)
        order = RoundOrder(
            round: round.number, keys: Rounds.order(present, seed: round.seed, excluded: round.excluded))
    }

    /// What the history's frontier is stored as.
    public var peaks: [Hash32] { history.peaks }

    /// A record of the state behind the last block.
    public func get<Record>(_ key: StateKey<Record>) throws -> Record? {
        try state.value(at: key.path).map { try Record.stored($0) }
    }

    /// A record of the state behind the last block with its proof, also that there is none.
    public func proof<Record>(of key: StateKey<Record>) throws -> StateProof { try state.proof(of: key.path) }

    /// Who has a slot of the present round behind the last block; of a later one nobody knows from here alone.
    public func producer(of slot: UInt64) throws -> Hash32 {
        if slot / Rounds.slots == order.round { return order.producer(of: slot) }
        var execution = Execution(genesis: genesis, height: height + 1, slot: slot, over: self)
        try execution.pass(from: self.slot)
        return execution.order.producer(of: slot)
    }
}

// MARK: Blocks

/// A block that its producer has still to sign, and what became of what was ordered.
public struct Draft {
    /// What the producer signs.
    public let header: Header
    /// What it reveals.
    public let contribution: Contribution
    /// The transactions that are in the block, in order.
    public let included: [SignedTransaction]
    /// What was ordered and is not in the block, with the reason.
    public let refused: [(bytes: [UInt8], reason: LedgerRefusal)]
    /// Transactions that did not fit into one block: to be ordered again.
    public let deferred: [[UInt8]]
    /// What happened, in order.
    public let receipts: [LedgerReceipt]
    /// The position behind the block.
    public let after: Ledger

    /// The block, signed with its producer's key.
    public func signed(key: SigningKey) -> Block {
        Block(
            header: SignedHeader(header, network: after.genesis.network, key: key), contribution: contribution,
            transactions: included.map(\.bytes))
    }
}

extension Ledger {
    /// Executes what was ordered as the block of `slot`; what is not valid where its turn comes is left out.
    /// - Throws: `LedgerRefusal.wrongBlock` when the slot is over or the reveal is not its producer's, or a `Failure` of the store.
    public func draft(slot: UInt64, contribution: (Hash32) -> Contribution, transactions: [[UInt8]]) throws -> Draft {
        var execution = try begin(slot)
        let producer = execution.order.producer(of: slot), contribution = contribution(producer)
        try execution.take(contribution, of: producer)
        var refused: [(bytes: [UInt8], reason: LedgerRefusal)] = [], deferred: [[UInt8]] = [], room = Block.room
        for bytes in transactions {
            guard deferred.isEmpty, bytes.count <= room, execution.included.count < Block.mostTransactions else {
                deferred.append(bytes)
                continue
            }
            do {
                try execution.carryOut(try SignedTransaction(bytes))
                room -= bytes.count + 3
            } catch let refusal as LedgerRefusal { refused.append((bytes, refusal)) }
        }
        let (header, after) = try finish(&execution, producer: producer)
        return Draft(
            header: header, contribution: contribution, included: execution.included, refused: refused, deferred: deferred,
            receipts: execution.receipts, after: after)
    }

    /// Follows a block that someone else has made: executes it, and holds every field of it against what comes out.
    /// - Parameter latest: the present slot by the caller's clock: a block of a later one is refused before it costs anything.
    /// - Returns: the position behind it, and what happened.
    /// - Throws: `LedgerRefusal` for a block that is not valid, or a `Failure` of the store.
    public func following(_ block: Block, latest: UInt64 = Rounds.lastSlot) throws -> (after: Ledger, receipts: [LedgerReceipt]) {
        let claimed = block.header.header
        guard claimed.height == height + 1, claimed.previous == head else {
            throw LedgerRefusal.wrongBlock("it does not name the block at height \(height) as its predecessor")
        }
        guard claimed.slot <= latest else { throw LedgerRefusal.wrongBlock("slot \(claimed.slot) has not come yet") }
        // Slots that pass cost work, so that a stranger cannot let any pass.
        guard try get(.candidate(claimed.producer)) != nil, block.header.isAuthentic(network: genesis.network) else {
            throw LedgerRefusal.wrongBlock("its producer has not signed it")
        }
        var execution = try begin(claimed.slot)
        let producer = execution.order.producer(of: claimed.slot)
        guard claimed.producer == producer else { throw LedgerRefusal.wrongBlock("slot \(claimed.slot) is another's") }
        try execution.take(block.contribution, of: producer)
        for bytes in block.transactions { try execution.carryOut(try SignedTransaction(bytes)) }
        let (header, after) = try finish(&execution, producer: producer)
        guard header == claimed else { throw LedgerRefusal.wrongBlock("executed, it has other roots than its header says") }
        return (after, execution.receipts)
    }

    private func begin(_ slot: UInt64) throws -> Execution {
        guard slot > self.slot, slot <= Rounds.lastSlot else {
            throw LedgerRefusal.wrongBlock("slot \(slot) is over: the last block has slot \(self.slot)")
        }
        var execution = Execution(genesis: genesis, height: height + 1, slot: slot, over: self)
        try execution.pass(from: self.slot)
        return execution
    }

    private func finish(_ execution: inout Execution, producer: Hash32) throws -> (header: Header, after: Ledger) {
        try execution.reward(producer)
        var after = self
        after.state = try execution.work.result()
        let header = Header(
            height: execution.height, slot: execution.slot, previous: head,
            transactions: MerkleTree.root(execution.included.map(\.id)),
            receipts: MerkleTree.root(execution.receipts.map { .leaf($0.encoded) }), state: after.state.root,
            history: history.root, present: execution.present.commitment, next: execution.next.commitment, producer: producer)
        (after.height, after.slot, after.head) = (header.height, header.slot, header.hash)
        after.history.append(header.hash)
        (after.present, after.next, after.order) = (execution.present, execution.next, execution.order)
        return (header, after)
    }
}
