// One line of the device's log: 24 bytes, as specified in docs/protocol.md, "Receipts and the log".

/// Who signed a message.
public struct Signer: RawRepresentable, Equatable, Sendable {
    /// 0…15: the high nibble of byte 7 of a log entry.
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue & 15 }
    public static var owner: Signer { Signer(rawValue: 0) }
    public static var claim: Signer { Signer(rawValue: 1) }
    public static var recovery: Signer { Signer(rawValue: 2) }
    /// Backup controller of `rank` 0…2.
    public static func backup(_ rank: Int) -> Signer { Signer(rawValue: 3 + UInt8(truncatingIfNeeded: rank)) }
    /// The holder of the grant in `slot` 0…7.
    public static func grant(_ slot: Int) -> Signer { Signer(rawValue: 8 + UInt8(truncatingIfNeeded: slot)) }
    public var grantSlot: Int? { rawValue >= 8 ? Int(rawValue) - 8 : nil }
}

/// How an executed message ended. The raw value is the `outcome` of a receipt.
public enum Outcome: UInt8, Sendable {
    case done = 0
    /// Power was lost between intent and outcome: nobody knows whether it happened.
    case unknown = 1
    case noSuchDevice = 2
    case noSuchMethod = 3
    case badArgument = 4
    case outOfRange = 5
    case notInScope = 6
    case deviceFault = 7
    case superseded = 8
    case busy = 9
}

/// What a device method gave back, small enough for a log entry.
public enum LogValue: Equatable, Sendable {
    case none
    case bool(Bool)
    case int(Int32)

    var kind: UInt8 {
        switch self {
        case .none: 0
        case .bool: 1
        case .int: 2
        }
    }

    var bits: UInt32 {
        switch self {
        case .none: 0
        case .bool(let value): value ? 1 : 0
        case .int(let value): UInt32(bitPattern: value)
        }
    }

    init(kind: UInt8, bits: UInt32) {
        switch kind {
        case 1: self = .bool(bits != 0)
        case 2: self = .int(Int32(bitPattern: bits))
        default: self = .none
        }
    }
}

/// One line of the log.
public struct LogEntry: Sendable {
    public var seq: UInt64 = 0
    public var signer: Signer = .owner
    public var kind: MessageType = .command
    /// The first 4 bytes of SHA-512 of the whole message.
    public var message: UInt32 = 0
    public var device: UInt8 = LogEntry.none
    public var method: UInt8 = LogEntry.none
    public var outcome: Outcome = .unknown
    public var value: LogValue = .none
    public var index: UInt32 = 0

    /// In place of a device or method number.
    public static var none: UInt8 { 255 }

    public init() {}

    /// Bytes known before the message is executed: 0–13 of the entry.
    static var intentSize: Int { 14 }
    /// Bytes known after: 14–19 of the entry.
    static var outcomeSize: Int { 6 }

    /// The 24 bytes that the chain hashes.
    public func encoded() -> InlineArray<24, UInt8> {
        var bytes = InlineArray<24, UInt8>(repeating: 0)
        for i in 0..<7 { bytes[i] = UInt8(truncatingIfNeeded: seq >> UInt64(8 &* i)) }
        bytes[7] = signer.rawValue << 4 | kind.rawValue
        bytes.storeLittleEndian(message, at: 8)
        bytes[12] = device
        bytes[13] = method
        bytes[14] = outcome.rawValue
        bytes[15] = value.kind
        bytes.storeLittleEndian(value.bits, at: 16)
        bytes.storeLittleEndian(index, at: 20)
        return bytes
    }

    /// Reads an entry back; a byte that is no signer, kind or outcome of this version gives nil.
    init?(_ bytes: InlineArray<24, UInt8>) {
        for i in 0..<7 { seq |= UInt64(bytes[i]) << UInt64(8 &* i) }
        signer = Signer(rawValue: bytes[7] >> 4)
        guard let kind = MessageType(rawValue: bytes[7] & 15), let outcome = Outcome(rawValue: bytes[14]) else { return nil }
        self.kind = kind
        self.outcome = outcome
        message = bytes.loadLittleEndian(at: 8)
        device = bytes[12]
        method = bytes[13]
        value = LogValue(kind: bytes[15], bits: bytes.loadLittleEndian(at: 16))
        index = bytes.loadLittleEndian(at: 20)
    }
}
