// The genesis: what a chain begins with and what its rules are. Its hash is the chain's name.
import CBOR

/// How many seats may change hands at once.
public enum ElectionRule: UInt64, Hashable, Sendable, CaseIterable {
    /// At most 35 of 105 in a round, so that a client that was away for a round still knows two thirds of the signers.
    case mild = 0
    /// As the source has it: while there are more than 318 candidates nobody is elected twice in a row.
    case rotating = 1
}

/// What a chain begins with.
public struct Genesis: Hashable, Sendable {
    /// Who has how much at the beginning.
    public struct Balance: Hashable, Sendable {
        /// The account.
        public let account: Hash32
        /// Base tokens.
        public let amount: UInt64

        /// `amount` base tokens for `account`.
        public init(_ account: Hash32, _ amount: UInt64) { (self.account, self.amount) = (account, amount) }
    }

    /// A representative of the first rounds; it is a candidate with the least deposit.
    public struct Seat: Hashable, Sendable {
        /// Its key.
        public let key: Hash32
        /// SHA-256 of what it reveals in its first block.
        public let commitment: Hash32

        /// A first representative.
        public init(_ key: Hash32, commitment: Hash32) { (self.key, self.commitment) = (key, commitment) }
    }

    /// Numbers that are rules.
    public struct Rules: Hashable, Sendable {
        /// The least fee.
        public var fee: UInt64 = 1
        /// The least deposit of a candidate.
        public var deposit: UInt64 = 10_000
        /// What a block with a contract's transaction gives its producer, out of the reserve.
        public var reward: UInt64 = 10
        /// Slots after a call's end within which Return may come; then the escrow goes back.
        public var grace: UInt64 = 400
        /// Slots out of office before a deposit can be taken back.
        public var withdrawal: UInt64 = Rounds.ban
        /// How many seats may change.
        public var election: ElectionRule = .mild

        /// The defaults.
        public init() {}
    }

    /// Number of the network: part of every signature.
    public let network: UInt64
    /// Seconds since 1970 at slot 0.
    public let time: UInt64
    /// Numbers that are rules.
    public let rules: Rules
    /// Base tokens that rewards come from.
    public let reserve: UInt64
    /// Accounts in ascending order of their keys.
    public let balances: [Balance]
    /// The first 105 representatives in ascending order of their keys.
    public let seats: [Seat]

    /// All base tokens that there ever are at most, so that no sum and no product by three overflows.
    public static let largestSupply: UInt64 = 1 << 60
    private static let name = "lightnode-chain"
    private static let largestNumber: UInt64 = 1 << 40

    /// A genesis; puts accounts and representatives in order.
    /// - Throws: `LedgerRefusal.malformed` for what cannot be a chain's beginning.
    public init(network: UInt64, time: UInt64, rules: Rules = Rules(), reserve: UInt64 = 0, balances: [Balance], seats: [Seat])
        throws(LedgerRefusal)
    {
        (self.network, self.time, self.rules, self.reserve) = (network, time, rules, reserve)
        self.balances = balances.sorted { $0.account < $1.account }
        self.seats = seats.sorted { $0.key < $1.key }
        try check()
    }

    private func check() throws(LedgerRefusal) {
        guard time < 1 << 40, Representatives(seats.map(\.key)) != nil else {
            throw .malformed("a genesis has a time and \(Rounds.seats) different representatives")
        }
        guard zip(balances, balances.dropFirst()).allSatisfy({ $0.account < $1.account }) else {
            throw .malformed("an account is there twice")
        }
        let numbers = [rules.fee, rules.deposit, rules.reward, rules.grace, rules.withdrawal]
        guard numbers.allSatisfy({ $0 < Self.largestNumber }), rules.deposit > 0 else {
            throw .malformed("a number among its rules is out of range")
        }
        var supply = rules.deposit * Rounds.seats
        for amount in [reserve] + balances.map(\.amount) {
            guard amount <= Self.largestSupply, supply + amount <= Self.largestSupply else {
                throw .malformed("it has more than \(Self.largestSupply) tokens")
            }
            supply += amount
        }
    }

    /// All base tokens, at the beginning and for ever.
    public var supply: UInt64 {
        balances.reduce(reserve + rules.deposit * Rounds.seats) { $0 + $1.amount }
    }

    /// What the chain is called: the hash that height 1 has as its predecessor.
    public var hash: Hash32 { .leaf(bytes) }

    /// Its encoding.
    public var bytes: [UInt8] {
        CBOR.encode(capacity: 16_384 + balances.count * 48) { writer in
            writer.array(7)
            writer.text(Self.name)
            writer.uint(network)
            writer.uint(time)
            writer.array(6)
            for number in [rules.fee, rules.deposit, rules.reward, rules.grace, rules.withdrawal, rules.election.rawValue] {
                writer.uint(number)
            }
            writer.uint(reserve)
            writer.array(balances.count)
            for balance in balances {
                writer.array(2)
                writer.hash(balance.account)
                writer.uint(balance.amount)
            }
            writer.array(seats.count)
            for seat in seats {
                writer.array(2)
                writer.hash(seat.key)
                writer.hash(seat.commitment)
            }
        }
    }

    /// Reads a genesis as anyone may send it.
    /// - Throws: `LedgerRefusal.malformed`.
    public init(_ bytes: [UInt8]) throws(LedgerRefusal) {
        do throws(CBORError) {
            var reader = CBORReader(bytes.span.bytes)
            try reader.array(count: 7)
            guard try reader.text().withUnsafeBytes({ $0.elementsEqual(Self.name.utf8) }) else { throw .outOfRange }
            network = try reader.uint()
            time = try reader.uint()
            try reader.array(count: 6)
            var rules = Rules()
            rules.fee = try reader.uint()
            rules.deposit = try reader.uint()
            rules.reward = try reader.uint()
            rules.grace = try reader.uint()
            rules.withdrawal = try reader.uint()
            guard let election = ElectionRule(rawValue: try reader.uint()) else { throw .outOfRange }
            rules.election = election
            self.rules = rules
            reserve = try reader.uint()
            var balances: [Balance] = [], seats: [Seat] = []
            for _ in 0..<(try reader.array()) {
                try reader.array(count: 2)
                balances.append(Balance(try reader.hash(), try reader.uint()))
            }
            for _ in 0..<(try reader.array(atMost: Int(Rounds.seats))) {
                try reader.array(count: 2)
                seats.append(Seat(try reader.hash(), commitment: try reader.hash()))
            }
            try reader.finish()
            guard zip(seats, seats.dropFirst()).allSatisfy({ $0.key < $1.key }) else { throw .keyOrder }
            (self.balances, self.seats) = (balances, seats)
        } catch { throw .malformed("\(error)") }
        try check()
    }
}
