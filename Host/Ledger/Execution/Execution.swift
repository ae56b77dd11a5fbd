// One block, executed: time passes, then transactions in order, then fees. A function of the state before it and of its arguments.
import Reporting

struct Execution {
    let genesis: Genesis
    let height: UInt64
    let slot: UInt64
    var work: Workspace
    private(set) var receipts: [LedgerReceipt] = []
    private(set) var included: [SignedTransaction] = []
    /// This round's and the next one's representatives.
    var present: Representatives
    var next: Representatives
    /// Who has the slots of the present round.
    var order: RoundOrder
    private var fees: UInt64 = 0
    /// One of the transactions that were taken is a contract's.
    private var hasContract = false

    init(genesis: Genesis, height: UInt64, slot: UInt64, over position: Ledger) {
        (self.genesis, self.height, self.slot) = (genesis, height, slot)
        work = Workspace(over: position.state)
        (present, next, order) = (position.present, position.next, position.order)
    }

    mutating func add(_ receipt: LedgerReceipt) { receipts.append(receipt) }

    func totals() throws -> Totals { try existing(.totals, "sums") }

    func account(_ key: Hash32) throws -> Account { try work.get(.account(key)) ?? Account() }

    /// A record that is always there.
    func existing<Record>(_ key: StateKey<Record>, _ what: String) throws -> Record {
        guard let record = try work.get(key) else {
            throw Failure(
                .environment, "the stored state of the chain lacks its \(what)",
                advice: "Load a dump of the chain, or begin a new one")
        }
        return record
    }

    /// Carries the transaction out, or leaves no trace.
    /// - Throws: `LedgerRefusal`, or a `Failure` of the store.
    mutating func carryOut(_ signed: SignedTransaction) throws {
        let before = receipts.count
        do {
            try perform(signed)
            work.accept()
            included.append(signed)
            fees += signed.transaction.fee
            hasContract = hasContract || signed.transaction.action.isOfContract
        } catch {
            work.discard()
            receipts.removeSubrange(before...)
            throw error
        }
    }

    private mutating func perform(_ signed: SignedTransaction) throws {
        let transaction = signed.transaction
        guard transaction.fee >= genesis.rules.fee else { throw LedgerRefusal.feeTooLow(least: genesis.rules.fee) }
        guard transaction.until >= slot else { throw LedgerRefusal.expired(slot: transaction.until) }
        guard var sender = try work.get(.account(transaction.sender)) else {
            throw LedgerRefusal.unknownAccount(transaction.sender)
        }
        guard transaction.nonce == sender.nonce else { throw LedgerRefusal.wrongNonce(expected: sender.nonce) }
        try sender.pay(transaction.fee)
        sender.nonce += 1
        // The dear check comes last of those that no state but the account's is needed for.
        guard signed.isAuthentic(network: genesis.network) else { throw LedgerRefusal.badSignature }
        work.set(.account(transaction.sender), sender)
        let effect = try perform(transaction.action, by: transaction.sender, id: signed.id)
        add(
            LedgerReceipt(
                .action(transaction.action.number), effect.subject, amount: effect.amount, transaction: signed.id))
    }

    /// What a receipt says of an action.
    struct Effect {
        var subject: Hash32
        var amount: UInt64 = 0
    }

    private mutating func perform(_ action: Action, by sender: Hash32, id: Hash32) throws -> Effect {
        switch action {
        case .transfer(let to, let amount, let token): return try transfer(amount, of: token, from: sender, to: to)
        case .vote(let choices): return try vote(choices, by: sender)
        case .register(let deposit, let commitment): return try register(sender, deposit: deposit, commitment: commitment)
        case .resign: return try resign(sender)
        case .object(let candidates): return try object(to: candidates, by: sender)
        case .evidence(let first, let second, let voter):
            let culprit = try voter.map { try doubleVoter($0, first, second) } ?? doubleProducer(first, second)
            return try convict(culprit, reporter: sender)
        case .state(let node, let message): return try deliver(message, to: node, isCommand: false, from: sender)
        case .command(let node, let message): return try deliver(message, to: node, isCommand: true, from: sender)
        case .publish(let node, let count, let chain, let root):
            return try publish(Publication(count: count, chain: chain, root: root), of: node, by: sender)
        case .createToken(let symbol, let supply): return try createToken(symbol, supply: supply, by: sender, id: id)
        case .createContract, .call, .settle, .review, .endContract:
            return try performContract(action, by: sender, id: id)
        }
    }

    private mutating func performContract(_ action: Action, by sender: Hash32, id: Hash32) throws -> Effect {
        switch action {
        case .createContract(let offer): try create(offer, by: sender, id: id)
        case .call(let contract, let ticks, _): try call(contract, ticks: ticks, by: sender, id: id)
        case .settle(let call, let amount, let receipt, let review):
            try settle(call, amount: amount, receipt: receipt, review: review, by: sender)
        case .review(let call, let isGood, let half): try review(call, isGood: isGood, half: half, by: sender)
        case .endContract(let contract): try end(contract, by: sender)
        default: preconditionFailure("only contracts come here")
        }
    }

    /// Fees and the reward go to the producer; with that the block is over.
    mutating func reward(_ producer: Hash32) throws {
        var totals = try totals()
        let reward = hasContract ? min(genesis.rules.reward, totals.reserve) : 0
        guard fees + reward > 0 else { return }
        totals.reserve -= reward
        var account = try account(producer)
        account.balance += fees + reward
        work.set(.totals, totals)
        work.set(.account(producer), account)
        work.accept()
        add(LedgerReceipt(.rewarded, producer, amount: fees + reward))
    }
}

extension Account {
    /// Takes `amount` of what is free.
    mutating func pay(_ amount: UInt64) throws(LedgerRefusal) {
        guard amount <= balance else { throw .insufficientFunds(needed: amount, there: balance) }
        balance -= amount
    }
}

/// Who has the slots of one round.
struct RoundOrder: Hashable {
    let round: UInt64
    let keys: [Hash32]

    func producer(of slot: UInt64) -> Hash32 {
        precondition(slot / Rounds.slots == round, "an order is of one round")
        return keys[Int(slot % Rounds.slots) % keys.count]
    }
}
