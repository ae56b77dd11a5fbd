// All who can act on a node: what attestations list, and what consents and receipts name by its digest.
import HostCrypto

/// A controller that may take over when the owner has been silent.
public struct Backup: Hashable, Codable, Sendable {
    /// The key that may take over.
    public let key: PublicKey
    /// Seconds without a message of the owner, counted from the node's last start at the earliest; above 0.
    public let silence: UInt32

    /// A backup controller.
    public init(key: PublicKey, silence: UInt32) {
        (self.key, self.silence) = (key, silence)
    }
}

/// All who can act on a node, and what its owner has set.
public struct Authorities: Hashable, Codable, Sendable {
    /// The key that the node obeys; nil while it has no owner.
    public var owner: PublicKey?
    /// The key that may name a new owner, if there is one.
    public var recovery: PublicKey?
    /// The owner has forbidden the reset by button.
    public var forbidsReset: Bool
    /// By rank, at most three.
    public var backups: [Backup]

    /// No owner: what a release leaves behind.
    public static let none = Authorities(owner: nil)

    /// An owner, and no other key unless it is given.
    public init(owner: PublicKey?, recovery: PublicKey? = nil, forbidsReset: Bool = false, backups: [Backup] = []) {
        (self.owner, self.recovery, self.forbidsReset, self.backups) = (owner, recovery, forbidsReset, backups)
    }

    /// Nil unless `item` is a list of authorities (docs/protocol.cddl, `authority-list`).
    init?(_ item: CBORItem) {
        guard let parts = item.array, parts.count == 4, let flags = parts[2].uint.map({ NodeSettings(rawValue: $0) }),
            NodeSettings.resetForbidden.isSuperset(of: flags), let list = parts[3].array, list.count <= 3
        else { return nil }
        func key(_ item: CBORItem) -> PublicKey?? {
            item == .null ? .some(nil) : item.bytes.flatMap { PublicKey($0) }.map { .some($0) }
        }
        guard let owner = key(parts[0]), let recovery = key(parts[1]) else { return nil }
        var backups: [Backup] = []
        for pair in list {
            guard let pair = pair.array, pair.count == 2, let key = pair[0].bytes.flatMap({ PublicKey($0) }),
                let silence = pair[1].uint.flatMap({ UInt32(exactly: $0) })
            else { return nil }
            backups.append(Backup(key: key, silence: silence))
        }
        self.init(owner: owner, recovery: recovery, forbidsReset: flags.contains(.resetForbidden), backups: backups)
    }

    var item: CBORItem {
        func key(_ key: PublicKey?) -> CBORItem { key.map { .bytes($0.bytes) } ?? .null }
        let list = backups.map { CBORItem.array([.bytes($0.key.bytes), .uint(UInt64($0.silence))]) }
        return .array([key(owner), key(recovery), .uint(NodeSettings(forbidsReset: forbidsReset).rawValue), .array(list)])
    }

    /// What consents and receipts name them by: 32 bytes of SHA-512.
    public var digest: [UInt8] { Array(sha512(item.encoded).prefix(32)) }
}

extension NodeSettings {
    /// What the owner has set, with the reset by button forbidden or not.
    init(forbidsReset: Bool) { self = forbidsReset ? .resetForbidden : [] }
}

extension Authorities: CustomStringConvertible {
    /// A line for each.
    public var description: String {
        var lines = ["owner      \(owner?.description ?? "none")", "recovery   \(recovery?.description ?? "none")"]
        lines += backups.enumerated().map { "backup \($0 + 1)   \($1.key), after \($1.silence) s of silence" }
        if backups.isEmpty { lines.append("backups    none") }
        lines.append("reset      by button \(forbidsReset ? "forbidden" : "allowed")")
        return lines.joined(separator: "\n")
    }
}
