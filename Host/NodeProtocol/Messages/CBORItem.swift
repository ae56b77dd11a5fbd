// A CBOR item as a value of its own, for answers that are read on the host. The portable CBOR module does the reading.
import CBOR
import Reporting

/// A decoded CBOR item.
package indirect enum CBORItem: Hashable, Sendable {
    /// Integers beyond the range of `Int64` above: kept apart since `seq` and the like are unsigned.
    case uint(UInt64)
    /// Below zero.
    case negative(Int64)
    case bytes([UInt8])
    /// As it was read from a node or a bridge it is printable (`PrintableText`); what is made here for encoding is as it was given.
    case text(String)
    case array([CBORItem])
    case map([CBORItem: CBORItem])
    case tag(UInt64, CBORItem)
    case bool(Bool)
    case null

    /// Reads exactly one item in deterministic encoding.
    package init(_ encoded: [UInt8]) throws(CBORError) {
        try CBOR.validate(encoded.span.bytes)  // bounds the depth of what follows
        var reader = CBORReader(encoded.span.bytes)
        self = try CBORItem(&reader)
    }

    /// Reads a CBOR sequence (RFC 8742) and returns the encoding of each item.
    package static func sequence(_ encoded: [UInt8]) throws(CBORError) -> [[UInt8]] {
        var reader = CBORReader(encoded.span.bytes)
        var items: [[UInt8]] = []
        while !reader.isAtEnd { items.append(try reader.item().array) }
        return items
    }

    @_lifetime(reader: copy reader)
    private init(_ reader: inout CBORReader) throws(CBORError) {
        switch try reader.peek() {
        case .unsigned: self = .uint(try reader.uint())
        case .negative: self = .negative(try reader.int())
        case .bytes: self = .bytes(try reader.bytes().array)
        case .text: self = .text(PrintableText(try reader.string()).text)
        case .array:
            var items: [CBORItem] = []
            for _ in 0..<(try reader.array()) { items.append(try CBORItem(&reader)) }
            self = .array(items)
        case .map:
            var items: [CBORItem: CBORItem] = [:]
            let count = try reader.map().remaining
            for _ in 0..<count {
                let key = try CBORItem(&reader)
                items[key] = try CBORItem(&reader)
            }
            self = .map(items)
        case .tag:
            let number = try reader.tag()
            self = .tag(number, try CBORItem(&reader))
        case .simple:
            switch try reader.simple() {
            case 20: self = .bool(false)
            case 21: self = .bool(true)
            case 22: self = .null
            default: throw .unexpectedType
            }
        case .float: throw .floatRefused
        }
    }

    /// The value under an integer key, if this is a map that has it.
    package subscript(key: Int64) -> CBORItem? {
        guard case .map(let items) = self else { return nil }
        return items[key < 0 ? .negative(key) : .uint(UInt64(key))]
    }

    package subscript(key: String) -> CBORItem? {
        guard case .map(let items) = self else { return nil }
        return items[.text(key)]
    }

    package var uint: UInt64? { if case .uint(let value) = self { value } else { nil } }
    package var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    package var text: String? { if case .text(let value) = self { value } else { nil } }
    package var array: [CBORItem]? { if case .array(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// As an argument or value of a method.
    package var value: Value? {
        switch self {
        case .uint(let value): Int64(exactly: value).map { .int($0) }
        case .negative(let value): .int(value)
        case .bool(let value): .bool(value)
        case .text(let value): .text(value)
        default: nil
        }
    }
}
