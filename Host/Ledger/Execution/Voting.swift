// Who governs: candidates and their deposits, votes of locked tokens, objections, and the end of those who sign twice.

extension Execution {
    mutating func register(_ key: Hash32, deposit: UInt64, commitment: Hash32) throws -> Effect {
        guard deposit >= genesis.rules.deposit else {
            throw LedgerRefusal.notPossible("a candidate deposits \(genesis.rules.deposit) tokens or more")
        }
        var candidate = Candidate(deposit: deposit, commitment: commitment)
        if let former = try work.get(.candidate(key)) {
            guard former.standing == .left else {
                throw LedgerRefusal.notPossible(
                    former.standing == .ended ? "this candidate has been ended, for ever" : "it is a candidate, or still leaving")
            }
            // Those who stand behind it, or against it, still do.
            candidate = former
            (candidate.standing, candidate.deposit, candidate.commitment) = (.active, deposit, commitment)
        }
        try take(deposit, of: nil, from: key)
        var totals = try totals()
        totals.deposits += deposit
        work.set(.totals, totals)
        work.set(.candidate(key), candidate)
        var list = try existing(.candidates, "candidates")
        list.insert(key)
        work.set(.candidates, list)
        return Effect(subject: key, amount: deposit)
    }

    mutating func resign(_ key: Hash32) throws -> Effect {
        guard var candidate = try work.get(.candidate(key)) else { throw LedgerRefusal.unknown("candidate \(key)") }
        switch candidate.standing {
        case .active:
            (candidate.standing, candidate.resigned) = (.leaving, slot)
            work.set(.candidate(key), candidate)
            try delist(key)
            return Effect(subject: key)
        case .leaving:
            guard present.seat(of: key) == nil, next.seat(of: key) == nil else {
                throw LedgerRefusal.notPossible("it is still in office")
            }
            let free = candidate.resigned + genesis.rules.withdrawal
            guard slot >= free else { throw LedgerRefusal.notPossible("its deposit is free from slot \(free) on") }
            let deposit = candidate.deposit
            (candidate.standing, candidate.deposit) = (.left, 0)
            work.set(.candidate(key), candidate)
            var totals = try totals()
            totals.deposits -= deposit
            work.set(.totals, totals)
            try give(deposit, of: nil, to: key)
            return Effect(subject: key, amount: deposit)
        case .ended, .left: throw LedgerRefusal.notPossible("it is no candidate")
        }
    }

    private mutating func delist(_ key: Hash32) throws {
        var list = try existing(.candidates, "candidates")
        list.remove(key)
        work.set(.candidates, list)
    }

    mutating func vote(_ choices: [Action.Choice], by key: Hash32) throws -> Effect {
        guard zip(choices, choices.dropFirst()).allSatisfy({ $0.candidate < $1.candidate }), choices.allSatisfy({ $0.amount > 0 })
        else { throw LedgerRefusal.malformed("a vote names candidates in ascending order, each with tokens") }
        var account = try account(key), vote = try work.get(.vote(key)) ?? Vote()
        var wanted: UInt64 = 0
        let there = account.balance + account.locked
        for choice in choices {
            // Compared before it is added, so that no sum overflows.
            guard choice.amount <= there, wanted + choice.amount <= there else {
                throw LedgerRefusal.insufficientFunds(needed: choice.amount, there: there)
            }
            wanted += choice.amount
        }
        for former in vote.choices { try change(former.candidate) { $0.votes -= former.amount } }
        for choice in choices {
            guard try work.get(.candidate(choice.candidate))?.standing == .active else {
                throw LedgerRefusal.unknown("candidate \(choice.candidate)")
            }
            try change(choice.candidate) { $0.votes += choice.amount }
        }
        let before = account.locked
        (account.locked, account.balance) = (wanted, there - wanted)
        var totals = try totals()
        totals.locked = totals.locked - before + wanted
        work.set(.totals, totals)
        work.set(.account(key), account)
        for candidate in vote.against { try change(candidate) { $0.against = $0.against - before + wanted } }
        vote.choices = choices
        work.set(.vote(key), vote)
        for candidate in vote.against { try disqualifyIfOutvoted(candidate) }
        return Effect(subject: key, amount: wanted)
    }

