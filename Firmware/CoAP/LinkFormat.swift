// Writes a link-format document (RFC 6690): what /.well-known/core answers.

/// Writes links one after another into the caller's buffer.
///
///     var links = CoAPLinkWriter(buffer.mutableSpan)
///     links.link("/status"); links.attribute("ct", 60); links.attribute("title", "State of the node"); links.attribute("obs")
///     let count = try links.finish()
public struct CoAPLinkWriter: ~Copyable, ~Escapable {
    private var buffer: MutableSpan<UInt8>
    private var count = 0
    private var overflowed = false

    /// An empty document, which is a valid one. Nothing beyond the end of `buffer` is written.
    @_lifetime(copy buffer)
    public init(_ buffer: consuming MutableSpan<UInt8>) {
        self.buffer = buffer
    }

    /// The length in bytes; throws `overflow` if the links did not fit.
    public func finish() throws(CoAPError) -> Int {
        if overflowed { throw .overflow }
        return count
    }

    /// Starts a link to `path`, which begins with a slash.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func link(_ path: StaticString) {
        if count > 0 { append(UInt8(ascii: ",")) }
        append(UInt8(ascii: "<"))
        append(path)
        append(UInt8(ascii: ">"))
    }

    /// Starts a link to `prefix` with `name` behind it, which must be made of characters that a URI path takes unescaped.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func link(_ prefix: StaticString, name: RawSpan) {
        if count > 0 { append(UInt8(ascii: ",")) }
        append(UInt8(ascii: "<"))
        append(prefix)
        for index in 0..<name.byteCount { append(byte(name, index)) }
        append(UInt8(ascii: ">"))
    }

    /// An attribute without a value, such as `obs`.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func attribute(_ name: StaticString) {
        append(UInt8(ascii: ";"))
        append(name)
    }

    /// An attribute with a number, such as `ct`.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func attribute(_ name: StaticString, _ value: UInt16) {
        attribute(name)
        append(UInt8(ascii: "="))
        var divisor: UInt16 = 10000
        while divisor > 1 && value / divisor == 0 { divisor /= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    /// An attribute with a quoted value, such as `rt`; the value holds neither quotation mark nor backslash.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func attribute(_ name: StaticString, _ value: StaticString) {
        attribute(name)
        append(UInt8(ascii: "="))
        append(UInt8(ascii: "\""))
        append(value)
        append(UInt8(ascii: "\""))
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
    }

    @inline(never)
    @_lifetime(self: copy self)
    private mutating func append(_ byte: UInt8) {
        guard count < buffer.count else {
            overflowed = true
            return
        }
        buffer[count] = byte
        count &+= 1
    }
}
