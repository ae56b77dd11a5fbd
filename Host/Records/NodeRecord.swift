// What is kept of stations, batches and nodes. No secret is in any of it.
import Foundation
import HostCrypto
import NodeProtocol

/// How far a node has come. Everything before `done` is to be redone, or was given up as `discarded`.
public enum Step: String, Codable, Sendable, CaseIterable {
    /// It has a serial number and a claim key; whether it took them, only it knows.
    case reserved
    /// It has its keys.
    case written
    /// It has proved them; only its label is missing. No node is needed any more.
    case verified
    /// Its label is out and its claim secret forgotten.
    case done
    /// Given up; its serial number is not used again.
    case discarded
}

/// One node of a batch.
public struct NodeRecord: Hashable, Codable, Sendable {
    /// The batch that gave it its serial number.
    public let batch: String
    /// Counts from 1 in each batch.
    public let serial: Int64
    /// How far it has come, as of the transaction that returned this record.
    public internal(set) var step: Step
    /// From `identity`; nil until the node has its keys.
    public internal(set) var address: NodeAddress?
    /// The public halves.
    public internal(set) var identity: PublicKey?
    /// The public half of the claim key that it has, or is to get.
    public internal(set) var claim: PublicKey
    /// Name of its board, as the node says.
    public internal(set) var board: String
    /// Firmware version, as the node says.
    public internal(set) var firmware: String
    /// Of the image, as its header says, hexadecimal; empty when the firmware does not tell.
    public internal(set) var firmwareHash: String
    /// The chip's own number, hexadecimal; empty if it has none.
    public internal(set) var hardwareSerial: String
    /// Where it was when it got its keys.
    public internal(set) var connection: String
    /// Number of the network that its signatures are bound to.
    public let network: UInt64
    /// True for a rehearsal's: it has test keys.
    public let isTest: Bool
    /// True if the identity was generated at the station and written into a node that has no true random generator.
    public internal(set) var isIdentityInjected: Bool
    /// True if the chip's readback protection was set.
    public internal(set) var isProtected: Bool
    /// Name of the station that began it last.
    public internal(set) var station: String
    /// Who worked at that station then.
    public internal(set) var `operator`: String
    /// When it was begun, or begun again.
    public internal(set) var begun: Date
    /// When it was done; nil before, and once it was discarded.
    public internal(set) var time: Date?
    /// The last word about it, for people.
    public internal(set) var outcome: String

    /// What manifests say of it; nil unless it is done.
    public var provisioned: ProvisioningRecord? {
        guard let address, let identity, let time, step == .done else { return nil }
        return ProvisioningRecord(
            batch: batch, serial: serial, address: address, identity: identity, claim: claim, board: board, firmware: firmware,
            firmwareHash: firmwareHash, hardwareSerial: hardwareSerial, network: network, isTest: isTest,
            isIdentityInjected: isIdentityInjected, isProtected: isProtected, station: station, operator: self.operator,
            time: time)
    }

    /// Its name: batch and serial number.
    public var label: String { "\(batch)#\(serial)" }
}

extension NodeRecord: CustomStringConvertible {
    public var description: String {
        let name = "\(label)\(isTest ? "  TEST" : "")"
        let what =
            switch step {
            case .done: "\(address?.description ?? "?")  board \(board), firmware \(firmware)"
            case .discarded: "discarded: \(outcome)"
            default: "TO BE REDONE (\(step.rawValue)): \(outcome)"
            }
        return "\(name)  \(what)"
    }
}

/// Nodes that are made alike.
public struct Batch: Hashable, Codable, Sendable {
    /// What the operator calls it; one in a database.
    public let name: String
    /// Empty until the first node, or the operator, says it.
    public internal(set) var board: String
    /// Firmware version; empty until the first node, or the operator, says it.
    public internal(set) var firmware: String
    /// Of the image, hexadecimal; empty until the first node, or the operator, says it.
    public internal(set) var firmwareHash: String
    /// Number of the network that its nodes are for.
    public let network: UInt64
    /// A rehearsal: its nodes have test keys.
    public let isTest: Bool
    /// Serial numbers given out so far.
    public internal(set) var lastSerial: Int64
    /// When it was opened first.
    public let created: Date

    /// A batch with no serial number given out, in no database before `Records.open`.
    /// - Parameters:
    ///   - board: empty: what the first node is. So with `firmware` and `firmwareHash`.
    ///   - network: at most `Int64.max`, which the database holds.
    public init(
        name: String, board: String = "", firmware: String = "", firmwareHash: String = "", network: UInt64, isTest: Bool,
        created: Date = Date()
    ) {
        self.name = name
        self.board = board
        self.firmware = firmware
        self.firmwareHash = firmwareHash
        self.network = network
        self.isTest = isTest
        self.lastSerial = 0
        self.created = created
    }
}

/// Something that happened to a node.
public struct NodeEvent: Hashable, Codable, Sendable {
    /// Counts from 1 for each node.
    public let number: Int64
    /// Name of the station that wrote it.
    public let station: String
    /// By that station's clock, with milliseconds.
    public let time: Date
    /// For people, in a few words; no secret is in it.
    public let what: String
}

/// A computer that provisions.
public struct StationRecord: Hashable, Codable, Sendable {
    /// One name belongs to one key.
    public let name: String
    /// What its manifests are signed with.
    public let publicKey: PublicKey
}

/// Times as the database has them: RFC 3339 in UTC with milliseconds, which sort as text.
enum Timestamp {
    static func text(_ date: Date) -> String { date.formatted(style) }
    static func date(_ text: String) -> Date? { try? style.parse(text) }
    private static var style: Date.ISO8601FormatStyle {
        Date.ISO8601FormatStyle(includingFractionalSeconds: true, timeZone: .gmt)
    }
}