    mutating func object(to candidates: [Hash32], by key: Hash32) throws -> Effect {
        guard zip(candidates, candidates.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw LedgerRefusal.malformed("an objection names candidates in ascending order")
        }
        let account = try account(key)
        var vote = try work.get(.vote(key)) ?? Vote()
        for former in vote.against { try change(former) { $0.against -= account.locked } }
        for candidate in candidates {
            guard try work.get(.candidate(candidate)) != nil else { throw LedgerRefusal.unknown("candidate \(candidate)") }
            try change(candidate) { $0.against += account.locked }
        }
        vote.against = candidates
        work.set(.vote(key), vote)
        for candidate in candidates { try disqualifyIfOutvoted(candidate) }
        return Effect(subject: key, amount: account.locked)
    }

    private mutating func change(_ key: Hash32, _ body: (inout Candidate) -> Void) throws {
        var candidate = try existing(.candidate(key), "candidate")
        body(&candidate)
        work.set(.candidate(key), candidate)
    }

    /// Two thirds of all that is locked and deposited against it end a candidate.
    private mutating func disqualifyIfOutvoted(_ key: Hash32) throws {
        let candidate = try existing(.candidate(key), "candidate"), totals = try totals()
        guard candidate.standing != .ended, candidate.against > 0, candidate.against * 3 >= (totals.locked + totals.deposits) * 2
        else { return }
        try end(candidate: key, reporter: nil)
    }

    /// A candidate is none any more; its deposit goes to the reserve, half of it to who has brought evidence.
    private mutating func end(candidate key: Hash32, reporter: Hash32?) throws {
        var candidate = try existing(.candidate(key), "candidate"), totals = try totals()
        let deposit = candidate.deposit, found = reporter == nil ? 0 : deposit / 2
        if candidate.standing == .active { try delist(key) }
        (candidate.standing, candidate.deposit) = (.ended, 0)
        totals.deposits -= deposit
        totals.reserve += deposit - found
        work.set(.candidate(key), candidate)
        work.set(.totals, totals)
        if let reporter { try give(found, of: nil, to: reporter) }
        add(LedgerReceipt(.ended, key, amount: deposit))
    }

    /// Ends who has signed twice.
    mutating func convict(_ culprit: Hash32, reporter: Hash32) throws -> Effect {
        guard let candidate = try work.get(.candidate(culprit)) else { throw LedgerRefusal.unknown("candidate \(culprit)") }
        guard candidate.standing != .ended else { throw LedgerRefusal.notPossible("this candidate has been ended already") }
        try end(candidate: culprit, reporter: reporter)
        return Effect(subject: culprit)
    }

    /// The producer of two headers for one slot.
    func doubleProducer(_ first: [UInt8], _ second: [UInt8]) throws(LedgerRefusal) -> Hash32 {
        let one = try SignedHeader(first), other = try SignedHeader(second)
        guard one.header.producer == other.header.producer, one.header.slot == other.header.slot, one.header != other.header
        else { throw .notProven("the headers are not two of one producer for one slot") }
        guard one.isAuthentic(network: genesis.network), other.isAuthentic(network: genesis.network) else {
            throw .notProven("a header is not signed by the producer that it names")
        }
        return one.header.producer
    }

    /// The representative that voted for two headers at one height.
    func doubleVoter(_ voter: Hash32, _ first: [UInt8], _ second: [UInt8]) throws(LedgerRefusal) -> Hash32 {
        var votes: [CertificateVote] = []
        for bytes in [first, second] {
            guard let parts = try? SignedParts(bytes), let vote = try? CertificateVote(parts.payload) else {
                throw .malformed("it is not two certificate votes")
            }
            guard parts.isSigned(by: voter, as: .certificate, network: genesis.network) else {
                throw .notProven("a certificate vote is not signed by the voter that it names")
            }
            votes.append(vote)
        }
        guard votes[0].height == votes[1].height, votes[0] != votes[1] else {
            throw .notProven("the certificate votes are not two for one height")
        }
        return voter
    }
}
