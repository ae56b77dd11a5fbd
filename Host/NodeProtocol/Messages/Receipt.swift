// What a node signs about a message that it took: the receipt, and the log that receipts are links of.
import Foundation
import HostCrypto
import Reporting

extension Outcome {
    /// What it means and what to do, in one sentence.
    public var explanation: String { meaning ?? "This program is older than the node's firmware" }
}

extension Outcome: CustomStringConvertible, Encodable {
    public var description: String { name ?? "outcome-\(rawValue)" }

    // Not as its number, as a raw value is by itself.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The argument that a method refused, and what it takes.
public struct ExpectedArgument: Hashable, Codable, Sendable {
    /// From 0, below 256.
    public let position: Int
    /// The least value that the method takes there.
    public let least: Int64
    /// The greatest value that the method takes there.
    public let most: Int64

    init?(_ items: [CBORItem]) {
        guard items.count == 3, case .int(let position)? = items[0].value, case .int(let least)? = items[1].value,
            case .int(let most)? = items[2].value, let position = Int(exactly: position), 0..<256 ~= position
        else { return nil }
        (self.position, self.least, self.most) = (position, least, most)
    }
}

extension ExpectedArgument: CustomStringConvertible {
    public var description: String { "argument \(position + 1) must be between \(least) and \(most)" }
}

/// A receipt whose signature was verified: there is no other way to make one.
public struct Receipt: Hashable, Sendable {
    /// The node that signed.
    public let node: NodeAddress
    /// The ownership in which the message was taken.
    public let epoch: UInt32
    /// The sequence number of the message that it answers.
    public let sequence: UInt64
    /// `[device, method]` of a call, or `[type]` of another message.
    public let subject: [String]
    /// Its number in the node's log.
    public let index: UInt32
    /// The chain before this entry: 32 bytes.
    public let previous: [UInt8]
    /// SHA-512 of the message, cut to 32 bytes; in a receipt that was exported from the log cut to 8; where a slot was taken for a grant
    /// (subject `grant`) the grant's id.
    public let message: [UInt8]
    /// What became of the message.
    public let outcome: Outcome
    /// What a method gave back; nil when it gives nothing back, or was not carried out.
    public let value: Value?
    /// The argument that was refused and its range, in a fresh receipt.
    public let expected: ExpectedArgument?
    /// `Grant.id` of the grant that it was done under; nil for the owner's own, and when the log no longer knows.
    public let grant: [UInt8]?
    /// Where the entries begin that the node's log has lost just before this one, in a receipt that was exported from there: it no longer has
    /// any from this number up to `index`. nil when it has the one before.
    public let lostFrom: UInt32?
    /// The digest of all who can act on the node after a change of them (`Authorities.digest`), in a fresh receipt.
    public let authorities: [UInt8]?
    /// What the chain hashes: 30 bytes.
    public let entry: [UInt8]
    /// The whole COSE_Sign1: the evidence to keep.
    public let bytes: [UInt8]

    /// The chain after this entry: what the next receipt has as `previous`.
    public var chain: [UInt8] { Array(sha512(previous + entry).prefix(32)) }

    /// Verifies `bytes` as a receipt by the node with the key `identity`.
    /// - Throws: `Failure`, of kind `notAuthentic` when the signature is not that key's, of kind `malformedAnswer` when a claim
    ///   is missing or contradicts the log entry.
    public init(verifying bytes: [UInt8], identity: PublicKey, network: UInt64) throws {
        let statement = try NodeStatement(bytes, type: .receipt, name: "the receipt from", identity: identity, network: network)
        let node = statement.node, details = try statement.details()
        func malformed(_ what: String) -> Failure { statement.malformed(what) }
        guard let epoch = details[NodeClaim.epoch]?.uint.flatMap(UInt32.init(exactly:)),
            let sequence = details[NodeClaim.seq]?.uint, let subject = details[NodeClaim.call]?.array?.map(\.text),
            !subject.contains(nil), let index = details[NodeClaim.index]?.uint.flatMap({ LogNumber.checked($0) }),
            let previous = details[NodeClaim.previous]?.bytes, previous.count == 32,
            let message = details[NodeClaim.message]?.bytes, message.count == 32 || message.count == LogField.hash.count,
            let outcome = details[NodeClaim.outcome]?.uint.flatMap(UInt8.init(exactly:)),
            let entry = details[NodeClaim.entry]?.bytes, entry.count == LogField.size
        else { throw malformed("a claim missing or of a wrong type") }
        self.node = node
        self.epoch = epoch
        self.sequence = sequence
        self.subject = subject.compactMap { $0 }
        self.index = index
        self.previous = previous
        self.message = message
        self.outcome = Outcome(rawValue: outcome)
        self.entry = entry
        self.bytes = bytes
        if let item = details[NodeClaim.value] {
            guard let argument = item.value else { throw malformed("a value of a type unknown here") }
            value = argument
        } else {
            value = nil
        }
        grant = details[NodeClaim.grantID]?.bytes
        lostFrom = details[NodeClaim.lostFrom]?.uint.flatMap { LogNumber.checked($0) }
        guard details[NodeClaim.lostFrom] == nil || lostFrom.map({ $0 < index }) == true else {
            throw malformed("a number of lost entries that cannot be")
        }
        expected = details[NodeClaim.expected]?.array.flatMap { ExpectedArgument($0) }
        let isExported = message.count < 32
        let kept = Self.kept(entry)
        guard kept.value == value else { throw malformed("a value that contradicts its log entry") }
        // The chain protects the entry; the claims must say the same.
        guard Self.little(entry[LogField.seq]) == sequence,
            Array(entry[LogField.hash]) == Array(message.prefix(LogField.hash.count)),
            Self.little(entry[LogField.outcome]) == UInt64(outcome), Self.little(entry[LogField.index]) == UInt64(index)
        else { throw malformed("claims that contradict its log entry") }
        let digest = details[NodeClaim.authorities]?.bytes
        guard (digest != nil) == (kept.authorities != nil && !isExported), digest.map({ $0.count == 32 }) ?? true,
            digest.map({ Array($0.prefix(LogField.value.count)) == kept.authorities }) ?? true
        else { throw malformed("authorities that contradict its log entry") }
        authorities = digest
        // A call has two names; anything else has that of its type, which the chain protects.
        guard
            subject.count == 2
                || Self.little(entry[LogField.origin]) & 15
                    == subject.first.flatMap({ $0 })
                    .flatMap({ MessageType(rawValue: $0) }).map({ UInt64($0.number) })
        else { throw malformed("a subject that contradicts its log entry") }
    }

