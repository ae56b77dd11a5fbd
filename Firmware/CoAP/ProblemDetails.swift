// Concise problem details (RFC 9290): why a request was refused, for a machine and for a person.

import CBOR

/// The body of an error response, Content-Format 257:
///
///     { -1 (title): tstr, ? -2 (detail): tstr, ? "tag:lightnode,2026:refusal": { 0: code uint, ? 1: expected uint } }
public struct CoAPProblem: Sendable {
    /// The key of our own entry, a tag URI (RFC 9290 section 3.2).
    public static let refusalKey: StaticString = "tag:lightnode,2026:refusal"

    /// A stable reason for programs, in kebab case: "replayed".
    public var title: StaticString
    /// A sentence for a person, which says what to do next.
    public var detail: StaticString?
    /// The reason as a number.
    public var code: UInt32?
    /// The value that would have been accepted, such as the present epoch. Only together with `code`.
    public var expected: UInt64?

    /// `expected` needs a `code`. Texts are UTF-8.
    public init(title: StaticString, detail: StaticString? = nil, code: UInt32? = nil, expected: UInt64? = nil) {
        precondition(expected == nil || code != nil)
        self.title = title
        self.detail = detail
        self.code = code
        self.expected = expected
    }

    /// Writes the details of a refusal that needs no more than its name and code.
    @inline(never)
    public static func write(title: RawSpan, code: UInt32, to writer: inout CBORWriter) {
        writer.map(2)
        writer.key(-1)
        writer.text(title)
        writer.text(Self.refusalKey)
        writer.map(1)
        writer.key(0)
        writer.uint(UInt64(code))
    }

    /// Writes the map in deterministic encoding, without the entries that are nil.
    public func write(to writer: inout CBORWriter) {
        writer.map(1 + (detail == nil ? 0 : 1) + (code == nil ? 0 : 1))
        writer.key(-1)
        writer.text(title)
        if let detail {
            writer.key(-2)
            writer.text(detail)
        }
        guard let code else { return }
        writer.text(Self.refusalKey)
        writer.map(expected == nil ? 1 : 2)
        writer.key(0)
        writer.uint(UInt64(code))
        if let expected {
            writer.key(1)
            writer.uint(expected)
        }
    }
}

/// Problem details as received. Entries that are not listed here are skipped, as RFC 9290 asks.
public struct CoAPProblemView: ~Escapable {
    /// UTF-8; empty if absent.
    public private(set) var title: RawSpan
    /// UTF-8; empty if absent.
    public private(set) var detail: RawSpan
    /// Key 0 of the refusal entry; nil when there is no such entry.
    public private(set) var code: UInt32?
    /// Key 1 of the refusal entry; nil if absent or no unsigned integer.
    public private(set) var expected: UInt64?

    /// Reads one map that takes all of `bytes`; the texts are slices of it. Throws what `CBORReader` does.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(CBORError) {
        title = bytes.extracting(0..<0)
        detail = title
        var reader = CBORReader(bytes)
        var map = try reader.map()
        while let key = try reader.nextKey(&map) {
            switch key {
            case .int(-1): title = try reader.text()
            case .int(-2): detail = try reader.text()
            case .other where reader.keyIsText(map, CoAPProblem.refusalKey):
                var refusal = try reader.map()
                while let key = try reader.nextKey(&refusal) {
                    switch key {
                    case .int(0): code = try reader.uint32()
                    case .int(1) where try reader.peek() == .unsigned: expected = try reader.uint()
                    default: try reader.skip()
                    }
                }
            default: try reader.skip()
            }
        }
        try reader.finish()
    }
}
