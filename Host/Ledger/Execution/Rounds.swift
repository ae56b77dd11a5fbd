// Rounds: who has which slot, and who is elected. Everything here follows from its arguments.

/// Numbers of the consensus, and the rules that are pure arithmetic.
public enum Rounds {
    /// Slots of a round.
    public static let slots: UInt64 = 105
    /// Representatives of a round.
    public static let seats: UInt64 = 105
    /// Signatures that make a header final: more than two thirds, safe for 36 faulty ones.
    public static let threshold: UInt64 = 71
    /// Signers of a later header that a client must know from before: more than the 34 that may be faulty.
    public static let knownSigners = 36
    /// Seconds of a slot.
    public static let slotSeconds: UInt64 = 9
    /// Slots of a ban: 24 hours.
    public static let ban: UInt64 = 9600
    /// Bans at once: the others keep two thirds of the seats.
    public static let mostBanned = 34
    /// Seats that the mild rule changes at most.
    static let mostChanged = 35
    /// Candidates above which the rotating rule does not elect anyone twice in a row.
    static let rotationAbove = 318
    /// Further than anyone gets, and far below what could overflow.
    public static let lastSlot: UInt64 = 1 << 40

    /// Who has slots in a round, in order: slot n of the round belongs to place n, and from the front again when some have none.
    static func order(_ representatives: Representatives, seed: Hash32, excluded: [UInt8]) -> [Hash32] {
        let seats = representatives.keys.indices.filter { excluded[$0 / 8] & 0x80 >> UInt8($0 % 8) == 0 }
        // If nobody is left all are back: a chain that stands helps no one.
        let keys = seats.isEmpty ? representatives.keys : seats.map { representatives.keys[$0] }
        return keys.map { (mark: mark(seed, $0), key: $0) }.sorted { ($0.mark, $0.key) < ($1.mark, $1.key) }.map(\.key)
    }

    /// What orders are sorted by: SHA-256(seed ‖ key).
    private static func mark(_ seed: Hash32, _ key: Hash32) -> Hash32 {
        .sha256 { hash in
            hash.update(seed)
            hash.update(key)
        }
    }

    /// One more reveal: SHA-256(mix ‖ reveal).
    static func mix(_ mix: Hash32, _ reveal: Hash32) -> Hash32 { mark(mix, reveal) }

    /// The seed that follows a seed: SHA-256(seed ‖ mix). The mix is that of the round before the one that the former seed orders.
    static func seed(after seed: Hash32, mix: Hash32) -> Hash32 { mark(seed, mix) }

    /// Someone who can be elected.
    struct Standing: Hashable {
        let key: Hash32
        let votes: UInt64
    }

    /// Those who are elected for the round behind the one of `former`.
    /// - Parameter standings: all who can be elected.
    static func elect(from standings: [Standing], former: Representatives, rule: ElectionRule) -> Representatives {
        let ranked = standings.sorted { ($1.votes, $0.key) < ($0.votes, $1.key) }.map(\.key)
        switch rule {
        case .rotating where ranked.count > rotationAbove:
            return Representatives(Array(ranked.lazy.filter { former.seat(of: $0) == nil }.prefix(Int(seats)))) ?? former
        case .rotating: return Representatives(Array(ranked.prefix(Int(seats)))) ?? former
        case .mild: return elect(ranked, former: former)
        }
    }

    /// The best 35 of those who are new among the first 105 take the seats of the lowest of those who are not among them.
    private static func elect(_ ranked: [Hash32], former: Representatives) -> Representatives {
        guard ranked.count >= Int(seats) else { return former }
        let first = ranked.prefix(Int(seats))
        let newcomers = first.filter { former.seat(of: $0) == nil }.prefix(mostChanged)
        let stays = Set(first), places = Dictionary(uniqueKeysWithValues: ranked.enumerated().map { ($1, $0) })
        // Those who cannot be elected at all leave first, then the lowest rank.
        let leavers = former.keys.filter { !stays.contains($0) }.sorted {
            let (left, right) = (places[$0] ?? .max, places[$1] ?? .max)
            return left == right ? $0 < $1 : left > right
        }.prefix(newcomers.count)
        let gone = Set(leavers)
        return Representatives(former.keys.filter { !gone.contains($0) } + newcomers) ?? former
    }
}
