// Records of accounts, tokens and those who are voted for, as the tree of states has them (docs/chain.cddl).
import CBOR

/// An account.
public struct Account: StateRecord, Hashable {
    /// Transactions so far.
    public var nonce: UInt64 = 0
    /// Base tokens that are free.
    public var balance: UInt64 = 0
    /// Base tokens behind candidates.
    public var locked: UInt64 = 0

    /// An account as the first transfer to it makes it.
    init() {}

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 32) { writer in
            writer.array(3)
            writer.uint(nonce)
            writer.uint(balance)
            writer.uint(locked)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 3)
        (nonce, balance, locked) = (try reader.uint(), try reader.uint(), try reader.uint())
    }
}

/// What an account has of a created token.
public struct Holding: StateRecord, Hashable {
    /// Tokens, at least one.
    public var amount: UInt64

    init(amount: UInt64) { self.amount = amount }

    public var encoded: [UInt8] { CBOR.encode(capacity: 16) { $0.uint(amount) } }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        amount = try reader.uint()
    }
}

/// A created token.
public struct Token: StateRecord, Hashable {
    /// Who created it.
    public let issuer: Hash32
    /// A name, which others may have too: the token is named by its transaction.
    public let symbol: String
    /// How many there are, for ever.
    public let supply: UInt64

    init(issuer: Hash32, symbol: String, supply: UInt64) { (self.issuer, self.symbol, self.supply) = (issuer, symbol, supply) }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 80) { writer in
            writer.array(3)
            writer.hash(issuer)
            writer.text(symbol)
            writer.uint(supply)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 3)
        (issuer, symbol, supply) = (try reader.hash(), try reader.name(), try reader.uint())
    }
}

/// What an account votes for, and objects to with the same tokens.
public struct Vote: StateRecord, Hashable {
    /// Locked tokens by candidate: each token is behind one.
    public var choices: [Action.Choice] = []
    /// Candidates that all locked tokens of the account are against.
    public var against: [Hash32] = []

    init() {}

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 1500) { writer in
            writer.array(2)
            writer.array(choices.count)
            for choice in choices {
                writer.array(2)
                writer.hash(choice.candidate)
                writer.uint(choice.amount)
            }
            writer.hashes(against)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 2)
        for _ in 0..<(try reader.array(atMost: Action.mostChoices)) {
            try reader.array(count: 2)
            choices.append(.init(try reader.hash(), try reader.uint()))
        }
        against = try reader.hashes(atMost: Action.mostChoices)
    }
}

/// Someone who is, was, or wants to be a representative.
public struct Candidate: StateRecord, Hashable {
    /// Whether it can be elected.
    public enum Standing: UInt64, Sendable {
        /// It can.
        case active = 0
        /// It has resigned; the deposit waits.
        case leaving = 1
        /// It signed twice, or was disqualified: for ever.
        case ended = 2
        /// It has resigned and has its deposit back.
        case left = 3
    }

    /// Whether it can be elected.
    public var standing = Standing.active
    /// Base tokens that it loses by evidence.
    public var deposit: UInt64
    /// Locked tokens behind it.
    public var votes: UInt64 = 0
    /// Locked tokens against it.
    public var against: UInt64 = 0
    /// SHA-256 of what it reveals in its next block.
    public var commitment: Hash32
    /// Slots of its own that stayed empty.
    public var missed: UInt64 = 0
    /// The slot in which it resigned.
    public var resigned: UInt64 = 0

    init(deposit: UInt64, commitment: Hash32) { (self.deposit, self.commitment) = (deposit, commitment) }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 96) { writer in
            writer.array(7)
            writer.uint(standing.rawValue)
            writer.uint(deposit)
            writer.uint(votes)
            writer.uint(against)
            writer.hash(commitment)
            writer.uint(missed)
            writer.uint(resigned)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 7)
        guard let standing = Standing(rawValue: try reader.uint()) else { throw .outOfRange }
        self.standing = standing
        (deposit, votes, against) = (try reader.uint(), try reader.uint(), try reader.uint())
        (commitment, missed, resigned) = (try reader.hash(), try reader.uint(), try reader.uint())
    }
}

