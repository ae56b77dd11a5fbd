// CBOR items as values, written out: the counterpart of CBORItem's reading. The portable CBOR module does the writing.
import CBOR

extension CBORItem {
    /// The deterministic encoding: map keys are sorted here.
    package var encoded: [UInt8] { CBOR.encode { write(to: &$0) } }

    @_lifetime(writer: copy writer)
    private func write(to writer: inout CBORWriter) {
        switch self {
        case .uint(let value): writer.uint(value)
        case .negative(let value): writer.int(value)
        case .bytes(let bytes): writer.bytes(bytes)
        case .text(let text): writer.text(text)
        case .array(let items):
            writer.array(items.count)
            for item in items { item.write(to: &writer) }
        case .map(let items):
            writer.map(items.count)
            for (key, value) in items.map({ ($0.key.encoded, $0.value) }).sorted(by: { $0.0.lexicographicallyPrecedes($1.0) }) {
                writer.raw(key.span.bytes)
                value.write(to: &writer)
            }
        case .tag(let number, let item):
            writer.tag(number)
            item.write(to: &writer)
        case .bool(let value): writer.bool(value)
        case .null: writer.null()
        }
    }

    package init(_ value: Int64) { self = value < 0 ? .negative(value) : .uint(UInt64(value)) }

    package init(_ value: Value) {
        self =
            switch value {
            case .int(let value): CBORItem(value)
            case .bool(let value): .bool(value)
            case .text(let value): .text(value)
            }
    }

    /// A map with integer keys; pairs without a value are left out.
    package static func map(_ pairs: KeyValuePairs<Int64, CBORItem?>) -> CBORItem {
        var items: [CBORItem: CBORItem] = [:]
        for (key, value) in pairs { if let value { items[CBORItem(key)] = value } }
        return .map(items)
    }
}
