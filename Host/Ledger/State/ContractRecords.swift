// Records of contracts, calls and nodes, as the tree of states has them (docs/chain.cddl).
import CBOR

/// A contract, and how it went.
public struct Contract: StateRecord, Hashable {
    /// Height of its block: half of its address.
    public let height: UInt64
    /// Who offers.
    public let provider: Hash32
    /// What is offered.
    public let offer: Offer
    /// Nothing can be called any more.
    public var isEnded = false
    /// Number in the node's log from which on a receipt is evidence: each pays one call.
    public var nextReceipt: UInt64 = 0
    /// How it went: what a control node warns by.
    public var reputation = Reputation()

    init(height: UInt64, provider: Hash32, offer: Offer) {
        (self.height, self.provider, self.offer) = (height, provider, offer)
    }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 512) { writer in
            writer.array(5)
            writer.uint(height)
            writer.hash(provider)
            writer.array(5)
            offer.writeFields(to: &writer)
            writer.array(2)
            writer.bool(isEnded)
            writer.uint(nextReceipt)
            writer.array(6)
            for number in reputation.numbers { writer.uint(number) }
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 5)
        (height, provider) = (try reader.uint(), try reader.hash())
        try reader.array(count: 5)
        offer = try Offer(readingFieldsOf: &reader)
        try reader.array(count: 2)
        (isEnded, nextReceipt) = (try reader.bool(), try reader.uint())
        try reader.array(count: 6)
        reputation.calls = try reader.uint()
        reputation.paid = try reader.uint()
        reputation.paidAmount = try reader.uint()
        reputation.good = try reader.uint()
        reputation.bad = try reader.uint()
        reputation.badAmount = try reader.uint()
    }
}

/// How a contract's calls went, in counts and in tokens.
public struct Reputation: Hashable, Sendable {
    /// Calls.
    public var calls: UInt64 = 0
    /// Calls that were paid for: only these can have a review.
    public var paid: UInt64 = 0
    /// Tokens that were paid.
    public var paidAmount: UInt64 = 0
    /// Good marks.
    public var good: UInt64 = 0
    /// Bad marks.
    public var bad: UInt64 = 0
    /// Tokens that were paid for what got a bad mark.
    public var badAmount: UInt64 = 0

    fileprivate var numbers: [UInt64] { [calls, paid, paidAmount, good, bad, badAmount] }

    /// True when a control node should warn: a fifth or more of the paid tokens, or of the paid calls, got a bad mark.
    public var isBad: Bool { bad > 0 && (bad >= (paid + 4) / 5 || badAmount / 2 >= paidAmount / 10) }
}

/// A call and its escrow.
public struct ContractCall: StateRecord, Hashable {
    /// Where the tokens are.
    public enum Standing: UInt64, Sendable {
        /// In escrow.
        case open = 0
        /// With the provider, but for what was not used.
        case paid = 1
        /// With the user again.
        case returned = 2
        /// Paid, and the user has reviewed it.
        case reviewed = 3
    }

    /// The contract.
    public let contract: Hash32
    /// Who called, and paid.
    public let user: Hash32
    /// What was put into escrow.
    public let escrow: UInt64
    /// The last slot in which Return may come.
    public let deadline: UInt64
    /// Where the tokens are.
    public var standing = Standing.open
    /// What the provider got.
    public var paid: UInt64 = 0
    /// SHA-256 of the half-signed review.
    public var review: Hash32?
    /// The next call that is due behind the same slot.
    let nextDue: Hash32?

    init(contract: Hash32, user: Hash32, escrow: UInt64, deadline: UInt64, nextDue: Hash32?) {
        (self.contract, self.user, self.escrow, self.deadline, self.nextDue) = (contract, user, escrow, deadline, nextDue)
    }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 192) { writer in
            writer.array(8)
            writer.hash(contract)
            writer.hash(user)
            writer.uint(escrow)
            writer.uint(deadline)
            writer.uint(standing.rawValue)
            writer.uint(paid)
            writer.hashOrNull(review)
            writer.hashOrNull(nextDue)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 8)
        (contract, user) = (try reader.hash(), try reader.hash())
        (escrow, deadline) = (try reader.uint(), try reader.uint())
        guard let standing = Standing(rawValue: try reader.uint()) else { throw .outOfRange }
        self.standing = standing
        (paid, review, nextDue) = (try reader.uint(), try reader.hashOrNull(), try reader.hashOrNull())
    }
}

/// What one sender has written to a node.
public struct Mailbox: StateRecord, Hashable {
    /// Desired states so far.
    public var states: UInt64 = 0
    /// SHA-256 of the newest one.
    public var newest: Hash32?
    /// Commands so far.
    public var commands: UInt64 = 0
    /// Their chain: SHA-256(chain before ‖ SHA-256(message)), zero before the first.
    public var chain = Hash32.zero

    init() {}

    /// One more command.
    mutating func add(command: [UInt8]) {
        let before = chain
        commands += 1
        chain = .sha256 { hash in
            hash.update(before)
            hash.update(Hash32.sha256(command))
        }
    }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 96) { writer in
            writer.array(4)
            writer.uint(states)
            writer.hashOrNull(newest)
            writer.uint(commands)
            writer.hash(chain)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 4)
        (states, newest) = (try reader.uint(), try reader.hashOrNull())
        (commands, chain) = (try reader.uint(), try reader.hash())
    }
}

/// What was published of a node's log.
public struct Publication: StateRecord, Hashable {
    /// Entries of the log.
    public var count: UInt64
    /// The log's own chain behind them.
    public var chain: Hash32
    /// Merkle root over them.
    public var root: Hash32

    init(count: UInt64, chain: Hash32, root: Hash32) { (self.count, self.chain, self.root) = (count, chain, root) }

    public var encoded: [UInt8] {
        CBOR.encode(capacity: 96) { writer in
            writer.array(3)
            writer.uint(count)
            writer.hash(chain)
            writer.hash(root)
        }
    }

    public init(reading reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 3)
        (count, chain, root) = (try reader.uint(), try reader.hash(), try reader.hash())
    }
}

/// The first of the calls that are due behind one slot; each names the next one.
struct Due: StateRecord, Hashable {
    let first: Hash32

    init(first: Hash32) { self.first = first }

    var encoded: [UInt8] { CBOR.encode(capacity: 48) { $0.hash(first) } }

    init(reading reader: inout CBORReader) throws(CBORError) {
        first = try reader.hash()
    }
}
