// Conveniences for the computer, where there is a heap.
#if !hasFeature(Embedded)
extension CBOR {
    /// Encodes what `body` writes.
    ///
    ///     let encoded = try CBOR.encode { $0.array(2); $0.uint(1); $0.text("two") }
    ///
    /// - Parameter capacity: the first guess, in bytes; the buffer doubles (and `body` runs again) until everything fits.
    public static func encode(capacity: Int = 256, _ body: (inout CBORWriter) -> Void) -> [UInt8] {
        var capacity = max(capacity, 16)
        while true {
            var buffer = [UInt8](repeating: 0, count: capacity)
            var writer = CBORWriter(buffer.mutableSpan)
            body(&writer)
            let count = try? writer.finish()
            if let count { return Array(buffer.prefix(count)) }
            capacity *= 2
        }
    }
}

extension CBORWriter {
    /// A text string, major type 3, in UTF-8 and not normalised.
    @_lifetime(self: copy self)
    public mutating func text(_ text: String) {
        let utf8 = Array(text.utf8)
        self.text(utf8.span.bytes)
    }

    /// A byte string, major type 2, with its content copied behind the head.
    @_lifetime(self: copy self)
    public mutating func bytes(_ content: [UInt8]) {
        bytes(content.span.bytes)
    }
}

extension CBORReader {
    /// A text string as a copy. Throws `invalidText` when it is not UTF-8, and for other types `unexpectedType`.
    @_lifetime(self: copy self)
    public mutating func string() throws(CBORError) -> String {
        String(decoding: try text().array, as: UTF8.self)
    }
}

extension CBORError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated: "the CBOR ends inside an item; part of the message is missing"
        case .trailingBytes: "bytes follow the CBOR item; send exactly one"
        case .notShortest: "a CBOR number or length is not in shortest form; encode deterministically (RFC 8949 section 4.2.1)"
        case .indefiniteLength: "a CBOR item has indefinite length; send definite lengths"
        case .malformed: "the CBOR uses a reserved encoding; the message is damaged or not CBOR"
        case .keyOrder: "CBOR map keys are unsorted or repeated; sort them bytewise and send each once"
        case .invalidText: "a CBOR text string is not UTF-8; send UTF-8 or a byte string"
        case .tooDeep: "the CBOR nests deeper than \(CBOR.maximumDepth) levels"
        case .unexpectedType: "a CBOR item has another type than expected there"
        case .outOfRange: "a CBOR value or length is out of the range expected there"
        case .floatRefused: "the CBOR holds a floating-point number where none is allowed"
        case .overflow: "the CBOR does not fit the buffer; send less or use a larger buffer"
        }
    }
}
#endif
