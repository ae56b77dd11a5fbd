// What a node tells about itself: `GET /status`. Unsigned, so nothing here is to be relied on for rights.
import Reporting

/// The state of ownership.
public enum NodeState: UInt8, Codable, Sendable, CustomStringConvertible {
    case blank = 0
    case unowned = 1
    case owned = 2
    case damaged = 3

    public var description: String {
        switch self {
        case .blank: "blank (not provisioned)"
        case .unowned: "unowned (waiting for its owner to bind it)"
        case .owned: "owned"
        case .damaged: "damaged"
        }
    }

    public init(from decoder: any Decoder) throws {
        let name = try decoder.singleValueContainer().decode(String.self)
        guard let index = Self.names.firstIndex(of: name), let state = NodeState(rawValue: UInt8(index)) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no state is called \(name)"))
        }
        self = state
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Self.names[Int(rawValue)])
    }

    private static let names = ["blank", "unowned", "owned", "damaged"]
}

/// `GET /status` (docs/protocol.cddl, `status`).
public struct DeviceStatus: Hashable, Codable, Sendable {
    public let state: NodeState
    /// Nil while blank, or when the identity cannot be read.
    public let address: DeviceAddress?
    /// The identity's public half, if the firmware tells it; checked against `address`.
    public let identity: PublicKey?
    public let board: String
    public let version: String
    public let epoch: UInt32
    /// The highest sequence number that it has accepted.
    public let highWater: UInt64
    public let uptimeMilliseconds: UInt64
    public let stackUsed: UInt64
    public let stackSize: UInt64
    /// The number of log entries so far.
    public let nextIndex: UInt32
    public let resetReason: String
    public let network: UInt64
    /// The names of the records that cannot be read.
    public let damaged: [String]
    /// Provisioned with test keys: not to be trusted with anything.
    public let isTest: Bool
    /// Hexadecimal; empty if the chip has none.
    public let hardwareSerial: String
    public let isTimeKnown: Bool
    /// Hash of the image as its header says, hexadecimal; empty if the firmware does not tell.
    public let firmwareHash: String

    /// False for what every chip of a kind says: nothing, unprogrammed words, or QEMU's constant for the nRF51's FICR.
    private static func isNumber(_ serial: [UInt8]) -> Bool {
        serial.contains { $0 != 0 } && serial.contains { $0 != 0xFF } && serial != [3, 0, 0, 0, 0x78, 0x56, 0x34, 0x12]
    }

    init(_ body: [UInt8], from name: String) throws {
        func malformed(_ what: String) -> Failure {
            Failure(
                .malformedAnswer, "the status of \(name) \(what)",
                advice: "Check that the firmware and lightnode belong to the same release")
        }
        let item: CBORItem
        do { item = try CBORItem(body) } catch { throw malformed("cannot be read: \(error)") }
        guard let state = item[0]?.uint.flatMap(UInt8.init(exactly:)).flatMap(NodeState.init(rawValue:)),
            let board = item[2]?.text, let version = item[3]?.text
        else { throw malformed("lacks its state, board or version") }
        self.state = state
        self.board = board
        self.version = version
        address = try item[1]?.text.map { try DeviceAddress(parsing: $0) }
        identity = item[16]?.bytes.flatMap { PublicKey($0) }
        if let identity, let address, !address.matches(identity) {
            throw Failure(
                .notAuthentic, "\(name) shows an identity key that is not the one of its address",
                advice: "Something on the way answers in its name: check the cable or the bridge")
        }
        epoch = item[4]?.uint.flatMap(UInt32.init(exactly:)) ?? 0
        highWater = item[5]?.uint ?? 0
        uptimeMilliseconds = item[6]?.uint ?? 0
        stackUsed = item[7]?.uint ?? 0
        stackSize = item[8]?.uint ?? 0
        nextIndex = item[9]?.uint.flatMap(UInt32.init(exactly:)) ?? 0
        let reset = item[10]?.uint ?? 255
        resetReason = reset < 5 ? ["power-on", "reset-pin", "watchdog", "software", "lock-up"][Int(reset)] : "unknown"
        network = item[11]?.uint ?? 0
        damaged = item[12]?.array?.compactMap(\.text) ?? []
        isTest = item[13]?.bool ?? false
        let serial = item[14]?.bytes ?? []
        hardwareSerial = Self.isNumber(serial) ? serial.hex : ""
        let hash = item[17]?.bytes ?? []
        firmwareHash = hash.allSatisfy { $0 == 0 } ? "" : hash.hex
        isTimeKnown = item[15]?.bool ?? false
    }
}

extension DeviceStatus: CustomStringConvertible {
    public var description: String {
        var lines = [
            "state      \(state)\(isTest ? "   TEST KEYS" : "")", "address    \(address?.description ?? "none yet")",
            "board      \(board)", "firmware   \(version)\(firmwareHash.isEmpty ? "" : "   image \(firmwareHash.prefix(16))…")",
            "network    \(network)", "epoch      \(epoch)",
            "sequence   \(highWater)", "log        \(nextIndex) \(nextIndex == 1 ? "entry" : "entries")",
            "uptime     \(uptimeMilliseconds / 1000).\((uptimeMilliseconds % 1000) / 100) s since reset (\(resetReason))",
        ]
        if stackSize > 0 { lines.append("stack      \(stackUsed) of \(stackSize) bytes used at most") }
        if !hardwareSerial.isEmpty { lines.append("serial     \(hardwareSerial)") }
        if !damaged.isEmpty { lines.append("damaged    \(damaged.joined(separator: ", "))") }
        return lines.joined(separator: "\n")
    }
}