    /// What the entry says of the value: a value of a method, or the first bytes of the digest of authorities.
    private static func kept(_ entry: [UInt8]) -> (value: Value?, authorities: [UInt8]?) {
        let bits = UInt32(truncatingIfNeeded: little(entry[LogField.value]))
        return switch LogValueKind(rawValue: UInt8(little(entry[LogField.kind]))) {
        case .bool: (.bool(bits != 0), nil)
        case .int: (.int(Int64(Int32(bitPattern: bits))), nil)
        case .authorities: (nil, Array(entry[LogField.value]))
        default: (nil, nil)
        }
    }

    /// Who signed the message.
    public var signer: LogSigner? { LogSigner(number: UInt8(Self.little(entry[LogField.origin]) >> 4)) }

    /// The argument that the log keeps of a call; nil when there was none, or it is not kept.
    public var argument: Int? {
        let value = Int(Int16(truncatingIfNeeded: Self.little(entry[LogField.argument])))
        return value == Int(LogField.noArgument) || value == Int(LogField.argumentNotKept) ? nil : value
    }

    /// The first 4 bytes of the digest of all who could act on the node after this entry; nil when it is no change of them.
    public var authoritiesMark: [UInt8]? { Self.kept(entry).authorities }

    /// True if the receipt says that these can act on the node after the message, as far as its log entry tells.
    public func leaves(_ authorities: Authorities) -> Bool {
        authoritiesMark.map { authorities.digest.starts(with: $0) } ?? false
    }

    /// The type of the message.
    public var type: MessageType? { MessageType(number: UInt8(Self.little(entry[LogField.origin]) & 15)) }

    private static func little(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// True if this receipt answers the message with that sequence number and hash (`SignedMessage`).
    public func answers(sequence: UInt64, hash: [UInt8]) -> Bool {
        self.sequence == sequence && subject != [MessageType.grant.rawValue] && hash.starts(with: message)
    }

    /// Made again from the log, which keeps less of the message than a fresh receipt tells.
    public var isExported: Bool { message.count < 32 }

    /// True if this receipt answers `sent`, and speaks of what was sent; of what was not done it may lack the names, and a desired state of a
    /// device that the node does not have is logged as a command.
    public func answers(_ sent: SignedMessage) -> Bool {
        guard node == sent.audience, answers(sequence: sent.sequence, hash: sent.hash) else { return false }
        if sent.type == .state, type == .command { return outcome == .noSuchDevice }
        return type == sent.type && (subject == sent.subject || outcome != .done)
    }
}

extension Receipt: CustomStringConvertible {
    public var description: String {
        let what = subject.count == 2 ? "$(\(CallText.quoted(subject[0]))).\(subject[1])" : subject.joined(separator: ".")
        return "#\(index) \(what) \(outcome)\(value.map { " = \($0)" } ?? "")"
    }
}

extension Receipt: Encodable {
    private enum CodingKeys: String, CodingKey {
        case node, epoch, sequence, subject, index, previous, message, outcome, value, grant, expected, lostFrom, authorities,
            argument, receipt
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(node, forKey: .node)
        try container.encode(epoch, forKey: .epoch)
        try container.encode(sequence, forKey: .sequence)
        try container.encode(subject, forKey: .subject)
        try container.encode(index, forKey: .index)
        try container.encode(previous.hex, forKey: .previous)
        try container.encode(message.hex, forKey: .message)
        try container.encode(outcome, forKey: .outcome)
        try container.encodeIfPresent(value, forKey: .value)
        try container.encodeIfPresent(authorities?.hex, forKey: .authorities)
        try container.encodeIfPresent(argument, forKey: .argument)
        try container.encodeIfPresent(grant?.hex, forKey: .grant)
        try container.encodeIfPresent(expected, forKey: .expected)
        try container.encodeIfPresent(lostFrom, forKey: .lostFrom)
        try container.encode(bytes.hex, forKey: .receipt)
    }
}
