// A random walk over a chain: transactions good and bad, missed slots, warps, snapshots and reverts, each held against the model.
import HostCrypto
import NodeProtocol
import Testing

@testable import Ledger

struct LedgerWalk {
    private var dice: Dice
    private var town: Town
    private var model: Model
    private var snapshots: [(Town, Model)] = []
    /// Blocks since the last replay.
    private var start: Ledger
    private let nodes: [RealNode]
    private var former: [[UInt8]] = []
    private(set) var tried = 0
    private(set) var taken = 0
    private(set) var heights = 0
    private(set) var reverts = 0
    private(set) var kinds: [UInt64: (taken: Int, refused: Int)] = [:]
    private let people = Array(Cast.people.prefix(12))

    init(seed: UInt64) throws {
        dice = Dice(seed)
        var rules = Genesis.Rules()
        (rules.grace, rules.withdrawal) = (20, 300)
        town = try Town(rules)
        model = Model(town.ledger.genesis)
        start = town.ledger
        nodes = try (0..<3).map { try RealNode(owner: Cast.people[$0], number: $0) }
    }

    /// A block with some attempts, and now and then a fault.
    mutating func step() throws {
        switch dice.below(40) {
        case 0: snapshots.append((town, model))
        case 1 where !snapshots.isEmpty:
            try replay()
            (town, model) = snapshots.remove(at: Int(dice.below(UInt64(snapshots.count))))
            town.blocks = []
            start = town.ledger
            reverts += 1
            try compare()
        case 2: try replay()
        default: break
        }
        if snapshots.count > 4 { snapshots.removeFirst() }
        let skipped = dice.below(12) == 0 ? dice.below(dice.below(20) == 0 ? 3000 : 30) : 0
        let slot = town.ledger.slot + 1 + skipped
        var next = model
        next.expire(before: slot)
        var attempts: [Attempt] = []
        for _ in 0..<dice.below(40) {
            guard let attempt = try attempt(next, slot: slot) else { continue }
            if attempt.isExpected { attempt.apply(&next) }
            attempts.append(attempt)
        }
        let draft = try town.seal(attempts.map(\.bytes), at: slot)
        heights += 1
        let included = Set(draft.included.map(\.id))
        for attempt in attempts {
            #expect(
                included.contains(attempt.id) == attempt.isExpected,
                "\(draft.refused.first { $0.bytes == attempt.bytes }.map { "\($0.reason)" } ?? "taken")")
            tried += 1
            guard let signed = try? SignedTransaction(attempt.bytes) else { continue }
            kinds[signed.transaction.action.number, default: (0, 0)].taken += attempt.isExpected ? 1 : 0
            kinds[signed.transaction.action.number, default: (0, 0)].refused += attempt.isExpected ? 0 : 1
        }
        taken += included.count
        former += draft.included.prefix(2).map(\.bytes)
        if former.count > 50 { former.removeFirst(former.count - 50) }
        let earned = draft.receipts.last { $0.event == .rewarded }
        if let earned {
            let fees = draft.included.reduce(0) { $0 + $1.transaction.fee }
            next.free[earned.subject, default: 0] += earned.amount
            next.reserve -= earned.amount - fees
        }
        model = next
        try compare()
        try forget(before: slot)
    }

    /// Everything that the model knows is what the ledger says.
    private func compare() throws {
        let ledger = town.ledger
        #expect(model.total == ledger.genesis.supply)
        for person in people {
            let key = Hash32(person), account = try #require(try ledger.get(.account(key)))
            #expect(account.balance == model.free[key])
            #expect(account.locked == model.locked[key] ?? 0)
            #expect(account.nonce == model.nonces[key] ?? 0)
        }
        let totals = try #require(try ledger.get(.totals))
        #expect(totals.reserve == model.reserve)
        #expect(totals.locked == model.locked.values.reduce(0, +))
        #expect(totals.deposits == model.deposits.values.reduce(0, +))
        for (token, supply) in model.supplies {
            let escrow = model.calls.values.filter { !$0.isSettled && model.contracts[$0.deal]!.token == token }.reduce(0) {
                $0 + $1.escrow
            }
            #expect(model.holdings[token]!.values.reduce(escrow, +) == supply)
            for (key, amount) in model.holdings[token]! {
                #expect(try ledger.get(.holding(of: token, by: key))?.amount ?? 0 == amount)
            }
        }
    }

    /// What is over long since is held against the ledger once more, and no longer drawn.
    private mutating func forget(before slot: UInt64) throws {
        for (id, call) in model.calls where call.isSettled && call.deadline + 100 < slot {
            #expect(try town.ledger.get(.call(id))?.paid == call.paid)
            model.calls[id] = nil
        }
        let used = Set(model.calls.values.map(\.deal))
        for (id, deal) in model.contracts where deal.until + 100 < slot && !used.contains(id) {
            try check(id, deal)
            model.contracts[id] = nil
        }
    }

    private func check(_ id: Hash32, _ deal: Model.Deal) throws {
        let reputation = try #require(try town.ledger.get(.contract(id))).reputation
        #expect((reputation.paid, reputation.bad, reputation.good) == (UInt64(deal.paid), UInt64(deal.bad), UInt64(deal.good)))
    }

    /// All deadlines pass: nothing is in escrow any more.
    mutating func drain() throws {
        let last = model.calls.values.map(\.deadline).max() ?? 0
        let slot = max(last, town.ledger.slot) + 1
        try town.seal(at: slot)
        model.expire(before: slot)
        try compare()
        #expect(try town.ledger.get(.totals)?.escrow == 0)
        for (id, deal) in model.contracts { try check(id, deal) }
    }

    /// Someone else follows the blocks, from bytes, and comes to the same.
    mutating func replay() throws {
        var other = start
        for block in town.blocks { other = try other.following(try Block(block.bytes)).after }
        #expect(other.head == town.ledger.head)
        #expect(other.state.root == town.ledger.state.root)
        start = town.ledger
        town.blocks = []
    }

    // MARK: Attempts

    private mutating func attempt(_ model: Model, slot: UInt64) throws -> Attempt? {
        let sender = dice.pick(people), key = Hash32(sender)
        let nonce = model.nonces[key] ?? 0, fee = 1 + dice.below(3)
        if dice.below(25) == 0, let old = former.last, !former.isEmpty {
            let bytes = dice.below(2) == 0 ? old : dice.pick(former)
            // What was taken once is not taken again, unless a revert has undone it: then its number is the next one.
            guard let signed = try? SignedTransaction(bytes),
                signed.transaction.nonce < model.nonces[signed.transaction.sender] ?? 0
            else {
                return nil
            }
            return Attempt(bytes: bytes, id: .zero, isExpected: false) { _ in }
        }
        guard let (action, isPossible, apply) = try action(model, key, slot: slot, fee: fee) else { return nil }
        var transaction = Transaction(sender: key, nonce: nonce, until: slot + dice.below(100), fee: fee, action: action)
        var isExpected = isPossible && model.free[key]! >= fee, network = Cast.network, isForged = false
        if dice.below(8) == 0 {
            isExpected = false
            switch dice.below(5) {
            case 0: transaction = Transaction(sender: key, nonce: nonce + 1, until: slot, fee: fee, action: action)
            case 1: transaction = Transaction(sender: key, nonce: nonce, until: slot - 1, fee: fee, action: action)
            case 2: transaction = Transaction(sender: key, nonce: nonce, until: slot, fee: 0, action: action)
            case 3: network = 8
            default: isForged = true
            }
        }
        let signed = transaction.signed(network: network, key: sender)
        var bytes = signed.bytes
        if isForged { bytes[bytes.count - 1 - Int(dice.below(64))] ^= 1 }
        return Attempt(bytes: bytes, id: (try? SignedTransaction(bytes))?.id ?? .zero, isExpected: isExpected) { model in
            model.nonces[key, default: 0] += 1
            model.free[key]! -= fee
            apply(&model, signed.id)
        }
    }

    typealias Change = (inout Model, Hash32) -> Void

    /// An action, whether it can be done once the fee is paid, and what it changes.
    private mutating func action(_ model: Model, _ key: Hash32, slot: UInt64, fee: UInt64) throws -> (Action, Bool, Change)? {
        let free = model.free[key]! >= fee ? model.free[key]! - fee : 0
        switch dice.below(20) {
        case 0...5: return transfer(model, key, free)
        case 6, 7: return vote(model, key, free)
        case 8: return register(model, key, free)
        case 9: return try message(key)
        case 10:
            let supply = model.supplies.count > 8 || dice.below(6) == 0 ? 0 : 1 + dice.below(100_000)
            return (
                .createToken(symbol: "T\(dice.below(9))", supply: supply), supply > 0,
                { model, id in
                    model.supplies[id] = supply
                    model.holdings[id] = [key: supply]
                }
            )
        case 11: return offer(model, key, slot)
        case 12...14: return call(model, key, slot, free)
        case 15...17: return try settle(model, key)
        default: return review(model, key)
        }
    }

    private mutating func amount(_ there: UInt64) -> UInt64 {
        switch dice.below(10) {
        case 0: there + 1 + dice.below(100)
        case 1: there
        case 2: 0
        default: dice.below(there / 8 + 2)
        }
    }

    private mutating func transfer(_ model: Model, _ key: Hash32, _ free: UInt64) -> (Action, Bool, Change)? {
        let to = Hash32(dice.pick(people)), tokens = model.supplies.keys.sorted()
        let token = dice.below(3) == 0 && !tokens.isEmpty ? dice.pick(tokens) : nil
        let there = token == nil ? free : model.has(token, key), amount = amount(there)
        return (
            .transfer(to: to, amount: amount, token: token), amount > 0 && amount <= there,
            { model, _ in
                model.move(amount, token, from: key)
                model.move(amount, token, to: to)
            }
        )
    }

    private mutating func vote(_ model: Model, _ key: Hash32, _ free: UInt64) -> (Action, Bool, Change)? {
        let there = free + (model.locked[key] ?? 0)
        let names = Set((0..<dice.below(4)).map { _ in Hash32(dice.pick(Cast.representatives)) }).sorted()
        let choices = names.map { Action.Choice($0, amount(there / UInt64(names.count))) }
        let sum = choices.reduce(0) { $0 + $1.amount }
        return (
            .vote(choices), choices.allSatisfy { $0.amount > 0 } && sum <= there,
            { model, _ in
                model.free[key]! = model.free[key]! + (model.locked[key] ?? 0) - sum
                model.locked[key] = sum
            }
        )
    }

    private mutating func register(_ model: Model, _ key: Hash32, _ free: UInt64) -> (Action, Bool, Change)? {
        let deposit = dice.below(2) == 0 ? 9_999 : 10_000 + dice.below(50)
        let commitment = Contribution.commitment(to: Cast.secret(key, 0))
        return (
            .register(deposit: deposit, commitment: commitment),
            deposit >= 10_000 && deposit <= free && model.deposits[key] == nil,
            { model, _ in
                model.free[key]! -= deposit
                model.deposits[key] = deposit
            }
        )
    }

    private mutating func message(_ key: Hash32) throws -> (Action, Bool, Change)? {
        let node = dice.pick(nodes), other = dice.pick(nodes), isCommand = dice.below(2) == 0
        let message = try node.message("$('led').toggle()", as: isCommand ? .command : .state).bytes
        let to = other.address.bytes
        return (
            isCommand ? .command(node: to, message: message) : .state(node: to, message: message), node === other, { _, _ in }
        )
    }

    private mutating func offer(_ model: Model, _ key: Hash32, _ slot: UInt64) -> (Action, Bool, Change)? {
        let number = Int(dice.below(3)), isMetered = dice.below(2) == 0
        let (price, ticks) = (1 + dice.below(300), isMetered ? 1 + dice.below(18) : 1)
        let tokens = model.supplies.keys.sorted(), token = dice.below(4) == 0 && !tokens.isEmpty ? dice.pick(tokens) : nil
        let until = dice.below(8) == 0 ? slot - 1 : slot + dice.below(2000)
        let offer = Offer(
            node: Hash32(nodes[number].identity), scope: [.init("led")], token: token, until: until,
            terms: isMetered ? .metered(price: price, tick: 60, ticks: ticks) : .fixed(price: price, seconds: 90))
        let height = town.ledger.height + 1
        return (
            .createContract(offer), until >= slot,
            { model, id in
                model.contracts[id] = .init(
                    height: height, provider: key, token: token, price: price, ticks: ticks, isMetered: isMetered, until: until)
            }
        )
    }

    private mutating func call(_ model: Model, _ key: Hash32, _ slot: UInt64, _ free: UInt64) -> (Action, Bool, Change)? {
        // Those that are over are tried for a while.
        let all = model.contracts.filter { $0.value.until + 10 >= slot }.keys.sorted()
        guard let id = all.isEmpty ? nil : dice.pick(all), let deal = model.contracts[id] else { return nil }
        let height = dice.below(20) == 0 ? deal.height + 1 : deal.height,
            address = ContractAddress(height: height, transaction: id)
        if dice.below(12) == 0 {
            return (
                .endContract(address), height == deal.height && deal.provider == key && !deal.isEnded,
                { model, _ in
                    model.contracts[id]!.isEnded = true
                }
            )
        }
        let ticks = dice.below(deal.ticks + 2), escrow = deal.price * ticks
        let there = deal.token == nil ? free : model.has(deal.token, key)
        let isPossible =
            height == deal.height && !deal.isEnded && slot <= deal.until && deal.provider != key
            && (1...deal.ticks).contains(ticks) && escrow <= there
        let seconds = deal.isMetered ? 60 * ticks : 90, deadline = slot + (seconds + 8) / 9 + 20
        return (
            .call(contract: address, ticks: ticks, command: nil), isPossible,
            { model, call in
                model.move(escrow, deal.token, from: key)
                model.calls[call] = .init(deal: id, user: key, escrow: escrow, deadline: deadline)
            }
        )
    }

    private func half(_ call: Hash32, _ amount: UInt64, by key: Hash32) -> [UInt8] {
        HalfReview(call: call, amount: amount).signed(network: Cast.network, key: Cast.byKey[key]!)
    }

    private mutating func settle(_ model: Model, _ key: Hash32) throws -> (Action, Bool, Change)? {
        let open = model.calls.filter { !$0.value.isSettled }.keys.sorted()
        guard !open.isEmpty else { return nil }
        let id = dice.pick(open), call = model.calls[id]!, deal = model.contracts[call.deal]!
        // Mostly in the provider's place, whoever was drawn.
        guard deal.provider == key || dice.below(6) == 0 else { return nil }
        let contract = try town.ledger.get(.contract(call.deal))
        let node = nodes.first { Hash32($0.identity) == contract?.offer.node }
        let amount = dice.below(4) == 0 ? 0 : deal.isMetered ? deal.price * dice.below(call.escrow / deal.price + 2) : call.escrow
        let review =
            amount == 0 ? nil : half(id, dice.below(10) == 0 ? amount + 1 : amount, by: dice.below(10) == 0 ? call.user : key)
        let isGood = review == half(id, amount, by: deal.provider)
        let receipt =
            amount == 0 ? nil : try (dice.below(10) == 0 ? nodes.first { $0 !== node } : node)?.receipt("$('led').toggle()")
        let isOfNode =
            contract.map { contract in
                receipt.map { (try? NodeEvidence($0, node: contract.offer.node, network: Cast.network)) != nil } ?? false
            } ?? false
        let isPossible = deal.provider == key && (amount == 0 || amount <= call.escrow && isGood && isOfNode)
        return (
            .settle(call: id, amount: amount, receipt: receipt, review: review), isPossible,
            { model, _ in
                model.calls[id]!.isSettled = true
                model.calls[id]!.paid = amount
                model.contracts[call.deal]!.paid += amount > 0 ? 1 : 0
                model.move(amount, deal.token, to: key)
                model.move(call.escrow - amount, deal.token, to: call.user)
            }
        )
    }

    private mutating func review(_ model: Model, _ key: Hash32) -> (Action, Bool, Change)? {
        let mine = model.calls.filter { $0.value.user == key && $0.value.isSettled }.keys.sorted().suffix(6)
        guard !mine.isEmpty else { return nil }
        let id = dice.pick(Array(mine)), call = model.calls[id]!, isGood = dice.below(2) == 0
        let half = half(id, max(call.paid, 1), by: model.contracts[call.deal]!.provider)
        return (
            .review(call: id, isGood: isGood, review: half), call.paid > 0 && !call.isReviewed,
            { model, _ in
                model.calls[id]!.isReviewed = true
                if isGood { model.contracts[call.deal]!.good += 1 } else { model.contracts[call.deal]!.bad += 1 }
            }
        )
    }
}
