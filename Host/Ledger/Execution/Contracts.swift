// Contracts: offers, calls with their tokens in escrow, Return with its evidence, and reviews that take two signatures.
import Reporting

extension Execution {
    mutating func create(_ offer: Offer, by provider: Hash32, id: Hash32) throws -> Effect {
        guard offer.until >= slot else { throw LedgerRefusal.expired(slot: offer.until) }
        if let token = offer.token, try work.get(.token(token)) == nil { throw LedgerRefusal.unknown("token \(token)") }
        work.set(.contract(id), Contract(height: height, provider: provider, offer: offer))
        return Effect(subject: id)
    }

    private func contract(at address: ContractAddress) throws -> Contract {
        guard let contract = try work.get(.contract(address.transaction)), contract.height == address.height else {
            throw LedgerRefusal.unknown("contract \(address)")
        }
        return contract
    }

    mutating func end(_ address: ContractAddress, by sender: Hash32) throws -> Effect {
        var contract = try contract(at: address)
        guard contract.provider == sender else { throw LedgerRefusal.notPossible("the contract is another's") }
        guard !contract.isEnded else { throw LedgerRefusal.notPossible("the contract has ended already") }
        contract.isEnded = true
        work.set(.contract(address.transaction), contract)
        return Effect(subject: address.transaction)
    }

    mutating func call(_ address: ContractAddress, ticks: UInt64, by user: Hash32, id: Hash32) throws -> Effect {
        var contract = try contract(at: address)
        let offer = contract.offer
        guard !contract.isEnded, slot <= offer.until else { throw LedgerRefusal.notPossible("the contract has ended") }
        guard contract.provider != user else { throw LedgerRefusal.notPossible("a provider does not call its own contract") }
        guard let escrow = offer.terms.escrow(ticks: ticks) else {
            throw LedgerRefusal.notPossible("the contract's terms do not have \(ticks) ticks")
        }
        try take(escrow, of: offer.token, from: user)
        try changeEscrow(of: offer.token, add: escrow, remove: 0)
        let seconds = offer.terms.seconds(ticks: ticks)
        let deadline = slot + (seconds + Rounds.slotSeconds - 1) / Rounds.slotSeconds + genesis.rules.grace
        let due = try work.get(.due(deadline))
        work.set(
            .call(id),
            ContractCall(
                contract: address.transaction, user: user, escrow: escrow, deadline: deadline, nextDue: due?.first))
        work.set(.due(deadline), Due(first: id))
        contract.reputation.calls += 1
        work.set(.contract(address.transaction), contract)
        return Effect(subject: address.transaction, amount: escrow)
    }

    mutating func settle(_ id: Hash32, amount: UInt64, receipt: [UInt8]?, review: [UInt8]?, by provider: Hash32) throws -> Effect
    {
        guard var call = try work.get(.call(id)) else { throw LedgerRefusal.unknown("call \(id)") }
        var contract = try existing(.contract(call.contract), "contract")
        guard contract.provider == provider else { throw LedgerRefusal.notPossible("the contract is another's") }
        guard call.standing == .open else { throw LedgerRefusal.notPossible("the call has been settled already") }
        guard contract.offer.terms.canPay(amount, of: call.escrow) || amount == 0 else {
            throw LedgerRefusal.notPossible("the contract's terms do not have a price of \(amount) for this call")
        }
        if amount > 0 {
            contract.nextReceipt = try evidence(in: receipt, for: contract)
            call.review = try halfReview(review, of: id, amount: amount, by: provider)
            contract.reputation.paid += 1
            contract.reputation.paidAmount = contract.reputation.paidAmount.addingSaturated(amount)
            call.standing = .paid
        } else {
            guard receipt == nil, review == nil else {
                throw LedgerRefusal.malformed("what is not paid has no receipt and no review")
            }
            call.standing = .returned
        }
        call.paid = amount
        work.set(.call(id), call)
        work.set(.contract(call.contract), contract)
        try changeEscrow(of: contract.offer.token, add: 0, remove: call.escrow)
        try give(amount, of: contract.offer.token, to: provider)
        try give(call.escrow - amount, of: contract.offer.token, to: call.user)
        return Effect(subject: id, amount: amount)
    }

