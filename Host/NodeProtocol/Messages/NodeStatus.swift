// What a node tells about itself: `GET /status`. Unsigned, so nothing here is to be relied on for rights.
import HostCrypto
import Reporting

extension NodeState: Codable, CustomStringConvertible {
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
        guard let state = Self.allCases.first(where: { $0.name == name }) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no state is called \(name)"))
        }
        self = state
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.name)
    }
}

/// `GET /status` (docs/protocol.cddl, `status`).
public struct NodeStatus: Hashable, Codable, Sendable {
    /// Whether it is blank, waits for its owner, is owned, or cannot read its records.
    public let state: NodeState
    /// Nil while blank, or when the identity cannot be read.
    public let address: NodeAddress?
    /// The identity's public half, if the firmware tells it; checked against `address`.
    public let identity: PublicKey?
    /// Name of its board.
    public let board: String
    /// Firmware version.
    public let version: String
    /// The ownership that messages must be signed for; 0 when the node does not tell.
    public let epoch: UInt32
    /// The highest sequence number that it has accepted.
    public let highWater: UInt64
    /// Since the last reset, in milliseconds.
    public let uptimeMilliseconds: UInt64
    /// Bytes of stack used at most since the reset; 0 when the node does not tell.
    public let stackUsed: UInt64
    /// Bytes of stack there are; 0 when the node does not tell.
    public let stackSize: UInt64
    /// The number of log entries so far.
    public let nextIndex: UInt32
    /// The name of a `ResetCause`; "unknown" for one that is newer than this program.
    public let resetReason: String
    /// Number of the network that it was provisioned for; 0 when the node does not tell.
    public let network: UInt64
    /// The names of the records that cannot be read.
    public let damaged: [String]
    /// Provisioned with test keys: not to be trusted with anything.
    public let isTest: Bool
    /// Hexadecimal; empty if the chip has none.
    public let hardwareSerial: String
    /// True if the node knows the time, and so takes messages that expire.
    public let isTimeKnown: Bool
    /// Hash of the image as its header says, hexadecimal; empty if the firmware does not tell.
    public let firmwareHash: String
    /// Name of the application that runs; empty if the firmware does not tell. An image keeps 19 bytes of it.
    public let application: String
    /// First 32 bits of the commit that it was built from, hexadecimal; empty if it is not known.
    public let commit: String
    /// Built from a tree with changes that the commit does not have.
    public let isChanged: Bool

    /// What runs there, for people and records: "garden-gate 0.1.0+296b88c5-changed".
    public var image: String {
        (application.isEmpty ? "" : application + " ") + version + (commit.isEmpty ? "" : "+" + commit)
            + (isChanged ? "-changed" : "")
    }

    /// False for what every chip of a kind says: nothing, unprogrammed words, or QEMU's constant for the nRF51's FICR.
    private static func isNumber(_ serial: [UInt8]) -> Bool {
        serial.contains { $0 != 0 } && serial.contains { $0 != 0xFF } && serial != [3, 0, 0, 0, 0x78, 0x56, 0x34, 0x12]
    }

    package init(_ body: [UInt8], from name: String) throws {
        func malformed(_ what: String) -> Failure {
            Failure(
                .malformedAnswer, "the status of \(name) \(what)",
                remedy: .sameRelease)
        }
        let item: CBORItem
        do { item = try CBORItem(body) } catch { throw malformed("cannot be read: \(error)") }
        guard let state = item[StatusField.condition]?.uint.flatMap(UInt8.init(exactly:)).flatMap(NodeState.init(rawValue:)),
            let board = item[StatusField.board]?.text, let version = item[StatusField.version]?.text
        else { throw malformed("lacks its state, board or version") }
        self.state = state
        self.board = board
        self.version = version
        // A damaged node may have lost its identity, and then has nothing to say here.
        let named = item[StatusField.address]?.text
        address = named.flatMap { try? NodeAddress(parsing: $0) }
        guard address != nil || named == nil || state == .damaged else { throw malformed("has an address that is none") }
        let key = item[StatusField.identity]?.bytes ?? []
        identity = key.contains { $0 != 0 } ? PublicKey(key) : nil
        if let identity, let address, !address.matches(identity) {
            throw Failure(
                .notAuthentic, "\(name) shows an identity key that is not the one of its address", about: "\(name)",
                advice: "Something on the way answers in its name: check the cable or the bridge")
        }
        epoch = item[StatusField.epoch]?.uint.flatMap(UInt32.init(exactly:)) ?? 0
        highWater = item[StatusField.mark]?.uint ?? 0
        uptimeMilliseconds = item[StatusField.uptime]?.uint ?? 0
        stackUsed = item[StatusField.stackUsed]?.uint ?? 0
        stackSize = item[StatusField.stackSize]?.uint ?? 0
        let length = item[StatusField.entries]?.uint ?? 0
        guard let counted = LogNumber.checked(length) else {
            throw malformed("counts \(length) log entries, which no node can have")
        }
        nextIndex = counted
        resetReason =
            item[StatusField.resetReason]?.uint.flatMap(UInt8.init(exactly:)).flatMap(ResetCause.init(rawValue:))?.name
            ?? "unknown"
        network = item[StatusField.network]?.uint ?? 0
        damaged = item[StatusField.damaged]?.array?.compactMap(\.text) ?? []
        isTest = item[StatusField.test]?.bool ?? false
        let serial = item[StatusField.serial]?.bytes ?? []
        hardwareSerial = Self.isNumber(serial) ? serial.hex : ""
        let hash = item[StatusField.imageHash]?.bytes ?? []
        firmwareHash = hash.allSatisfy { $0 == 0 } ? "" : hash.hex
        isTimeKnown = item[StatusField.timeKnown]?.bool ?? false
        let origin = item[StatusField.origin]?.bytes ?? []
        let isWhole = origin.count == 24
        // Foreign text: letters, digits and hyphens are all that a name has.
        let name = isWhole ? origin[..<19].prefix { $0 != 0 } : []
        application =
            name.allSatisfy { $0 == 45 || 48...57 ~= $0 || 65...90 ~= $0 || 97...122 ~= $0 }
            ? String(name.map { Character(Unicode.Scalar($0)) }) : ""
        let build = isWhole ? Array(origin[20...].reversed()) : []
        commit = build.allSatisfy { $0 == 0 } ? "" : build.hex
        isChanged = isWhole && origin[19] & 1 == 1
    }
}

extension NodeStatus: CustomStringConvertible {
    public var description: String {
        var lines = [
            "state      \(state)\(isTest ? "   TEST KEYS" : "")",
            "address    \(address?.description ?? (state == .damaged ? "cannot be read" : "none yet"))",
            "board      \(board)", "firmware   \(image)\(firmwareHash.isEmpty ? "" : "   hash \(firmwareHash.prefix(16))…")",
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
