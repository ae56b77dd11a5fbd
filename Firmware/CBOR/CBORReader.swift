// A pull parser that accepts deterministic encoding only. Copies nothing: strings are slices of the input.

import Bytes

/// Reads items one after another from a span. Copy it to look ahead.
///
/// After an error the position is unspecified; give up on the input.
///
///     var reader = CBORReader(bytes)
///     var map = try reader.map()
///     while let key = try reader.nextKey(&map) {
///         switch key {
///         case .int(3): audience = try reader.text()
///         case .int(4): expiry = try reader.uint()
///         default: try reader.skip()
///         }
///     }
///     try reader.finish()
public struct CBORReader: ~Escapable {
    let input: RawSpan
    /// Offset of the next item, in bytes from the start of the input.
    public private(set) var position = 0

    /// Begins at the first byte, which is not looked at yet.
    @_lifetime(copy input)
    public init(_ input: RawSpan) {
        self.input = input
    }

    /// Bytes not yet read.
    public var remaining: Int { input.byteCount &- position }

    /// True when all input has been read. A CBOR sequence (RFC 8742) is read until then.
    public var isAtEnd: Bool { remaining == 0 }

    /// Throws `trailingBytes` unless all input has been read.
    @inline(never)
    public func finish() throws(CBORError) {
        if !isAtEnd { throw .trailingBytes }
    }

    /// The type of the next item, which stays unread.
    @inline(never)
    public func peek() throws(CBORError) -> CBORType {
        if isAtEnd { throw .truncated }
        let initial = byte(at: position)
        if initial >= 0xf9 && initial <= 0xfb { return .float }
        return CBORType(rawValue: initial >> 5) ?? .simple
    }

    // MARK: Scalars

