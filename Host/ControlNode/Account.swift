// What the node's signed log says of those who used it: who, when, what, and what came of it; and what is left of a grant (R11, R12).
import Foundation
import HostCrypto
import Keystore
import NodeProtocol

/// An entry of a node's log with its signer and its time.
public struct Deed: Hashable, Sendable {
    /// The entry, signed by the node.
    public let receipt: Receipt
    /// Who signed the message.
    public let actor: Actor
    /// When it was signed, by its signer's clock: the number that the node has taken it under. The owner's clock is the owner's; a guest's is
    /// believed no further than `isDoubtful` says.
    public let signed: Date?
    /// When the owner's last message before it was signed: the node took it after that.
    public let after: Date?
    /// When the owner's next message behind it was signed: the node took it before that.
    public let before: Date?

    /// Who signed a message.
    public enum Actor: Hashable, Sendable {
        case owner, label, recovery
        /// From 1.
        case backup(Int)
        /// The holder of a grant; the one that was given here, if it was.
        case guest(grant: [UInt8]?, given: GivenGrant?)
    }

    /// A guest's clock says that this was before what is before it in the log, or after what is behind it.
    public var isDoubtful: Bool {
        guard let signed else { return true }
        // Clocks of two computers are seldom further apart than that, and neither is to be blamed for it.
        let slack: TimeInterval = 60
        return after.map { signed < $0 - slack } ?? false || before.map { signed > $0 + slack } ?? false
    }
}

extension Deed.Actor: CustomStringConvertible {
    public var description: String {
        switch self {
        case .owner: "owner"
        case .label: "label"
        case .recovery: "recovery key"
        case .backup(let rank): "backup \(rank)"
        case .guest(_, let given?): given.name.map { "guest “\($0)”" } ?? "guest \(given.holder.description.prefix(8))…"
        case .guest(let grant?, nil): "guest of grant \(grant.hex), which was passed on"
        case .guest(nil, nil): "guest"
        }
    }
}

extension Deed: CustomStringConvertible {
    public var description: String {
        let format = Date.ISO8601FormatStyle(timeZone: .current).year().month().day().dateTimeSeparator(.space).time(
            includingFractionalSeconds: false)
        var parts = ["#\(receipt.index)", signed?.formatted(format) ?? "at an unknown time", "\(actor)"]
        if isDoubtful, after != nil || before != nil {
            let limits = [after.map { "after \($0.formatted(format))" }, before.map { "before \($0.formatted(format))" }]
            parts[1] += " by its own clock (really \(limits.compactMap { $0 }.joined(separator: ", ")))"
        }
        parts.append(
            receipt.subject.count == 2
                ? "$('\(receipt.subject[0])').\(receipt.subject[1])(\(receipt.argument.map { "\($0)" } ?? ""))"
                : receipt.subject.joined(separator: "."))
        parts.append("\(receipt.outcome)" + (receipt.value.map { " = \($0)" } ?? ""))
        return parts.joined(separator: "  ")
    }
}

extension Deed: Encodable {
    private enum CodingKeys: String, CodingKey { case who, holder, name, signedAt, after, before, isDoubtful }

    /// The receipt's own fields, and these.
    public func encode(to encoder: any Encoder) throws {
        try receipt.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        let who =
            switch actor {
            case .owner: "owner"
            case .label: "label"
            case .recovery: "recovery"
            case .backup: "backup"
            case .guest: "guest"
            }
        try container.encode(who, forKey: .who)
        if case .guest(_, let given?) = actor {
            try container.encode(given.holder, forKey: .holder)
            try container.encodeIfPresent(given.name, forKey: .name)
        }
        try container.encodeIfPresent(signed, forKey: .signedAt)
        try container.encodeIfPresent(after, forKey: .after)
        try container.encodeIfPresent(before, forKey: .before)
        try container.encode(isDoubtful, forKey: .isDoubtful)
    }
}

