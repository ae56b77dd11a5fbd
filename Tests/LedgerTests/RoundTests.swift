import HostCrypto
import Testing

@testable import Ledger

@Suite("Rounds")
struct RoundTests {
    @Test("In a round of 105 slots every representative has one, in an order that is fixed before the round before begins")
    func order() throws {
        var town = try Town()
        var producers: [Hash32] = []
        while town.ledger.slot < 104 { producers.append(try town.seal().header.producer) }
        #expect(Set(producers).count == 104)
        let second = try (105..<210).map { try town.ledger.producer(of: $0) }
        #expect(Set(second).count == 105)
        #expect(second != producers)
        // What round 0's producers reveal orders round 2; round 1's order stood before.
        var other = try Town()
        try other.seal(at: 104)
        try town.seal(at: 105)
        try other.seal(at: 105)
        let (one, two) = (try #require(try town.ledger.get(.round)), try #require(try other.ledger.get(.round)))
        #expect((one.number, two.number) == (1, 1))
        #expect(one.seed == two.seed)
        #expect(one.nextSeed != two.nextSeed)
    }

    @Test("A reveal that is not what the producer committed to makes no block, so nobody grinds the order")
    func reveals() throws {
        let town = try Town()
        #expect(throws: LedgerRefusal.wrongBlock("its producer reveals something else than it has committed to")) {
            try town.ledger.draft(
                slot: 1, contribution: { _ in Contribution(reveal: .sha256([1]), commitment: .zero) }, transactions: [])
        }
    }

