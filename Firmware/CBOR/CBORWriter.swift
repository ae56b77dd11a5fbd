// Writes deterministic CBOR into the caller's buffer.

import Bytes

/// Writes items one after another into a span of bytes.
///
/// Heads are always in shortest form. What stays with the caller: as many items as a head announces, and map keys in ascending bytewise
/// order of their encodings (0, 1, … 23, 24, … -1, -2, …, then byte strings, then text). Writing beyond the end is remembered and
/// thrown by `finish`, so that the calls in between need no `try`.
///
///     var buffer = InlineArray<64, UInt8>(repeating: 0)
///     var writer = CBORWriter(buffer.mutableSpan)
///     writer.map(2)
///     writer.key(3); writer.text(address)
///     writer.key(4); writer.uint(expiry)
///     let count = try writer.finish()
public struct CBORWriter: ~Copyable, ~Escapable {
    var buffer: MutableSpan<UInt8>
    /// Bytes written so far.
    public private(set) var count = 0
    /// True once something did not fit. What was written is then useless.
    public private(set) var overflowed = false

    /// Begins at the first byte of `buffer`; nothing beyond its end is written.
    @_lifetime(copy buffer)
    public init(_ buffer: consuming MutableSpan<UInt8>) {
        self.buffer = buffer
    }

    /// The number of bytes written; throws `overflow` if something did not fit.
    @inline(never)
    public func finish() throws(CBORError) -> Int {
        if overflowed { throw .overflow }
        return count
    }

    /// What has been written, from `start` on.
    @_lifetime(borrow self)
    public func written(from start: Int = 0) -> RawSpan {
        buffer.span.bytes.part(start, count)
    }

    // MARK: Scalars

    /// Major type 0, of 1 to 9 bytes (RFC 8949 section 3.1).
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func uint(_ value: UInt64) {
        head(0x00, value)
    }

    /// Major type 0, or 1 for a negative value, of 1 to 9 bytes (RFC 8949 section 3.1).
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func int(_ value: Int64) {
        head(value < 0 ? 0x20 : 0x00, UInt64(bitPattern: value < 0 ? ~value : value))
    }

    /// The integer -1 - `argument`, for values below what `Int64` holds.
    @_lifetime(self: copy self)
    public mutating func negative(_ argument: UInt64) {
        head(0x20, argument)
    }

    /// An integer map key.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func key(_ label: Int32) {
        int(Int64(label))
    }

    /// One byte: simple value 20 for false, 21 for true (RFC 8949 section 3.3).
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func bool(_ value: Bool) {
        append(value ? 0xf5 : 0xf4)
    }

    /// One byte: simple value 22 (RFC 8949 section 3.3).
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func null() {
        append(0xf6)
    }

    /// Simple value 0–23 or 32–255.
    @_lifetime(self: copy self)
    public mutating func simple(_ value: UInt8) {
        precondition(value < 24 || value >= 32)
        head(0xe0, UInt64(value))
    }

    /// A tag; the tagged item is to follow.
    @_lifetime(self: copy self)
    public mutating func tag(_ number: UInt64) {
        head(0xc0, number)
    }

    // MARK: Strings

    /// A byte string, major type 2, with its content copied behind the head.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func bytes(_ content: RawSpan) {
        head(0x40, UInt64(content.byteCount))
        raw(content)
    }

    /// A text string, major type 3, from a literal.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func text(_ text: StaticString) {
        self.text(RawSpan(_unsafeStart: text.utf8Start, byteCount: text.utf8CodeUnitCount))
    }

    /// A text string from its UTF-8, which is not checked.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func text(_ utf8: RawSpan) {
        head(0x60, UInt64(utf8.byteCount))
        raw(utf8)
    }

    /// The head of a byte string: its `count` bytes are to follow, from elsewhere or through `raw`.
    @_lifetime(self: copy self)
    public mutating func bytesHead(_ count: Int) {
        head(0x40, UInt64(count))
    }

    /// Opens a byte string whose content is CBOR that is written next; `endBytes` closes it.
    @_lifetime(self: copy self)
    public mutating func beginBytes() -> CBORMark {
        CBORMark(start: count)
    }

    /// Closes a byte string: moves its content up to make room for the head.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func endBytes(_ mark: CBORMark) {
        let end = count
        let length = end &- mark.start
        // Write the head behind the content, to learn how long it is, and move the content behind its place.
        head(0x40, UInt64(length))
        if overflowed { return }
        let room = count &- end
        let start = mark.start
        buffer.withUnsafeMutableBytes { buffer in
            guard let content = buffer.baseAddress?.advanced(by: start) else { return }
            (content + room).copyMemory(from: content, byteCount: length)
        }
        count = mark.start
        head(0x40, UInt64(length))
        count = end &+ room
    }

    // MARK: Containers

    /// The head of an array: `count` items are to follow.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func array(_ count: Int) {
        head(0x80, UInt64(count))
    }

    /// The head of a map: `count` pairs of key and value are to follow, keys in ascending order.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func map(_ count: Int) {
        head(0xa0, UInt64(count))
    }

    /// Bytes that are CBOR already, one item or several, copied as they are.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func raw(_ encoded: RawSpan) {
        guard encoded.byteCount <= buffer.count &- count else {
            overflowed = true
            return
        }
        let start = count
        count &+= encoded.byteCount
        buffer.withUnsafeMutableBytes { buffer in
            encoded.withUnsafeBytes { encoded in
                guard let to = buffer.baseAddress, let from = encoded.baseAddress else { return }
                (to + start).copyMemory(from: from, byteCount: encoded.count)
            }
        }
    }

    // MARK: Bytes

    /// A head with its argument in shortest form (RFC 8949 section 4.2.1).
    @inline(never)
    @_lifetime(self: copy self)
    private mutating func head(_ major: UInt8, _ argument: UInt64) {
        if argument < 24 { return append(major | UInt8(truncatingIfNeeded: argument)) }
        var information: UInt8 = 24
        var bits: UInt64 = 8
        while bits < 64 && argument >> bits != 0 {
            information &+= 1
            bits &*= 2
        }
        append(major | information)
        appendBigEndian(argument, bits: bits)
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func appendBigEndian(_ value: UInt64, bits: UInt64) {
        var shift = bits
        while shift > 0 {
            shift &-= 8
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func append(_ byte: UInt8) {
        guard count < buffer.count else {
            overflowed = true
            return
        }
        buffer[count] = byte
        count &+= 1
    }
}

/// Where a byte string was opened. From `CBORWriter.beginBytes`, for `endBytes`.
public struct CBORMark: Sendable {
    let start: Int
}
