// CoAP messages (RFC 7252 section 3): parsing. What does not follow the format to the letter is refused as a whole.

/// Why bytes are not a CoAP message, or a message cannot be written.
public enum CoAPError: UInt8, Error, Sendable {
    /// The message ends too early.
    case truncated = 1
    /// Not version 1: ignore the message silently.
    case version
    /// A token length above 8.
    case tokenLength
    /// A code of class 1, 3, 6 or 7, which are reserved.
    case reservedCode
    /// A message of code 0.00 is more than a header.
    case emptyNotEmpty
    /// An option delta or length of 15, an option number above 65535, or a parameter that cannot be understood.
    case option
    /// A payload marker with no payload behind it.
    case emptyPayload
    /// A code that cannot go with the type: a reset or an acknowledgement with a request, a reset with a response.
    case typeCode
    /// The writer's buffer is too small.
    case overflow
    /// Options were written out of order, or after the payload. A fault of the caller.
    case optionOrder
}

/// A token of 0 to 8 bytes, by which a client matches responses to its requests.
public struct CoAPToken: Equatable, Sendable {
    /// Bytes in use, 0 to 8.
    public let count: Int
    /// The bytes, left-aligned; the rest are zero.
    let bits: UInt64

    /// The empty token, of 0 bytes (RFC 7252 section 5.3.1).
    public init() {
        count = 0
        bits = 0
    }

    /// A token of up to 8 bytes.
    public init(_ bytes: RawSpan) {
        precondition(bytes.byteCount <= 8)
        count = bytes.byteCount
        var bits: UInt64 = 0
        for index in 0..<8 { bits = bits << 8 | (index < bytes.byteCount ? UInt64(byte(bytes, index)) : 0) }
        self.bits = bits
    }

    /// A token of `count` bytes, 0 to 8: the lowest of `value`, the most significant first.
    public init(_ value: UInt64, count: Int) {
        precondition(count >= 0 && count <= 8)
        self.count = count
        bits = count == 0 ? 0 : value << UInt64(64 &- 8 &* count)
    }

    /// Byte `index`, counted from the first on the wire; it must be below `count`.
    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count)
        return UInt8(truncatingIfNeeded: bits >> UInt64(56 &- 8 &* index))
    }
}

/// A message taken apart; options and payload are slices of the input. All options have been checked for form.
///
/// What is refused gets a reset if `idToReset` finds an id in it, and silence otherwise.
public struct CoAPMessage: ~Escapable {
    /// From the two bits behind the version. What types a code may have has been checked.
    public let type: CoAPType
    /// `empty`, a request or a response; none of a reserved class.
    public let code: CoAPCode
    /// Matches acknowledgement or reset to a message, and finds repetitions (RFC 7252 section 4).
    public let id: UInt16
    /// What a response must repeat (RFC 7252 section 5.3.1).
    public let token: CoAPToken
    /// Empty if the message has none.
    public let payload: RawSpan
    let encodedOptions: RawSpan

    /// Takes one whole datagram apart and walks through all options; after an error nothing of it is to be used.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(CoAPError) {
        guard bytes.byteCount >= 4 else { throw .truncated }
        let first = byte(bytes, 0)
        guard first >> 6 == 1 else { throw .version }
        type = CoAPType(rawValue: first >> 4 & 3) ?? .reset
        code = CoAPCode(rawValue: byte(bytes, 1))
        id = UInt16(byte(bytes, 2)) << 8 | UInt16(byte(bytes, 3))
        let tokenEnd = 4 &+ Int(first & 15)
        guard tokenEnd <= 12 else { throw .tokenLength }
        guard tokenEnd <= bytes.byteCount else { throw .truncated }
        token = CoAPToken(bytes.extracting(4..<tokenEnd))

        switch code.class {
        case 0 where code == .empty:
            if bytes.byteCount != 4 { throw .emptyNotEmpty }
        case 0: if type.rawValue >= CoAPType.acknowledgement.rawValue { throw .typeCode }
        case 2, 4, 5: if type == .reset { throw .typeCode }
        default: throw .reservedCode
        }