    @Test(
        "A missed slot stays empty: the next producer comes in its own slot, who missed loses those of a day and keeps its weight"
    )
    func missed() throws {
        var town = try Town()
        try town.seal()
        let late = try town.ledger.producer(of: 2), next = try town.ledger.producer(of: 3)
        let draft = try town.seal(at: 3)
        #expect(draft.header.producer == next)
        #expect((draft.header.height, draft.header.slot) == (2, 3))
        #expect(draft.receipts.map(\.event) == [.banned])
        #expect(try town.ledger.get(.candidate(late))?.missed == 1)
        let until = 2 + Rounds.ban
        #expect(try town.ledger.get(.bans)?.bans == [.init(key: late, until: until)])
        for slot in UInt64(105)..<210 { #expect(try town.ledger.producer(of: slot) != late) }
        #expect(town.ledger.present.seat(of: late) != nil)
    }

    @Test("However many miss their slots, 34 are banned at most, and 71 can still certify")
    func bans() throws {
        var town = try Town()
        try town.seal(at: 9_000)
        #expect(try town.ledger.get(.bans)?.bans.count == Rounds.mostBanned)
        let producers = Set(try (9_030..<9_135).map { try town.ledger.producer(of: $0) })
        #expect(producers.count == 71)
        // The bans end; those who still miss get theirs.
        try town.seal(at: 20_000)
        #expect(try town.ledger.get(.bans)?.bans.count == Rounds.mostBanned)
    }

    @Test("Each locked token counts once, votes elect for the round after the next one, and 35 seats change at most")
    func election() throws {
        var town = try Town()
        // Forty people become candidates, and each votes for itself.
        let draft = try town.seal(
            Cast.people.map {
                try town.sign(
                    .register(deposit: 10_000, commitment: Contribution.commitment(to: Cast.secret(Hash32($0), 0))), by: $0
                ).bytes
            })
        #expect(draft.refused.isEmpty)
        let votes = try town.seal(
            Cast.people.enumerated().map { place, key in
                try town.sign(.vote([.init(Hash32(key), 1000 + UInt64(place))]), by: key).bytes
            })
        #expect(votes.refused.isEmpty)
        #expect(try town.ledger.get(.totals)?.locked == (0..<40).reduce(0) { $0 + 1000 + $1 })
        let twice = [Cast.alice, Cast.bob].map { Action.Choice(Hash32($0), 985_000) }.sorted { $0.candidate < $1.candidate }
        #expect(try town.act(.vote(twice), by: Cast.alice).refusal == .insufficientFunds(needed: 985_000, there: 989_997))
        try town.seal(at: 105)
        let known = Set(Cast.representatives.map { Hash32($0) })
        #expect(Set(town.ledger.present.keys) == known)
        let elected = Set(town.ledger.next.keys)
        #expect(elected.subtracting(known) == Set(Cast.people.suffix(35).map { Hash32($0) }))
        try town.seal(at: 210)
        #expect(Set(town.ledger.present.keys) == elected)
        #expect(Set(town.ledger.next.keys).subtracting(known) == Set(Cast.people.map { Hash32($0) }))
        // Locked tokens cannot be spent; released ones can.
        let balance = try town.balance(Cast.alice)
        #expect(try town.act(.transfer(to: .zero, amount: balance + 1, token: nil), by: Cast.alice).refusal != nil)
        try town.must(.vote([]), by: Cast.alice)
        #expect(try town.account(Cast.alice).locked == 0)
        #expect(try town.ledger.get(.candidate(Hash32(Cast.alice)))?.votes == 0)
    }

    @Test("Above 318 candidates the rotating rule elects nobody twice in a row; without a quorum the present ones stay")
    func rules() {
        let keys = (0..<400).map { Hash32.sha256([UInt8($0 & 255), UInt8($0 >> 8)]) }
        func standings(_ count: Int) -> [Rounds.Standing] {
            keys.prefix(count).enumerated().map { .init(key: $1, votes: UInt64(1000 - $0)) }
        }
        let first = Representatives(Array(keys.prefix(105)))!
        let rotated = Rounds.elect(from: standings(319), former: first, rule: .rotating)
        #expect(rotated.keys == Array(keys[105..<210]).sorted())
        #expect(Rounds.elect(from: standings(319), former: rotated, rule: .rotating) == first)
        #expect(Rounds.elect(from: standings(318), former: rotated, rule: .rotating) == first)
        for rule in ElectionRule.allCases { #expect(Rounds.elect(from: standings(104), former: rotated, rule: rule) == rotated) }
        // The mild rule comes to the same in three rounds.
        var mild = rotated
        for count in [35, 70, 105] {
            mild = Rounds.elect(from: standings(319), former: mild, rule: .mild)
            #expect(mild.keys.count { first.seat(of: $0) != nil } == count)
        }
        // Those who can no longer be elected leave first.
        let without = Rounds.elect(from: Array(standings(319).dropFirst(10)), former: first, rule: .mild)
        #expect(Set(first.keys).subtracting(without.keys) == Set(keys.prefix(10)))
    }

    private func header(_ producer: SigningKey, slot: UInt64, _ mark: UInt8) -> Header {
        Header(
            height: 1, slot: slot, previous: .zero, transactions: .sha256([mark]), receipts: .zero, state: .zero, history: .zero,
            present: .zero, next: .zero, producer: Hash32(producer))
    }

    @Test(
        "Two headers for one slot, or two votes for one height, end a representative: half its deposit to who shows them; nothing else does"
    )
    func evidence() throws {
        var town = try Town()
        let culprit = Cast.representatives[3], other = Cast.representatives[4]
        func signed(_ header: Header, _ key: SigningKey) -> [UInt8] {
            SignedHeader(header, network: Cast.network, key: key).bytes
        }
        let one = signed(header(culprit, slot: 9, 1), culprit), two = signed(header(culprit, slot: 9, 2), culprit)
        var forged = two
        forged[forged.count - 1] ^= 1
        let vote = CertificateVote(for: header(culprit, slot: 9, 1)),
            contrary = CertificateVote(for: header(culprit, slot: 10, 2))
        let ballots = [vote, contrary].map { $0.signed(network: Cast.network, key: other) }
        let bad: [Action] = [
            .evidence(first: one, second: one, voter: nil), .evidence(first: one, second: forged, voter: nil),
            .evidence(first: one, second: signed(header(culprit, slot: 10, 2), culprit), voter: nil),
            .evidence(first: one, second: signed(header(other, slot: 9, 2), other), voter: nil),
            .evidence(first: one, second: two, voter: Hash32(culprit)),
            .evidence(first: ballots[0], second: ballots[1], voter: nil),
            .evidence(first: ballots[0], second: ballots[0], voter: Hash32(other)),
            .evidence(first: ballots[0], second: ballots[1], voter: Hash32(culprit)),
        ]
        for action in bad { #expect(try town.act(action, by: Cast.alice).refusal != nil) }
        let before = try town.balance(Cast.alice), reserve = try #require(try town.ledger.get(.totals)).reserve
        try town.must(.evidence(first: one, second: two, voter: nil), by: Cast.alice)
        #expect(try town.balance(Cast.alice) == before - 1 + 5000)
        #expect(try town.ledger.get(.totals)?.reserve == reserve + 5000)
        #expect(try town.ledger.get(.candidate(Hash32(culprit)))?.standing == .ended)
        #expect(
            try town.act(.evidence(first: one, second: two, voter: nil), by: Cast.alice).refusal
                == .notPossible("this candidate has been ended already"))
        try town.must(.evidence(first: ballots[0], second: ballots[1], voter: Hash32(other)), by: Cast.alice)
        #expect(try town.ledger.get(.candidate(Hash32(other)))?.standing == .ended)
        // From the next round on they have no slots.
        try town.seal(at: 105)
        let producers = Set(try (106..<210).map { try town.ledger.producer(of: $0) })
        #expect(producers.isDisjoint(with: [Hash32(culprit), Hash32(other)]))
    }

    @Test("Two thirds of what is locked and deposited disqualify a candidate; tokens that move away no longer count against it")
    func disqualification() throws {
        var town = try Town(balance: 2_000_000)
        let culprit = Hash32(Cast.representatives[0]), friend = Hash32(Cast.representatives[1])
        try town.must(.vote([.init(friend, 1_900_000)]), by: Cast.alice)
        try town.must(.object(to: [culprit]), by: Cast.alice)
        #expect(try town.ledger.get(.candidate(culprit))?.against == 1_900_000)
        // 1.9 of 2.95 million are less than two thirds.
        #expect(try town.ledger.get(.candidate(culprit))?.standing == .active)
        try town.must(.vote([]), by: Cast.alice)
        #expect(try town.ledger.get(.candidate(culprit))?.against == 0)
        try town.must(.vote([.init(friend, 1_900_000)]), by: Cast.alice)
        try town.must(.vote([.init(friend, 500_000)]), by: Cast.bob)
        try town.must(.object(to: [culprit]), by: Cast.bob)
        #expect(try town.ledger.get(.candidate(culprit))?.standing == .ended)
        #expect(try town.act(.vote([.init(culprit, 5)]), by: Cast.carol).refusal == .unknown("candidate \(culprit)"))
    }

    @Test("A deposit comes back once its candidate has been out of office for long enough, and once only")
    func resignation() throws {
        var rules = Genesis.Rules()
        rules.withdrawal = 500
        var town = try Town(rules)
        try town.must(.register(deposit: 20_000, commitment: .zero), by: Cast.alice)
        #expect(
            try town.act(.register(deposit: 20_000, commitment: .zero), by: Cast.alice).refusal
                == .notPossible("it is a candidate, or still leaving"))
        #expect(try town.act(.register(deposit: 9_999, commitment: .zero), by: Cast.bob).refusal != nil)
        try town.must(.resign, by: Cast.alice)
        let free = town.ledger.slot + 500
        #expect(try town.act(.resign, by: Cast.alice).refusal == .notPossible("its deposit is free from slot \(free) on"))
        try town.must(.resign, by: Cast.alice, at: free)
        #expect(try town.account(Cast.alice).balance == 1_000_000 - 3)
        #expect(try town.act(.resign, by: Cast.alice).refusal == .notPossible("it is no candidate"))
        try town.must(.register(deposit: 10_000, commitment: .zero), by: Cast.alice)
        #expect(try town.ledger.get(.totals)?.deposits == 106 * 10_000)
    }
}