extension [Receipt] {
    /// Each with its signer and its time.
    /// - Parameter given: the grants that were given here.
    public func deeds(_ given: [GivenGrant]) -> [Deed] {
        var after: Date?
        let owners = map { $0.signer == .owner ? $0.signed : nil }
        var before: [Date?] = []
        for time in owners.reversed() { before.append(time ?? before.last ?? nil) }
        before.reverse()
        return enumerated().map { position, receipt in
            let next = position + 1 < before.count ? before[position + 1] : nil
            defer { if let time = owners[position] { after = time } }
            return Deed(receipt: receipt, actor: receipt.actor(given), signed: receipt.signed, after: after, before: next)
        }
    }
}

extension Receipt {
    /// Sequence numbers are microseconds since 1970; nil for one that can be no time.
    var signed: Date? {
        let seconds = Double(sequence / 1_000_000)
        return 1_500_000_000..<32_503_680_000 ~= seconds ? Date(timeIntervalSince1970: seconds) : nil
    }

    func actor(_ given: [GivenGrant]) -> Deed.Actor {
        switch signer {
        case .owner?: .owner
        case .claim?: .label
        case .recovery?: .recovery
        case .backup(let rank)?: .backup(rank + 1)
        case .grant?, nil: .guest(grant: grant, given: given.first { $0.id == grant?.hex && $0.node == node })
        }
    }
}

/// What the node's signed log says of a grant.
public struct GrantAccount: Hashable, Encodable, Sendable {
    /// Calls that count as uses: they had an effect, or may have had one.
    public let used: Int
    /// Calls that the node refused, which count as none.
    public let refused: Int
    /// Uses under grants that were passed on from one of this ownership: some or all of them count for this one too.
    public let passedOn: Int
    /// Uses that are left: at least, and at most; nil where it names none.
    public let least: Int?
    /// See `least`.
    public let most: Int?
    /// The node has told its holder that it has ended.
    public let isOver: Bool
    /// Entries of the log are not known here: the count may be higher.
    public let isIncomplete: Bool
    /// The account is as of this number of entries.
    public let entries: UInt32

    /// - Parameters:
    ///   - grants: all that were given here.
    ///   - entries: all that is known of the node's log.
    public init(of grant: GivenGrant, among grants: [GivenGrant], _ entries: [NodeLog.Entry]) {
        let own = Set(grants.filter { $0.node == grant.node }.map(\.id))
        let receipts = entries.receipts.filter { $0.epoch == grant.epoch && $0.subject != [MessageType.grant.rawValue] }
        let mine = receipts.filter { $0.grant?.hex == grant.id }
        used = mine.count { $0.outcome.countsAsUse }
        refused = mine.count - used
        let terms = grant.grant?.terms
        let foreign = receipts.count { receipt in
            receipt.outcome.countsAsUse && receipt.grant.map { !own.contains($0.hex) } ?? false
        }
        passedOn = terms?.hops ?? 0 > 0 ? foreign : 0
        let passing = grants.count { $0.node == grant.node && $0.epoch == grant.epoch && $0.grant?.terms.hops ?? 0 > 0 }
        let (used, passedOn) = (used, passedOn)
        most = terms?.uses.map { max(0, Int($0) - used - (passing == 1 ? passedOn : 0)) }
        least = terms?.uses.map { max(0, Int($0) - used - passedOn) }
        isOver = mine.contains { $0.outcome == .grantUsedUp || $0.outcome == .grantRevoked }
        isIncomplete = !entries.gaps.isEmpty || entries.missing != nil
        self.entries = entries.receipts.last.map { $0.index + 1 } ?? 0
    }
}

extension GrantAccount: CustomStringConvertible {
    public var description: String {
        func times(_ count: Int) -> String { count == 1 ? "once" : "\(count) times" }
        var parts = [used == 0 ? "not used" : "used \(times(used))"]
        if refused > 0 { parts.append("refused \(times(refused))") }
        if let least, let most { parts.append(least == most ? "\(most) left" : "\(least) to \(most) left") }
        if passedOn > 0 { parts.append("\(passedOn) \(passedOn == 1 ? "use" : "uses") by those whom it was passed on to") }
        if isOver { parts.append("its holder knows that it is over") }
        return parts.joined(separator: ", ") + (isIncomplete ? ", by what is known of the log" : "")
            + " (signed, as of entry \(entries))"
    }
}

extension Outcome {
    /// False when nothing can have happened: the node then counts no use.
    var countsAsUse: Bool { self == .done || self == .unknown || self == .deviceFault }
}
