// One line of the node's log, as specified in docs/protocol.md, "Receipts and the log".

import Bytes
import DeviceModel
import Ed25519
import FlashStore
import HAL
import Vocabulary

/// What a device method gave back, small enough for a log entry.
public enum LogValue: Equatable, Sendable {
    /// No value: the method returns nothing, or it was not carried out.
    case none
    /// A truth value, as the method returned it.
    case bool(Bool)
    /// A number in the unit of the method's result.
    case int(Int32)
    /// The first 4 bytes of the authorities' digest after a change of ownership.
    case authorities(UInt32)

    var kind: UInt8 {
        switch self {
        case .none: LogValueKind.none.rawValue
        case .bool: LogValueKind.bool.rawValue
        case .int: LogValueKind.int.rawValue
        case .authorities: LogValueKind.authorities.rawValue
        }
    }

    var bits: UInt32 {
        switch self {
        case .none: 0
        case .bool(let value): value ? 1 : 0
        case .int(let value): UInt32(bitPattern: value)
        case .authorities(let bits): bits
        }
    }

    init(kind: UInt8, bits: UInt32) {
        switch kind {
        case LogValueKind.bool.rawValue: self = .bool(bits != 0)
        case LogValueKind.int.rawValue: self = .int(Int32(bitPattern: bits))
        case LogValueKind.authorities.rawValue: self = .authorities(bits)
        default: self = .none
        }
    }
}

/// The argument of a call as the log keeps it: 16 bits.
struct LogArgument {
    let bits: UInt16

    /// None at all.
    static var none: LogArgument { LogArgument(bits: UInt16(bitPattern: LogLayout.noArgument)) }
    /// Several, a text, or a number too large: the entry's hash covers it.
    static var notKept: LogArgument { LogArgument(bits: UInt16(bitPattern: LogLayout.argumentNotKept)) }

    private init(bits: UInt16) { self.bits = bits }

    @inline(never)
    static func of(_ arguments: Arguments) -> LogArgument {
        if arguments.count == 0 { return .none }
        guard arguments.count == 1, !arguments.isText(0), let small = Int16(exactly: arguments[0]),
            small > LogLayout.argumentNotKept
        else { return .notKept }
        return LogArgument(bits: UInt16(bitPattern: small))
    }
}

/// One line of the log, kept as its 30 bytes.
public struct LogEntry: ~Copyable, Sendable {
    private let inMemory = InMemory()
    private var bytes = InlineArray<30, UInt8>(repeating: 0)

    /// In place of a device or method number.
    public static var none: UInt8 { LogLayout.none }

    /// All zero, but no device, no method, no argument, and the outcome unknown.
    public init() { reset() }

    @inline(never)
    private mutating func reset() {
        bytes.clear()
        (device, method, outcome) = (LogEntry.none, LogEntry.none, .unknown)
        setArgument(.none)
    }

    /// Sequence number of the message, 7 bytes: the highest byte of what is set is lost.
    public var seq: UInt64 {
        @inline(never) get {
            LightNode.loadLittleEndian64(bytes.span.bytes, at: LogLayout.seq.lowerBound, count: LogLayout.seq.count)
        }
        @inline(never) set { bytes.storeLittleEndian64(newValue, at: LogLayout.seq.lowerBound, count: LogLayout.seq.count) }
    }

    /// Signer and kind.
    private(set) var origin: UInt8 {
        get { bytes[LogLayout.origin.lowerBound] }
        set { bytes[LogLayout.origin.lowerBound] = newValue }
    }

    /// Who signed the message (docs/protocol.md, "Receipts and the log", Signers): 4 bits.
    public var signer: Signer {
        get { Signer(rawValue: origin >> 4) }
        set { origin = origin & 15 | newValue.rawValue << 4 }
    }

    /// Type of the message: 4 bits. Reads as `command` where the log holds none that this version knows.
    public var kind: MessageType {
        // 15 is no kind, and never written.
        get { MessageType(rawValue: origin & 15) ?? .command }
        set { origin = origin & 0xF0 | newValue.rawValue }
    }

    /// The first 8 bytes of SHA-512 of the message; the id of the grant where a slot is taken.
    public var hash: RawSpan {
        @_lifetime(borrow self) get { bytes.span.bytes.extracting(LogLayout.hash) }
    }

    /// Takes the first 8 bytes of a digest, or an id.
    @inline(never)
    mutating func setHash(_ digest: RawSpan) {
        bytes.store(digest.extracting(0..<LogLayout.hash.count), at: LogLayout.hash.lowerBound)
    }

    /// Index of the device in the board's table; `LogEntry.none` for a message to the node itself.
    public var device: UInt8 {
        get { bytes[LogLayout.device.lowerBound] }
        set { bytes[LogLayout.device.lowerBound] = newValue }
    }

    /// Index of the method in the device's interface; `LogEntry.none` when there is none.
    public var method: UInt8 {
        get { bytes[LogLayout.method.lowerBound] }
        set { bytes[LogLayout.method.lowerBound] = newValue }
    }

    mutating func setArgument(_ argument: LogArgument) {
        bytes[LogLayout.argument.lowerBound] = UInt8(truncatingIfNeeded: argument.bits)
        bytes[LogLayout.argument.lowerBound + 1] = UInt8(truncatingIfNeeded: argument.bits >> 8)
    }

    /// How it ended. Reads as `unknown` until that is recorded, and for a code that this version does not know.
    public var outcome: Outcome {
        get { Outcome(rawValue: bytes[LogLayout.outcome.lowerBound]) ?? .unknown }
        set { bytes[LogLayout.outcome.lowerBound] = newValue.rawValue }
    }

    /// What the method gave back: a byte for the kind and four for the number.
    public var value: LogValue {
        @inline(never) get {
            LogValue(
                kind: bytes[LogLayout.kind.lowerBound],
                bits: LightNode.loadLittleEndian(bytes.span.bytes, at: LogLayout.value.lowerBound))
        }
        @inline(never) set {
            bytes[LogLayout.kind.lowerBound] = newValue.kind
            bytes.storeLittleEndian(newValue.bits, at: LogLayout.value.lowerBound)
        }
    }

    /// Names who can act on the node from then on.
    mutating func note(authorities: Bytes32) { value = .authorities(authorities.loadLittleEndian(at: 0)) }

    /// Number of the entry in the log, given when the journal takes it.
    public var index: UInt32 {
        @inline(never) get { LightNode.loadLittleEndian(bytes.span.bytes, at: LogLayout.index.lowerBound) }
        @inline(never) set { bytes.storeLittleEndian(newValue, at: LogLayout.index.lowerBound) }
    }

    /// The 30 bytes that the chain hashes.
    public var encoded: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span }
    }

    /// What is known before the message is executed, and after.
    var intent: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(LogLayout.intent) }
    }
    var result: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(LogLayout.result) }
    }

    mutating func copy(from other: borrowing LogEntry) { bytes.store(other.bytes.span.bytes, at: 0) }

    /// Takes over what the journal kept of an entry. An outcome that is none of this version's counts as unknown.
    @inline(never)
    mutating func load(_ found: borrowing JournalEntry) {
        reset()
        seq = found.sequence
        origin = found.signer
        bytes.store(found.application.span.bytes.extracting(0..<LogLayout.intent.count), at: LogLayout.intent.lowerBound)
        index = found.index
        guard found.outcome == .recorded else { return }
        bytes.store(found.outcomeBytes.span.bytes.extracting(0..<LogLayout.result.count), at: LogLayout.result.lowerBound)
        outcome = outcome
    }
}
