// What a device signs about a message that it took: the receipt, and the log that receipts are links of.
import Foundation
import Reporting

/// How a message ended. Numbers as on the wire (docs/protocol.md, "Receipts and the log").
public struct Outcome: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let done = Outcome(rawValue: 0)
    /// Power was lost between intent and outcome: nobody knows whether it happened.
    public static let unknown = Outcome(rawValue: 1)
    public static let noSuchDevice = Outcome(rawValue: 2)
    public static let noSuchMethod = Outcome(rawValue: 3)
    public static let badArgument = Outcome(rawValue: 4)
    public static let outOfRange = Outcome(rawValue: 5)
    public static let notInScope = Outcome(rawValue: 6)
    public static let deviceFault = Outcome(rawValue: 7)
    public static let superseded = Outcome(rawValue: 8)
    public static let busy = Outcome(rawValue: 9)
    /// The grant has ended. The first command after its end has this receipt; later ones are refused without any.
    public static let grantRevoked = Outcome(rawValue: 10)
    public static let grantUsedUp = Outcome(rawValue: 11)
    /// A backup must wait until the owner has been silent for the agreed time.
    public static let ownerAlive = Outcome(rawValue: 12)

    private static let names = [
        "done", "unknown", "no-such-device", "no-such-method", "bad-argument", "out-of-range", "not-in-scope", "device-fault",
        "superseded", "busy", "grant-revoked", "grant-used-up", "owner-alive",
    ]

    private static let explanations = [
        "It was carried out",
        "Power was lost in the middle: look at the device, then send the command again if it is still wanted",
        "The node has no such device: see “lightnode status”",
        "The device has no such method: see “lightnode status”",
        "The method takes other arguments: see “lightnode status”",
        "The number is outside of what the device takes",
        "The grant does not cover this device and method",
        "The hardware did not do it: check the device and its wiring",
        "A newer desired state is in force already",
        "The device is still carrying out another command: try again",
        "The grant was revoked: ask the device's owner for a new one",
        "The grant has no uses or paid ticks left: ask the device's owner for a new one, or to renew this one",
        "The owner has been heard within the agreed silence: wait until it has been silent for that long",
    ]

    /// What it means and what to do, in one sentence.
    public var explanation: String {
        rawValue < Self.explanations.count ? Self.explanations[Int(rawValue)] : "This program is older than the device's firmware"
    }
}

extension Outcome: CustomStringConvertible, Encodable {
    public var description: String { rawValue < Self.names.count ? Self.names[Int(rawValue)] : "outcome-\(rawValue)" }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The argument that a method refused, and what it takes.
public struct ExpectedArgument: Hashable, Codable, Sendable {
    /// From 0.
    public let position: Int
    public let least: Int64
    public let most: Int64

    init?(_ items: [CBORItem]) {
        guard items.count == 3, case .int(let position)? = items[0].value, case .int(let least)? = items[1].value,
            case .int(let most)? = items[2].value, let position = Int(exactly: position)
        else { return nil }
        (self.position, self.least, self.most) = (position, least, most)
    }
}

extension ExpectedArgument: CustomStringConvertible {
    public var description: String { "argument \(position + 1) must be between \(least) and \(most)" }
}

/// A receipt whose signature was verified: there is no other way to make one.
public struct Receipt: Hashable, Sendable {
    public let device: DeviceAddress
    public let epoch: UInt32
    /// The sequence number of the message that it answers.
    public let sequence: UInt64
    /// `[device, method]` of a call, or `[type]` of another message.
    public let subject: [String]
    /// Its number in the device's log.
    public let index: UInt32
    /// The chain before this entry: 32 bytes.
    public let previous: [UInt8]
    /// SHA-512 of the message, cut to 32 bytes; in a receipt that was exported from the log the first 2 bytes of the message's signature.
    public let message: [UInt8]
    public let outcome: Outcome
    public let value: Value?
    /// The argument that was refused and its range, in a fresh receipt.
    public let expected: ExpectedArgument?
    /// `Grant.id` of the grant that it was done under; nil for the owner's own, and when the log no longer knows.
    public let grant: [UInt8]?
    /// Where the entries begin that the device's log has lost just before this one, in a receipt that was exported from there: it no longer has
    /// any from this number up to `index`. nil when it has the one before.
    public let lostFrom: UInt32?
    /// What the chain hashes: 22 bytes.
    public let entry: [UInt8]
    /// The whole COSE_Sign1: the evidence to keep.
    public let bytes: [UInt8]