        var options = CoAPOptions(bytes.extracting(tokenEnd...))
        while try options.advance() {}
        encodedOptions = bytes.extracting(tokenEnd..<(tokenEnd &+ options.optionsEnd))
        payload = bytes.extracting((tokenEnd &+ options.offset)...)
    }

    /// The id with which to send a reset for a datagram that is no message: only something that claims to be a confirmable message of
    /// version 1 gets one (RFC 7252 section 4.2). Nil for anything else, so that two peers cannot bounce resets.
    @inline(never)
    public static func idToReset(_ datagram: RawSpan) -> UInt16? {
        guard datagram.byteCount >= 4, byte(datagram, 0) & 0xf0 == 0x40 else { return nil }
        return UInt16(byte(datagram, 2)) << 8 | UInt16(byte(datagram, 3))
    }

    /// The options, in order.
    public var options: CoAPOptions {
        @_lifetime(copy self) get { CoAPOptions(encodedOptions) }
    }

    /// True for an empty confirmable message, which a reset answers (RFC 7252 section 4.3).
    public var isPing: Bool { code == .empty && type == .confirmable }
}

/// Walks over the options of a message.
///
///     var options = message.options
///     while options.next() {
///         if options.number == CoAPOptionNumber.uriPath { … options.value … }
///     }
public struct CoAPOptions: ~Escapable {
    private let bytes: RawSpan
    /// Offset of the next option; after the last one, of the payload.
    fileprivate var offset = 0
    /// Offset behind the last option.
    fileprivate var optionsEnd = 0
    private var valueStart = 0
    /// The number of the current option.
    public private(set) var number: UInt16 = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// Goes to the next option, the first one to begin with; false after the last.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func next() -> Bool {
        // The message's initialiser has walked here before, so nothing is left to fail.
        (try? advance()) ?? false
    }

    /// The value of the current option.
    public var value: RawSpan {
        @inline(never) @_lifetime(copy self) get { bytes.extracting(valueStart..<optionsEnd) }
    }

    /// The value of the current option as an unsigned integer (RFC 7252 section 3.2); nil if longer than 4 bytes.
    public var uintValue: UInt32? {
        let count = optionsEnd &- valueStart
        if count > 4 { return nil }
        var result: UInt32 = 0
        for index in 0..<count { result = result << 8 | UInt32(byte(bytes, valueStart &+ index)) }
        return result
    }

    /// `next` with the reason for a failure. Out of line: every loop over options would get its own copy.
    @inline(never)
    @_lifetime(self: copy self)
    fileprivate mutating func advance() throws(CoAPError) -> Bool {
        if offset == bytes.byteCount { return false }
        let first = byte(bytes, offset)
        if first == 0xff {
            offset &+= 1
            if offset == bytes.byteCount { throw .emptyPayload }
            return false
        }
        offset &+= 1
        let delta = try extended(first >> 4)
        let length = try extended(first & 15)
        let next = Int(number) &+ delta
        guard next <= 0xffff else { throw .option }
        guard length <= bytes.byteCount &- offset else { throw .truncated }
        number = UInt16(truncatingIfNeeded: next)
        valueStart = offset
        offset &+= length
        optionsEnd = offset
        return true
    }

    /// A delta or length from its four bits, and one or two bytes more if they are 13 or 14.
    @inline(never)
    @_lifetime(self: copy self)
    private mutating func extended(_ nibble: UInt8) throws(CoAPError) -> Int {
        if nibble < 13 { return Int(nibble) }
        if nibble == 15 { throw .option }
        let width = Int(nibble) &- 12
        guard bytes.byteCount &- offset >= width else { throw .truncated }
        var value = Int(byte(bytes, offset))
        if width == 2 { value = value << 8 | Int(byte(bytes, offset &+ 1)) }
        offset &+= width
        return value &+ (width == 1 ? 13 : 269)
    }
}

/// The byte at `offset`, which the caller knows to be inside.
@inline(__always)
func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < bytes.byteCount)
    return bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
}
