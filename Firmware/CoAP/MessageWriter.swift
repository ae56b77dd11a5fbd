// CoAP messages (RFC 7252 section 3): serialising into the caller's buffer.

/// Writes a message: header at once, then options in ascending order of their numbers, then the payload.
///
/// What does not fit is remembered and thrown by `finish`, so that the calls in between need no `try`.
///
///     var writer = CoAPWriter(buffer.mutableSpan, type: .acknowledgement, code: .content, id: request.id, token: request.token)
///     writer.option(CoAPOptionNumber.contentFormat, uint: UInt32(CoAPContentFormat.cbor))
///     var cbor = CBORWriter(writer.payload())
///     cbor.uint(1)
///     writer.endPayload(try cbor.finish())
///     let count = try writer.finish()
public struct CoAPWriter: ~Copyable, ~Escapable {
    private var buffer: MutableSpan<UInt8>
    /// Bytes written so far.
    public private(set) var count = 0
    private var lastOption: UInt16 = 0
    private var payloadStart = 0
    private var failure: CoAPError?

    /// Writes the header. Whether `code` goes with `type` is not checked.
    @inline(never)
    @_lifetime(copy buffer)
    public init(
        _ buffer: consuming MutableSpan<UInt8>, type: CoAPType, code: CoAPCode, id: UInt16, token: CoAPToken = CoAPToken()
    ) {
        self.buffer = buffer
        append(0x40 | type.rawValue << 4 | UInt8(truncatingIfNeeded: token.count))
        append(code.rawValue)
        append(UInt8(truncatingIfNeeded: id >> 8))
        append(UInt8(truncatingIfNeeded: id))
        for index in 0..<token.count { append(token[index]) }
    }

    /// The length of the message in bytes; throws `overflow` or `optionOrder` if it could not be written.
    @inline(never)
    public func finish() throws(CoAPError) -> Int {
        if let failure { throw failure }
        return count
    }

    // MARK: Options

    /// An option with the bytes of `value`. Its number must not be below the last one.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func option(_ number: UInt16, _ value: RawSpan) {
        optionHead(number, length: value.byteCount)
        for index in 0..<value.byteCount { append(byte(value, index)) }
    }

    /// An option with an unsigned integer in as few bytes as it needs, none for 0 (RFC 7252 section 3.2).
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func option(_ number: UInt16, uint value: UInt32) {
        var length = 0
        while length < 4 && value >> UInt32(8 &* length) != 0 { length &+= 1 }
        optionHead(number, length: length)
        while length > 0 {
            length &-= 1
            append(UInt8(truncatingIfNeeded: value >> UInt32(8 &* length)))
        }
    }

    /// Content-Format.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func contentFormat(_ format: UInt16) {
        option(CoAPOptionNumber.contentFormat, uint: UInt32(format))
    }

    /// Block1 or Block2.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func option(_ number: UInt16, block: CoAPBlock) {
        option(number, uint: block.optionValue)
    }

    /// One Uri-Path option for each segment of `path`, such as ".well-known/core"; none for "".
    @_lifetime(self: copy self)
    public mutating func path(_ path: StaticString) {
        let end = path.utf8CodeUnitCount
        var start = 0
        while start < end {
            var segmentEnd = start
            while segmentEnd < end && path.utf8Start[segmentEnd] != UInt8(ascii: "/") { segmentEnd &+= 1 }
            optionHead(CoAPOptionNumber.uriPath, length: segmentEnd &- start)
            for index in start..<segmentEnd { append(path.utf8Start[index]) }
            start = segmentEnd &+ 1
        }
    }

    /// A Uri-Query option `name=number`.
    @_lifetime(self: copy self)
    public mutating func query(_ name: StaticString, number: UInt32) {
        var divisor: UInt32 = 1
        var digits = 1
        while number / divisor > 9 {
            divisor &*= 10
            digits &+= 1
        }
        optionHead(CoAPOptionNumber.uriQuery, length: name.utf8CodeUnitCount &+ 1 &+ digits)
        for index in 0..<name.utf8CodeUnitCount { append(name.utf8Start[index]) }
        append(UInt8(ascii: "="))
        while divisor > 0 {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    // MARK: Payload

    /// The payload; may be empty. No option can follow.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func payload(_ bytes: RawSpan) {
        beginPayload()
        for index in 0..<bytes.byteCount { append(byte(bytes, index)) }
        if bytes.byteCount == 0 { endPayload(0) }
    }

    /// The rest of the buffer, to write the payload in place; `endPayload` is to say how much of it was used.
    @inline(never)
    @_lifetime(&self)
    public mutating func payload() -> MutableSpan<UInt8> {
        beginPayload()
        return buffer._mutatingExtracting(count...)
    }

    /// Sets the length of the payload that was written into the span from `payload()`.
    @_lifetime(self: copy self)
    public mutating func endPayload(_ length: Int) {
        precondition(payloadStart > 0 && length <= buffer.count &- payloadStart)
        // The marker stands only before a payload (RFC 7252 section 3).
        count = length == 0 ? payloadStart &- 1 : payloadStart &+ length
    }

    @_lifetime(self: copy self)
    private mutating func beginPayload() {
        precondition(payloadStart == 0)
        append(0xff)
        payloadStart = count
    }

    // MARK: Bytes

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func optionHead(_ number: UInt16, length: Int) {
        guard payloadStart == 0, number >= lastOption, length <= 0xffff else {
            failure = failure ?? .optionOrder
            return
        }
        let delta = Int(number &- lastOption)
        lastOption = number
        append(nibble(delta) << 4 | nibble(length))
        appendExtension(delta)
        appendExtension(length)
    }

    private func nibble(_ value: Int) -> UInt8 {
        value < 13 ? UInt8(truncatingIfNeeded: value) : value < 269 ? 13 : 14
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func appendExtension(_ value: Int) {
        if value < 13 { return }
        if value < 269 { return append(UInt8(truncatingIfNeeded: value &- 13)) }
        append(UInt8(truncatingIfNeeded: (value &- 269) >> 8))
        append(UInt8(truncatingIfNeeded: value &- 269))
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func append(_ byte: UInt8) {
        guard count < buffer.count else {
            failure = failure ?? .overflow
            return
        }
        buffer[count] = byte
        count &+= 1
    }
}