    /// The chain after this entry: what the next receipt has as `previous`.
    public var chain: [UInt8] { Array(sha512(previous + entry).prefix(32)) }

    /// Verifies `bytes` as a receipt by the device with the key `identity`.
    public init(verifying bytes: [UInt8], identity: PublicKey, network: UInt64) throws {
        let device = DeviceAddress(of: identity)
        let claims = try SignedObject.open(bytes, type: .receipt, network: network, signer: identity, from: device.description)
        func malformed(_ what: String) -> Failure {
            Failure(
                .malformedAnswer, "the receipt from \(device) has \(what)",
                advice: "Check that the firmware and lightnode belong to the same release")
        }
        guard claims[1]?.text == device.description else { throw malformed("another issuer") }
        guard let node = claims[Int64(SignedMessage.nodeClaim)], let epoch = node[0]?.uint.flatMap(UInt32.init(exactly:)),
            let sequence = node[1]?.uint, let subject = node[2]?.array?.map(\.text), !subject.contains(nil),
            let index = node[5]?.uint.flatMap(UInt32.init(exactly:)), let previous = node[6]?.bytes, previous.count == 32,
            let message = node[7]?.bytes, message.count == 32 || message.count == 2,
            let outcome = node[8]?.uint.flatMap(UInt8.init(exactly:)), let entry = node[21]?.bytes, entry.count == 22
        else { throw malformed("a claim missing or of a wrong type") }
        self.device = device
        self.epoch = epoch
        self.sequence = sequence
        self.subject = subject.compactMap { $0 }
        self.index = index
        self.previous = previous
        self.message = message
        self.outcome = Outcome(rawValue: outcome)
        self.entry = entry
        self.bytes = bytes
        if let item = node[9] {
            guard let argument = item.value else { throw malformed("a value of a type unknown here") }
            value = argument
        } else {
            value = nil
        }
        grant = node[19]?.bytes
        lostFrom = node[33]?.uint.flatMap(UInt32.init(exactly:))
        expected = node[25]?.array.flatMap { ExpectedArgument($0) }
        guard Self.value(in: entry) == value else { throw malformed("a value that contradicts its log entry") }
        // The chain protects the entry; the claims must say the same.
        guard Self.little(entry[0..<7]) == sequence, !isExported || Array(entry[8..<10]) == message, entry[12] == outcome,
            Self.little(entry[18..<22]) == UInt64(index)
        else { throw malformed("claims that contradict its log entry") }
    }

    /// Bytes 13 to 17 of the entry.
    private static func value(in entry: [UInt8]) -> Value? {
        let bits = UInt32(truncatingIfNeeded: little(entry[14..<18]))
        return switch entry[13] {
        case 1: .bool(bits != 0)
        case 2: .int(Int64(Int32(bitPattern: bits)))
        default: nil
        }
    }

    private static func little(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// True if this receipt answers the message with that sequence number, hash and mark (`SignedMessage`).
    public func answers(sequence: UInt64, hash: [UInt8], mark: [UInt8]) -> Bool {
        self.sequence == sequence && Array(entry[8..<10]) == Array(mark.prefix(2)) && (isExported || hash == message)
    }

    /// Made again from the log, which keeps less of the message than a fresh receipt tells.
    public var isExported: Bool { message.count == 2 }

    /// True if this receipt answers `sent`.
    public func answers(_ sent: SignedMessage) -> Bool {
        device == sent.audience && answers(sequence: sent.sequence, hash: sent.hash, mark: sent.mark)
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
        case device, epoch, sequence, subject, index, previous, message, outcome, value, grant, expected, lostFrom, receipt
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(device, forKey: .device)
        try container.encode(epoch, forKey: .epoch)
        try container.encode(sequence, forKey: .sequence)
        try container.encode(subject, forKey: .subject)
        try container.encode(index, forKey: .index)
        try container.encode(previous.hex, forKey: .previous)
        try container.encode(message.hex, forKey: .message)
        try container.encode(outcome, forKey: .outcome)
        try container.encodeIfPresent(value, forKey: .value)
        try container.encodeIfPresent(grant?.hex, forKey: .grant)
        try container.encodeIfPresent(expected, forKey: .expected)
        try container.encodeIfPresent(lostFrom, forKey: .lostFrom)
        try container.encode(bytes.hex, forKey: .receipt)
    }
}