    /// The number behind that of the node's receipt, which says that something that was offered was done.
    private func evidence(in bytes: [UInt8]?, for contract: Contract) throws -> UInt64 {
        guard let bytes else { throw LedgerRefusal.notProven("Return carries the node's receipt") }
        let evidence = try NodeEvidence(bytes, node: contract.offer.node, network: genesis.network)
        guard evidence.isDone, contract.offer.covers(evidence.subject) else {
            throw LedgerRefusal.notProven("the node's receipt does not say that something was done that the contract offers")
        }
        guard evidence.number >= contract.nextReceipt else {
            throw LedgerRefusal.notProven("a receipt with that number, or a later one, has been paid for already")
        }
        return evidence.number + 1
    }

    /// The hash of the provider's half of the review, which must be there before anything is paid.
    private func halfReview(_ bytes: [UInt8]?, of call: Hash32, amount: UInt64, by provider: Hash32) throws -> Hash32 {
        guard let bytes, let parts = try? SignedParts(bytes) else {
            throw LedgerRefusal.notProven("Return carries the half-signed review")
        }
        guard parts.payload == HalfReview(call: call, amount: amount).encoded,
            parts.isSigned(by: provider, as: .review, network: genesis.network)
        else { throw LedgerRefusal.notProven("the review is not for this call and amount, or not signed by the provider") }
        return .sha256(bytes)
    }

    mutating func review(_ id: Hash32, isGood: Bool, half: [UInt8], by user: Hash32) throws -> Effect {
        guard var call = try work.get(.call(id)) else { throw LedgerRefusal.unknown("call \(id)") }
        guard call.user == user else { throw LedgerRefusal.notPossible("another called") }
        guard call.standing == .paid else {
            throw LedgerRefusal.notPossible(
                call.standing == .reviewed ? "the call has its review" : "only a call that was paid has a review")
        }
        guard call.review == .sha256(half) else { throw LedgerRefusal.notProven("it is not the review that Return carried") }
        call.standing = .reviewed
        work.set(.call(id), call)
        var contract = try existing(.contract(call.contract), "contract")
        if isGood {
            contract.reputation.good += 1
        } else {
            contract.reputation.bad += 1
            contract.reputation.badAmount = contract.reputation.badAmount.addingSaturated(call.paid)
        }
        work.set(.contract(call.contract), contract)
        return Effect(subject: call.contract, amount: call.paid)
    }

    /// Escrow that no Return has asked for goes back once its deadline has passed.
    mutating func returnEscrow(dueBehind deadline: UInt64) throws {
        guard let due = try work.get(.due(deadline)) else { return }
        work.set(.due(deadline), nil)
        var id: Hash32? = due.first
        while let open = id {
            var call = try existing(.call(open), "call \(open)")
            id = call.nextDue
            guard call.standing == .open else { continue }
            let token = try existing(.contract(call.contract), "contract").offer.token
            call.standing = .returned
            work.set(.call(open), call)
            try changeEscrow(of: token, add: 0, remove: call.escrow)
            try give(call.escrow, of: token, to: call.user)
            add(LedgerReceipt(.escrowReturned, open, amount: call.escrow))
        }
    }

    /// The sum of base tokens in escrow.
    private mutating func changeEscrow(of token: Hash32?, add: UInt64, remove: UInt64) throws {
        guard token == nil else { return }
        var totals = try totals()
        totals.escrow = totals.escrow + add - remove
        work.set(.totals, totals)
    }
}

extension UInt64 {
    /// The sum, or the largest number there is: tokens come back and are paid again.
    fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
