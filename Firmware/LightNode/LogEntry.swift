// One line of the device's log: 22 bytes, as specified in docs/protocol.md, "Receipts and the log".

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
    /// The first 2 bytes of SHA-512 of the whole message: a guard against mix-ups, not a proof. Epoch, signer and seq name the message.
    public var tag: UInt16 = 0
    public var device: UInt8 = LogEntry.none
    public var method: UInt8 = LogEntry.none
    public var outcome: Outcome = .unknown
    public var value: LogValue = .none
    public var index: UInt32 = 0

    /// In place of a device or method number.
    public static var none: UInt8 { 255 }

    public init() {}

    /// Byte 7 of the entry.
    var origin: UInt8 { signer.rawValue << 4 | kind.rawValue }

    /// Bytes 8–11 of the entry: known before the message is executed.
    var intent: InlineArray<4, UInt8> {
        [UInt8(truncatingIfNeeded: tag), UInt8(truncatingIfNeeded: tag >> 8), device, method]
    }

    /// Bytes 12–17 of the entry: known after.
    var result: InlineArray<6, UInt8> {
        let bits = value.bits
        return [
            outcome.rawValue, value.kind, UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8),
            UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 24),
        ]
    }

    /// The 22 bytes that the chain hashes.
    @inline(never)
    public func encoded() -> InlineArray<22, UInt8> {
        var bytes = InlineArray<22, UInt8>(repeating: 0)
        for i in 0..<7 { bytes[i] = UInt8(truncatingIfNeeded: seq >> UInt64(8 &* i)) }
        bytes[7] = origin
        let intent = intent
        let result = result
        bytes.store(intent.span.bytes, at: 8)
        bytes.store(result.span.bytes, at: 12)
        bytes.storeLittleEndian(index, at: 18)
        return bytes
    }

    /// Takes over what the journal kept of the intent. False when a byte is no signer or kind of this version.
    @inline(never)
    mutating func load(seq: UInt64, origin: UInt8, intent: InlineArray<4, UInt8>, index: UInt32) -> Bool {
        guard let kind = MessageType(rawValue: origin & 15) else { return false }
        (self.seq, self.kind, self.index) = (seq, kind, index)
        signer = Signer(rawValue: origin >> 4)
        tag = UInt16(intent[0]) | UInt16(intent[1]) << 8
        (device, method) = (intent[2], intent[3])
        return true
    }

    /// Takes over what the journal kept of the outcome.
    @inline(never)
    mutating func load(result: InlineArray<6, UInt8>) {
        outcome = Outcome(rawValue: result[0]) ?? .unknown
        let bits = UInt32(result[2]) | UInt32(result[3]) << 8 | UInt32(result[4]) << 16 | UInt32(result[5]) << 24
        value = LogValue(kind: result[1], bits: bits)
    }
}