/// Sums over the whole state, in base tokens.
public struct Totals: StateRecord, Hashable {
    /// What rewards come from.
    public var reserve: UInt64
    /// Behind candidates.
    public var locked: UInt64 = 0
    /// Deposits of candidates.
    public var deposits: UInt64
    /// In escrow for calls.
    public var escrow: UInt64 = 0

    init(reserve: UInt64, deposits: UInt64) { (self.reserve, self.deposits) = (reserve, deposits) }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 48) { writer in
            writer.array(4)
            for number in [reserve, locked, deposits, escrow] { writer.uint(number) }
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 4)
        (reserve, locked, deposits, escrow) = (try reader.uint(), try reader.uint(), try reader.uint(), try reader.uint())
    }
}

/// The present round: what the order of its slots follows from, and what the next ones get.
public struct Round: StateRecord, Hashable {
    /// Its number: slot / 105.
    public var number: UInt64
    /// What this round's order was sorted with: fixed since the round before began.
    public var seed: Hash32
    /// What the next round's order will be sorted with.
    public var nextSeed: Hash32
    /// What this round's producers have revealed so far: it goes into the seed of the round after the next one.
    public var mix: Hash32
    /// Seats without slots in this round, the first in the highest bit of the first byte: 14 bytes.
    public var excluded: [UInt8]

    init(number: UInt64, seed: Hash32, nextSeed: Hash32, mix: Hash32, excluded: [UInt8]) {
        (self.number, self.seed, self.nextSeed, self.mix, self.excluded) = (number, seed, nextSeed, mix, excluded)
    }

    static let excludedSize = (Int(Rounds.seats) + 7) / 8

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 160) { writer in
            writer.array(5)
            writer.uint(number)
            writer.hash(seed)
            writer.hash(nextSeed)
            writer.hash(mix)
            writer.bytes(excluded)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 5)
        (number, seed, nextSeed) = (try reader.uint(), try reader.hash(), try reader.hash())
        mix = try reader.hash()
        excluded = try reader.bytes(count: Self.excludedSize).withUnsafeBytes { Array($0) }
    }
}

extension Representatives: StateRecord {}

/// Keys in ascending order.
public struct KeyList: StateRecord, Hashable {
    /// The keys.
    public private(set) var keys: [Hash32]

    init(sorted keys: [Hash32]) { self.keys = keys }

    mutating func insert(_ key: Hash32) {
        keys.insert(key, at: keys.firstIndex { key < $0 } ?? keys.endIndex)
    }

    mutating func remove(_ key: Hash32) { keys.removeAll { $0 == key } }

    public var encoded: [UInt8] { CBOR.encode(capacity: 16 + 32 * keys.count) { $0.hashes(keys) } }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        keys = try reader.hashes(atMost: .max)
        guard zip(keys, keys.dropFirst()).allSatisfy({ $0 < $1 }) else { throw .keyOrder }
    }
}

/// Who has no slots for a day.
public struct Bans: StateRecord, Hashable {
    /// A ban.
    public struct Ban: Hashable, Sendable {
        /// Who is banned.
        public let key: Hash32
        /// The first slot that it may have again.
        public let until: UInt64
    }

    /// 34 at most, in the order in which they began.
    public var bans: [Ban] = []

    init() {}

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 1600) { writer in
            writer.array(bans.count)
            for ban in bans {
                writer.array(2)
                writer.hash(ban.key)
                writer.uint(ban.until)
            }
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        for _ in 0..<(try reader.array(atMost: Rounds.mostBanned)) {
            try reader.array(count: 2)
            bans.append(Ban(key: try reader.hash(), until: try reader.uint()))
        }
    }
}
