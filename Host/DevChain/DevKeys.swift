// The keys of a development chain: all of them follow from a text, so that everybody who knows the text has them. Never for anything of worth.
import HostCrypto
import Ledger

/// Keys that follow from a text.
public struct DevKeys: Sendable {
    /// What they follow from.
    public let seed: String
    /// The representatives' keys, by public key.
    private let byKey: [Hash32: SigningKey]
    /// The representatives of the genesis.
    public let representatives: [SigningKey]

    /// The keys that follow from `seed`.
    public init(seed: String) {
        self.seed = seed
        let keys = (0..<Int(Rounds.seats)).map { Self.key(seed, "representative", $0) }
        representatives = keys
        byKey = Dictionary(uniqueKeysWithValues: keys.map { (Hash32($0.publicKey), $0) })
    }

    /// The account of that number.
    public func account(_ number: Int) -> SigningKey { Self.key(seed, "account", number) }

    /// The key of a representative; nil if it is none of these.
    func representative(_ key: Hash32) -> SigningKey? { byKey[key] }

    /// What a representative reveals after its block at `height`; after its registration at 0.
    func secret(of key: Hash32, since height: UInt64) -> Hash32 {
        .sha256(Array("lightnode dev reveal \(height) \(key) \(seed)".utf8))
    }

    /// What a representative of the genesis reveals in its first block.
    package func firstSecret(of key: Hash32) -> Hash32 { secret(of: key, since: 0) }

    private static func key(_ seed: String, _ kind: String, _ number: Int) -> SigningKey {
        let bytes = Hash32.sha256(Array("lightnode dev \(kind) \(number) \(seed)".utf8)).bytes
        guard let key = SigningKey(seed: SecretBytes(bytes)) else { preconditionFailure("a hash has as many bytes as a seed") }
        return key
    }

    /// The genesis of a development chain: so many accounts with the same balance.
    /// - Throws: `LedgerRefusal.malformed` when these are more tokens than can be counted.
    public func genesis(network: UInt64, time: UInt64, accounts: Int, balance: UInt64, rules: Genesis.Rules = .init()) throws
        -> Genesis
    {
        try Genesis(
            network: network, time: time, rules: rules, reserve: 1_000_000_000,
            balances: (0..<accounts).map { .init(Hash32(account($0).publicKey), balance) },
            seats: representatives.map {
                let key = Hash32($0.publicKey)
                return .init(key, commitment: Contribution.commitment(to: secret(of: key, since: 0)))
            })
    }
}
