// What a transaction does: one case for each kind, with the number that the wire has for it (docs/chain.cddl).

/// What a transaction does.
public enum Action: Hashable, Sendable {
    /// Tokens to another account: of the base token, or of one that was created.
    case transfer(to: Hash32, amount: UInt64, token: Hash32?)
    /// Locks tokens behind candidates, in place of those that the account has locked before; none releases all.
    case vote([Choice])
    /// Makes the sender a candidate, with a deposit and the hash of what it reveals in its first block.
    case register(deposit: UInt64, commitment: Hash32)
    /// Ends the candidature; once out of office for long enough, the same again gives the deposit back.
    case resign
    /// Puts the sender's locked tokens against these candidates, in place of those before: at two thirds a candidate is disqualified.
    case object(to: [Hash32])
    /// Two headers that one producer signed for one slot, or, where a voter is named, two of its certificate votes for one height.
    case evidence(first: [UInt8], second: [UInt8], voter: Hash32?)
    /// The newest desired state for a node: the node's own message, unchanged.
    case state(node: [UInt8], message: [UInt8])
    /// A command for a node, one of many: the node's own message, unchanged.
    case command(node: [UInt8], message: [UInt8])
    /// Publishes a node's log: how many entries, the chain value behind them, and the Merkle root over them.
    case publish(node: Hash32, count: UInt64, chain: Hash32, root: Hash32)
    /// Offers calls on a node for tokens.
    case createContract(Offer)
    /// Pays for a use under a contract: the tokens wait in escrow.
    case call(contract: ContractAddress, ticks: UInt64, command: [UInt8]?)
    /// Takes the tokens of a call, with the node's receipt and the half-signed review; an amount of 0 gives them back, with neither.
    case settle(call: Hash32, amount: UInt64, receipt: [UInt8]?, review: [UInt8]?)
    /// The user's half of a review: its mark.
    case review(call: Hash32, isGood: Bool, review: [UInt8])
    /// A token of the sender's own; the whole supply is the sender's.
    case createToken(symbol: String, supply: UInt64)
    /// Ends a contract: what was called is settled, nothing more can be called.
    case endContract(ContractAddress)

    /// Tokens locked behind a candidate.
    public struct Choice: Hashable, Sendable {
        /// The candidate's key.
        public let candidate: Hash32
        /// Base tokens.
        public let amount: UInt64

        /// `amount` base tokens behind `candidate`.
        public init(_ candidate: Hash32, _ amount: UInt64) { (self.candidate, self.amount) = (candidate, amount) }
    }

    /// Its number on the wire, in receipts too.
    public var number: UInt64 {
        switch self {
        case .transfer: 0
        case .vote: 1
        case .register: 2
        case .resign: 3
        case .object: 4
        case .evidence: 5
        case .state: 6
        case .command: 7
        case .publish: 8
        case .createContract: 9
        case .call: 10
        case .settle: 11
        case .review: 12
        case .createToken: 13
        case .endContract: 14
        }
    }

    /// A block with one of these is rewarded.
    var isOfContract: Bool {
        switch self {
        case .createContract, .call, .settle, .review, .endContract: true
        default: false
        }
    }

    /// Candidates that one account can vote for, or object to.
    static let mostChoices = 16
    /// Bytes that a message for a node, a receipt or a review may have.
    static let largestMessage = 2048
    /// Bytes of a node's address.
    static let nodeSize = 20
}

/// Where a contract is: unambiguous once the block at that height has a certificate.
public struct ContractAddress: Hashable, Sendable {
    /// Height of the block that has the transaction.
    public let height: UInt64
    /// The transaction that created it.
    public let transaction: Hash32

    /// The contract that `transaction` created in the block at `height`.
    public init(height: UInt64, transaction: Hash32) { (self.height, self.transaction) = (height, transaction) }
}

extension ContractAddress: CustomStringConvertible {
    public var description: String { "\(height):\(transaction)" }
}

/// What a contract offers.
public struct Offer: Hashable, Sendable {
    /// What a call costs, and for how long it counts.
    public enum Terms: Hashable, Sendable {
        /// “50 tokens: these commands for an hour”.
        case fixed(price: UInt64, seconds: UInt64)
        /// “1 token each 10 minutes, for 3 hours at most”.
        case metered(price: UInt64, tick: UInt64, ticks: UInt64)

        /// What a call of that many ticks puts into escrow; nil when the terms do not have so many. A fixed price is one tick.
        func escrow(ticks: UInt64) -> UInt64? {
            switch self {
            case .fixed(let price, _): ticks == 1 ? price : nil
            case .metered(let price, _, let most): (1...most).contains(ticks) ? price * ticks : nil
            }
        }

        /// For how many seconds a call of that many ticks counts.
        func seconds(ticks: UInt64) -> UInt64 {
            switch self {
            case .fixed(_, let seconds): seconds
            case .metered(_, let tick, _): tick * ticks
            }
        }

        /// True if `amount` is what some number of the ticks costs that were called.
        func canPay(_ amount: UInt64, of escrow: UInt64) -> Bool {
            switch self {
            case .fixed: amount == escrow
            case .metered(let price, _, _): amount <= escrow && amount.isMultiple(of: price)
            }
        }

        /// Within the ranges of docs/chain.cddl, so that no product of theirs overflows.
        var isValid: Bool {
            switch self {
            case .fixed(let price, let seconds): Self.prices.contains(price) && Self.times.contains(seconds)
            case .metered(let price, let tick, let ticks):
                Self.prices.contains(price) && (1...86_400).contains(tick) && (1...65_535).contains(ticks)
            }
        }

        private static let prices: ClosedRange<UInt64> = 1...1 << 40
        private static let times: ClosedRange<UInt64> = 1...86_400 * 366
    }

    /// A device of the node, and the methods that may be called; none named: all.
    public struct Right: Hashable, Sendable {
        /// The device's name.
        public let device: String
        /// Methods in ascending order.
        public let methods: [String]

        /// `methods` of `device`; all if none is named.
        public init(_ device: String, _ methods: [String] = []) { (self.device, self.methods) = (device, methods) }
    }

    /// The node's identity key: its receipts are the evidence.
    public let node: Hash32
    /// What may be called: the scope of a grant.
    public let scope: [Right]
    /// The token that it settles in; nil for the base token.
    public let token: Hash32?
    /// The last slot in which it can be called.
    public let until: UInt64
    /// What a call costs.
    public let terms: Terms

    /// An offer; whether it is a valid one says the ledger.
    public init(node: Hash32, scope: [Right], token: Hash32? = nil, until: UInt64, terms: Terms) {
        (self.node, self.scope, self.token, self.until, self.terms) = (node, scope, token, until, terms)
    }

    /// True if a node's receipt about `subject` (device and method) is about what was offered.
    func covers(_ subject: [String]) -> Bool {
        subject.count == 2
            && scope.contains { $0.device == subject[0] && ($0.methods.isEmpty || $0.methods.contains(subject[1])) }
    }
}
