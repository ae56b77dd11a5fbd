// A chain in a test: 105 representatives and some people, whose keys follow from a number, so that a failing test repeats.
import HostCrypto
import Ledger
import SplitMix
import Testing

/// Numbers that follow from a seed.
struct Dice: RandomNumberGenerator {
    private var numbers: SplitMix
    init(_ seed: UInt64) { numbers = SplitMix(state: seed) }

    mutating func next() -> UInt64 { numbers.next() }
    mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }
    mutating func pick<Element>(_ all: [Element]) -> Element { all[Int(below(UInt64(all.count)))] }
}

extension Hash32 {
    init(_ key: SigningKey) { self.init(key.publicKey) }
}

/// Everybody's keys.
enum Cast {
    static func key(_ kind: UInt8, _ number: Int) -> SigningKey {
        SigningKey(seed: SecretBytes([kind, UInt8(number >> 8), UInt8(number & 255)] + [UInt8](repeating: 7, count: 29)))!
    }
    static let network: UInt64 = 7
    static let representatives = (0..<105).map { key(1, $0) }
    static let people = (0..<40).map { key(2, $0) }
    static let byKey = Dictionary(uniqueKeysWithValues: (representatives + people).map { (Hash32($0), $0) })
    static let alice = people[0], bob = people[1], carol = people[2], mallory = people[3]

    static func secret(_ key: Hash32, _ number: UInt64) -> Hash32 {
        .sha256(key.bytes + (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
    }

    static func genesis(_ rules: Genesis.Rules = .init(), balance: UInt64 = 1_000_000) throws -> Genesis {
        try Genesis(
            network: network, time: 1_800_000_000, rules: rules, reserve: 1_000_000,
            balances: people.map { .init(Hash32($0), balance) },
            seats: representatives.map {
                .init(Hash32($0), commitment: Contribution.commitment(to: secret(Hash32($0), 0)))
            })
    }
}

/// One chain and its producers: blocks, certificates, and who has revealed what.
struct Town {
    var ledger: Ledger
    var blocks: [Block] = []
    /// How often each producer has revealed something.
    private var reveals: [Hash32: UInt64] = [:]

    init(_ rules: Genesis.Rules = .init(), balance: UInt64 = 1_000_000) throws {
        ledger = try Ledger(genesis: try Cast.genesis(rules, balance: balance))
    }

    func contribution(_ producer: Hash32) -> Contribution {
        let number = reveals[producer] ?? 0
        return Contribution(
            reveal: Cast.secret(producer, number), commitment: Contribution.commitment(to: Cast.secret(producer, number + 1)))
    }

    /// A block of `slot`, the next one unless another is given, with what was ordered.
    @discardableResult
    mutating func seal(_ transactions: [[UInt8]] = [], at slot: UInt64? = nil) throws -> Draft {
        let draft = try ledger.draft(
            slot: slot ?? ledger.slot + 1, contribution: { contribution($0) }, transactions: transactions)
        reveals[draft.header.producer, default: 0] += 1
        blocks.append(draft.signed(key: try #require(Cast.byKey[draft.header.producer])))
        ledger = draft.after
        return draft
    }

    /// A transaction of `sender` with its next number.
    func sign(
        _ action: Action, by sender: SigningKey, ahead: UInt64 = 0, fee: UInt64 = 1, until: UInt64 = 1 << 39,
        network: UInt64 = Cast.network
    ) throws -> SignedTransaction {
        let nonce = try ledger.get(.account(Hash32(sender)))?.nonce ?? 0
        return Transaction(sender: Hash32(sender), nonce: nonce + ahead, until: until, fee: fee, action: action)
            .signed(network: network, key: sender)
    }

    /// Carries one action out in a block of its own; the reason if it is refused.
    @discardableResult
    mutating func act(_ action: Action, by sender: SigningKey, at slot: UInt64? = nil) throws -> (
        id: Hash32, refusal: LedgerRefusal?
    ) {
        let signed = try sign(action, by: sender)
        let draft = try seal([signed.bytes], at: slot)
        #expect(draft.included.count + draft.refused.count == 1)
        return (signed.id, draft.refused.first?.reason)
    }

    /// Carries one action out that must be taken.
    @discardableResult
    mutating func must(_ action: Action, by sender: SigningKey, at slot: UInt64? = nil) throws -> Hash32 {
        let (id, refusal) = try act(action, by: sender, at: slot)
        #expect(refusal == nil)
        return id
    }

    func account(_ key: SigningKey) throws -> Account { try #require(try ledger.get(.account(Hash32(key)))) }
    func balance(_ key: SigningKey) throws -> UInt64 { try account(key).balance }

    /// The certificate of a header by the first `count` seats.
    func certificate(_ header: Header, by representatives: Representatives, count: Int = 71) throws -> Certificate {
        let vote = CertificateVote(for: header)
        return Certificate(
            vote,
            signatures: try representatives.keys.prefix(count).enumerated().map {
                ($0, vote.signature(network: Cast.network, key: try #require(Cast.byKey[$1])))
            })
    }
}
