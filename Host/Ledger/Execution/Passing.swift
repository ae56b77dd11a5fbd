// Time passes: rounds begin, slots are missed, deadlines go by. Each empty slot costs the same, however large the state is.

extension Execution {
    /// Everything that happens between the block before and this one, up to the reveal of its producer.
    mutating func pass(from last: UInt64) throws {
        var candidates: ElectionCache?
        for passing in last + 1...slot {
            if passing / Rounds.slots != order.round { try beginRound(at: passing, &candidates) }
            try returnEscrow(dueBehind: passing - 1)
            if passing < slot { try miss(passing) }
            work.accept()
        }
    }

    /// Candidates as they stand: nothing but a transaction changes them, so rounds without blocks share them.
    private struct ElectionCache {
        let standings: [Rounds.Standing]
    }

    private mutating func beginRound(at slot: UInt64, _ cache: inout ElectionCache?) throws {
        var round = try existing(.round, "round")
        let standings: [Rounds.Standing]
        if let cached = cache {
            standings = cached.standings
        } else {
            standings = try existing(.candidates, "candidates").keys.map { key in
                Rounds.Standing(key: key, votes: try existing(.candidate(key), "candidate \(key)").votes)
            }
            cache = ElectionCache(standings: standings)
        }
        present = next
        next = Rounds.elect(from: standings, former: present, rule: genesis.rules.election)
        round.number += 1
        (round.seed, round.nextSeed) = (round.nextSeed, Rounds.seed(after: round.nextSeed, mix: round.mix))
        round.mix = .zero
        round.excluded = try excluded(at: slot)
        work.set(.round, round)
        work.set(.present, present)
        work.set(.next, next)
        order = RoundOrder(
            round: round.number, keys: Rounds.order(present, seed: round.seed, excluded: round.excluded))
    }

    /// Seats whose holders are banned or ended.
    private func excluded(at slot: UInt64) throws -> [UInt8] {
        var excluded = [UInt8](repeating: 0, count: Round.excludedSize)
        let banned = Set((try work.get(.bans) ?? Bans()).bans.filter { $0.until > slot }.map(\.key))
        for (seat, key) in present.keys.enumerated() {
            if try banned.contains(key) || work.get(.candidate(key))?.standing == .ended {
                excluded[seat / 8] |= 0x80 >> UInt8(seat % 8)
            }
        }
        return excluded
    }

    /// An empty slot: who had it loses those of a day, unless so many have lost theirs that finality would be at stake.
    private mutating func miss(_ missed: UInt64) throws {
        let producer = order.producer(of: missed)
        var candidate = try existing(.candidate(producer), "representative")
        candidate.missed += 1
        work.set(.candidate(producer), candidate)
        var list = try work.get(.bans) ?? Bans()
        list.bans.removeAll { $0.until <= missed }
        guard list.bans.count < Rounds.mostBanned, !list.bans.contains(where: { $0.key == producer }) else { return }
        let until = missed + Rounds.ban
        list.bans.append(.init(key: producer, until: until))
        work.set(.bans, list)
        add(LedgerReceipt(.banned, producer, amount: until))
    }

    /// The producer proves its right to the slot, and adds to the seed of a later round.
    mutating func take(_ contribution: Contribution, of producer: Hash32) throws {
        var candidate = try existing(.candidate(producer), "representative")
        guard Contribution.commitment(to: contribution.reveal) == candidate.commitment else {
            throw LedgerRefusal.wrongBlock("its producer reveals something else than it has committed to")
        }
        candidate.commitment = contribution.commitment
        work.set(.candidate(producer), candidate)
        var round = try existing(.round, "round")
        round.mix = Rounds.mix(round.mix, contribution.reveal)
        work.set(.round, round)
        work.accept()
    }
}
