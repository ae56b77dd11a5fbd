// One line of the device's log: 22 bytes, as specified in docs/protocol.md, "Receipts and the log".

import FlashStore
import HAL

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
    /// The grant was revoked, has no uses or paid ticks left; told once, then refused without a receipt.
    case grantRevoked = 10
    case grantUsedUp = 11
    /// The owner has been heard within the agreed silence.
    case ownerAlive = 12
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

/// One line of the log, kept as its 22 bytes.
public struct LogEntry: ~Copyable, Sendable {
    private let inMemory = InMemory()
    private var bytes = InlineArray<22, UInt8>(repeating: 0)

    /// In place of a device or method number.
    public static var none: UInt8 { 255 }

    public init() {
        (device, method, outcome) = (LogEntry.none, LogEntry.none, .unknown)
    }

    public var seq: UInt64 {
        @inline(never) get { LightNode.loadLittleEndian64(bytes.span.bytes, at: 0, count: 7) }
        @inline(never) set { bytes.storeLittleEndian64(newValue, at: 0, count: 7) }
    }

    /// Signer and kind.
    private(set) var origin: UInt8 {
        get { bytes[7] }
        set { bytes[7] = newValue }
    }

    public var signer: Signer {
        get { Signer(rawValue: origin >> 4) }
        set { origin = origin & 15 | newValue.rawValue << 4 }
    }

    public var kind: MessageType {
        // All 16 numbers are kinds.
        get { MessageType(rawValue: origin & 15) ?? .command }
        set { origin = origin & 0xF0 | newValue.rawValue }
    }

    /// The first 2 bytes of the message's signature: a guard against mix-ups, not a proof. Epoch, signer and seq name the message.
    public var tag: UInt16 {
        get { UInt16(bytes[8]) | UInt16(bytes[9]) << 8 }
        set { (bytes[8], bytes[9]) = (UInt8(truncatingIfNeeded: newValue), UInt8(truncatingIfNeeded: newValue >> 8)) }
    }

    public var device: UInt8 {
        get { bytes[10] }
        set { bytes[10] = newValue }
    }

    public var method: UInt8 {
        get { bytes[11] }
        set { bytes[11] = newValue }
    }

    public var outcome: Outcome {
        get { Outcome(rawValue: bytes[12]) ?? .unknown }
        set { bytes[12] = newValue.rawValue }
    }

    public var value: LogValue {
        @inline(never) get { LogValue(kind: bytes[13], bits: LightNode.loadLittleEndian(bytes.span.bytes, at: 14)) }
        @inline(never) set {
            bytes[13] = newValue.kind
            bytes.storeLittleEndian(newValue.bits, at: 14)
        }
    }

    public var index: UInt32 {
        @inline(never) get { LightNode.loadLittleEndian(bytes.span.bytes, at: 18) }
        @inline(never) set { bytes.storeLittleEndian(newValue, at: 18) }
    }

    /// The 22 bytes that the chain hashes.
    public var encoded: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span }
    }

    /// Bytes 8–11: known before the message is executed.
    var intent: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(8..<12) }
    }

    /// Bytes 12–17: known after.
    var result: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(12..<18) }
    }

    mutating func copy(from other: borrowing LogEntry) { bytes.store(other.bytes.span.bytes, at: 0) }

    /// Takes over what the journal kept of an entry. An outcome that is none of this version's counts as unknown.
    @inline(never)
    mutating func load(_ found: borrowing JournalEntry) {
        bytes.clear()
        (device, method, outcome) = (LogEntry.none, LogEntry.none, .unknown)
        seq = found.sequence
        origin = found.signer
        for i in 0..<4 { bytes[8 &+ i] = found.application[i] }
        index = found.index
        guard found.outcome == .recorded else { return }
        for i in 0..<6 { bytes[12 &+ i] = found.outcomeBytes[i] }
        outcome = outcome
    }
}