    /// An unsigned integer of up to 64 bits.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func uint() throws(CBORError) -> UInt64 {
        try argument(of: .unsigned)
    }

    /// An unsigned integer no greater than `limit`; `outOfRange` if it is.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func uint32(atMost limit: UInt32 = .max) throws(CBORError) -> UInt32 {
        let value = try argument(of: .unsigned)
        guard value <= UInt64(limit) else { throw .outOfRange }
        return UInt32(truncatingIfNeeded: value)
    }

    /// A signed integer within the range of `Int64`; `outOfRange` beyond it.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func int() throws(CBORError) -> Int64 {
        let negative = try peek() == .negative
        let value = try argument(of: negative ? .negative : .unsigned)
        guard value <= UInt64(Int64.max) else { throw .outOfRange }
        let magnitude = Int64(bitPattern: value)
        return negative ? ~magnitude : magnitude
    }

    /// False or true (simple values 20 and 21). Throws `unexpectedType` for another item, `floatRefused` for a float.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func bool() throws(CBORError) -> Bool {
        let value = try simple()
        guard value == 20 || value == 21 else { throw .unexpectedType }
        return value == 21
    }

    /// Passes a null (simple value 22). Throws `unexpectedType` for another item, `floatRefused` for a float.
    @_lifetime(self: copy self)
    public mutating func null() throws(CBORError) {
        guard try simple() == 22 else { throw .unexpectedType }
    }

    /// A simple value: 20 false, 21 true, 22 null, 23 undefined, others as registered.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func simple() throws(CBORError) -> UInt8 {
        if try peek() == .float { throw .floatRefused }
        return UInt8(truncatingIfNeeded: try argument(of: .simple))
    }

    /// A tag number; the tagged item is the next one.
    @_lifetime(self: copy self)
    public mutating func tag() throws(CBORError) -> UInt64 {
        try argument(of: .tag)
    }

    // MARK: Strings

    /// The content of a byte string.
    @inline(never)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func bytes() throws(CBORError) -> RawSpan {
        try content(of: .bytes)
    }

    /// The content of a byte string of exactly `count` bytes; `outOfRange` at any other length.
    @inline(never)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func bytes(count: Int) throws(CBORError) -> RawSpan {
        let content = try content(of: .bytes)
        if content.byteCount != count { throw .outOfRange }
        return content
    }

    /// The UTF-8 content of a text string, checked to be UTF-8.
    @inline(never)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func text() throws(CBORError) -> RawSpan {
        let content = try content(of: .text)
        if !isUTF8(content) { throw .invalidText }
        return content
    }

    // MARK: Containers

    /// The number of items in an array; read that many next. Never more than there are bytes left.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func array() throws(CBORError) -> Int {
        try count(of: .array, itemsPerEntry: 1)
    }

    /// The head of an array of exactly `count` items; `outOfRange` at any other count.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func array(count: Int) throws(CBORError) {
        if try array() != count { throw .outOfRange }
    }

    /// The head of a map, to be passed to `nextKey`.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func map() throws(CBORError) -> CBORMap {
        CBORMap(remaining: try count(of: .map, itemsPerEntry: 2))
    }

    /// The next key of `map`, or nil after the last. The value must be read or skipped before the next call.
    ///
    /// Throws `keyOrder` unless the encoding of each key is bytewise greater than the one before.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func nextKey(_ map: inout CBORMap) throws(CBORError) -> CBORKey? {
        if map.remaining == 0 { return nil }
        map.remaining &-= 1
        let start = position
        var lookahead = self
        try skip()
        let isFirst = map.keyEnd == 0
        let previous = input.part(map.keyStart, map.keyEnd)
        map.keyStart = start
        map.keyEnd = position
        guard isFirst || precedes(previous, keyBytes(map)) else { throw .keyOrder }
        guard try lookahead.peek().rawValue <= CBORType.negative.rawValue else { return .other }
        let head = try lookahead.head()
        guard head.value <= UInt64(Int32.max) else { return .other }
        let magnitude = Int32(truncatingIfNeeded: head.value)
        return .int(head.major == 0 ? magnitude : ~magnitude)
    }

    /// The encoding of the key that `nextKey` returned last.
    @_lifetime(copy self)
    public func keyBytes(_ map: CBORMap) -> RawSpan {
        input.part(map.keyStart, map.keyEnd)
    }

    /// True if the key that `nextKey` returned last is the text string `text`.
    @inline(never)
    public func keyIsText(_ map: CBORMap, _ text: StaticString) -> Bool {
        var key = CBORReader(keyBytes(map))
        guard let content = try? key.text() else { return false }
        return equal(content, text)
    }

    // MARK: Whole items

    /// Passes over the next item, whatever it is, checking it as strictly as if it were read. Floats are refused.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func skip() throws(CBORError) {
        try skip(depth: 0)
    }

    /// The encoding of the next item, whatever it is, checked like `skip` does.
    @inline(never)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func item() throws(CBORError) -> RawSpan {
        let start = position
        try skip()
        return input.part(start, position)
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func skip(depth: Int) throws(CBORError) {
        let type = try peek()
        switch type {
        case .unsigned, .negative: _ = try head()
        case .bytes: _ = try bytes()
        case .text: _ = try text()
        case .simple, .float: _ = try simple()
        case .array, .map, .tag:
            if depth >= CBOR.maximumDepth { throw .tooDeep }
            switch type {
            case .array:
                for _ in 0..<(try array()) { try skip(depth: depth &+ 1) }
            case .tag:
                _ = try tag()
                try skip(depth: depth &+ 1)
            default:
                try skipMap(depth: depth &+ 1)
            }
        }
    }

    @_lifetime(self: copy self)
    private mutating func skipMap(depth: Int) throws(CBORError) {
        var previous = input.extracting(0..<0)
        for _ in 0..<(try map().remaining) {
            let start = position
            try skip(depth: depth)
            let key = input.part(start, position)
            // No encoding is empty, so the first key follows the empty span.
            if !precedes(previous, key) { throw .keyOrder }
            previous = key
            try skip(depth: depth)
        }
    }

    // MARK: Heads

    struct Head {
        var major: UInt8
        /// Bytes of argument that follow the first byte: 0, 1, 2, 4 or 8.
        var width: Int
        var value: UInt64
    }

    /// Reads a head: major type and argument (RFC 8949 section 3), in shortest form except for floats.
    @inline(never)
    @_lifetime(self: copy self)
    mutating func head() throws(CBORError) -> Head {
        if isAtEnd { throw .truncated }
        let initial = byte(at: position)
        let major = initial >> 5
        let information = initial & 31
        position &+= 1
        if information < 24 { return Head(major: major, width: 0, value: UInt64(information)) }
        if information == 31 {
            // 0x1f, 0x3f and 0xdf mean nothing; 0xff ends an indefinite-length item.
            if major < 2 || major == 6 { throw .malformed }
            throw .indefiniteLength
        }
        if information > 27 { throw .malformed }
        let width = 1 << Int(information &- 24)
        if remaining < width { throw .truncated }
        var value: UInt64 = 0
        for _ in 0..<width {
            value = value << 8 | UInt64(byte(at: position))
            position &+= 1
        }
        if major == 7 {
            if width == 1 && value < 32 { throw .malformed }
        } else if width == 1 ? value < 24 : value >> UInt64(4 &* width) == 0 {
            throw .notShortest
        }
        return Head(major: major, width: width, value: value)
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func argument(of type: CBORType) throws(CBORError) -> UInt64 {
        if isAtEnd { throw .truncated }
        guard byte(at: position) >> 5 == type.rawValue else { throw .unexpectedType }
        return try head().value
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func count(of type: CBORType, itemsPerEntry: UInt64) throws(CBORError) -> Int {
        let count = try argument(of: type)
        // Every item takes a byte at least, so a count beyond the bytes left can only be a lie.
        let limit = UInt64(truncatingIfNeeded: remaining)
        guard count <= limit && count &* itemsPerEntry <= limit else { throw .truncated }
        return Int(truncatingIfNeeded: count)
    }

    @inline(never)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    private mutating func content(of type: CBORType) throws(CBORError) -> RawSpan {
        let count = try count(of: type, itemsPerEntry: 1)
        let start = position
        position &+= count
        return input.part(start, position)
    }

    private func byte(at offset: Int) -> UInt8 {
        input.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
