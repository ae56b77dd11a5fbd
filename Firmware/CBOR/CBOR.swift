// CBOR (RFC 8949) in its core deterministic encoding (section 4.2.1), and nothing but: what both sides read and write.

/// Limits and constants shared by the reader and the writer.
public enum CBOR {
    /// How deep arrays, maps and tags may nest inside an item that is skipped or validated. Bounds the reader's stack: a level of maps
    /// takes 80 bytes of it on a Cortex-M0.
    public static let maximumDepth = 8

    /// Throws unless `bytes` is exactly one item in deterministic encoding, nested no deeper than `maximumDepth`.
    public static func validate(_ bytes: RawSpan) throws(CBORError) {
        var reader = CBORReader(bytes)
        try reader.skip()
        try reader.finish()
    }
}

/// Why bytes are not the CBOR item that was asked for, or do not fit.
public enum CBORError: UInt8, Error, Sendable {
    /// The input ends inside an item: wait for the rest, or refuse it.
    case truncated = 1
    /// Bytes follow the item.
    case trailingBytes
    /// An integer, length or float is not in its shortest form: encode deterministically (RFC 8949 section 4.2.1).
    case notShortest
    /// Indefinite length: send definite lengths.
    case indefiniteLength
    /// A reserved additional information value, or a two-byte simple value below 32.
    case malformed
    /// Map keys are not in strictly ascending bytewise order of their encodings: sort them, and send each once.
    case keyOrder
    /// A text string is not UTF-8.
    case invalidText
    /// Nested deeper than `CBOR.maximumDepth`.
    case tooDeep
    /// Another type of item than the one that is expected here.
    case unexpectedType
    /// The right type, but a value or length out of the range that is expected here.
    case outOfRange
    /// A floating-point number where none was asked for.
    case floatRefused
    /// The writer's buffer is too small.
    case overflow
}

/// The type of an item, from its first byte.
public enum CBORType: UInt8, Sendable {
    case unsigned
    case negative
    case bytes
    case text
    case array
    case map
    case tag
    /// false, true, null, undefined and the other simple values.
    case simple
    case float
}

/// A map key, as far as a `switch` can tell it: see `CBORReader.nextKey`.
public enum CBORKey: Equatable, Sendable {
    /// An integer key within the range of `Int32`.
    case int(Int32)
    /// Any other key: `CBORReader.keyIsText` and `CBORReader.keyBytes` tell which.
    case other
}

/// Where the reading of one map stands. Made by `CBORReader.map`, advanced by `CBORReader.nextKey`.
public struct CBORMap: Sendable {
    /// Keys not yet read.
    public internal(set) var remaining: Int
    var keyStart = 0
    var keyEnd = 0
}
