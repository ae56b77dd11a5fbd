// CBOR for people: the diagnostic notation of RFC 8949, section 8, and in words what is known here.
import CBOR
import Reporting

/// One CBOR item as text.
public struct CBORText: Encodable, CustomStringConvertible, Sendable {
    /// In diagnostic notation, a line for each part of a large one.
    public let notation: String
    /// What it is, in words; nil for what is not known here.
    public let meaning: String?

    public var description: String { notation + (meaning.map { "\n" + $0 } ?? "") }

    /// The items of a CBOR sequence (RFC 8742), of which one item is the shortest.
    /// - Throws: `Failure` of kind `malformedAnswer` when it is none, or not in the deterministic encoding that nodes speak.
    public static func sequence(_ bytes: [UInt8]) throws -> [CBORText] {
        do { return try CBORItem.sequence(bytes).map { CBORText(try CBORItem($0), $0) } } catch {
            throw Failure(
                .malformedAnswer, "this is no deterministic CBOR: \(error)",
                advice: "Give the bytes of the payload alone, as they came: coap-client prints text behind them with -v")
        }
    }

    private init(_ item: CBORItem, _ bytes: [UInt8]) {
        notation = item.notation(indent: "")
        if let status = try? NodeStatus(bytes, from: "the node"), item[StatusField.condition] != nil {
            meaning = "a status:\n" + Self.indented("\(status)")
        } else if let devices = try? DeviceDescription.list(bytes, from: "the node"), !devices.isEmpty {
            meaning = "a list of devices:\n" + Self.indented(devices.map(\.description).joined(separator: "\n"))
        } else if case .tag(let number, let inner) = item, number == Self.coseSign1 {
            meaning = Self.signed(inner)
        } else if item.array?.count == 4, item.array?[2].bytes != nil {
            meaning = Self.signed(item)
        } else {
            meaning = nil
        }
    }

    /// The tag of a COSE_Sign1 (RFC 9052).
    private static let coseSign1: UInt64 = 18

    private static func signed(_ item: CBORItem) -> String? {
        guard let payload = item.array.flatMap({ $0.count == 4 ? $0[2].bytes : nil }), let claims = try? CBORItem(payload) else {
            return nil
        }
        return "signed (not checked here):\n" + indented(claims.notation(indent: ""))
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n")
    }
}

extension CBORItem {
    /// Items that fit a line stay on it.
    private static var lineLength: Int { 80 }

    func notation(indent: String) -> String {
        switch self {
        case .uint(let value): return "\(value)"
        case .negative(let value): return "\(value)"
        case .bytes(let bytes): return "h'\(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())'"
        case .text(let text): return "\"\(text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined())\""
        case .bool(let value): return "\(value)"
        case .null: return "null"
        case .tag(let number, let inner): return "\(number)(\(inner.notation(indent: indent)))"
        case .array(let items): return Self.laidOut(items.map { $0.notation(indent: indent + "  ") }, "[", "]", indent)
        case .map(let items):
            let parts = items.map {
                (key: $0.key, text: "\($0.key.notation(indent: indent)): \($0.value.notation(indent: indent + "  "))")
            }
            return Self.laidOut(parts.sorted { $0.key.order < $1.key.order }.map(\.text), "{", "}", indent)
        }
    }

    /// Keys in the order of their encoding: whole numbers by size, then those below zero, then the rest.
    private var order: (Int, UInt64, String) {
        switch self {
        case .uint(let value): (0, value, "")
        case .negative(let value): (1, value.magnitude, "")
        default: (2, 0, "\(self)")
        }
    }

    private static func laidOut(_ parts: [String], _ open: String, _ close: String, _ indent: String) -> String {
        let line = parts.joined(separator: ", ")
        if line.count + indent.count < lineLength, !line.contains("\n") { return open + line + close }
        return "\(open)\n" + parts.map { "\(indent)  \($0)" }.joined(separator: ",\n") + "\n\(indent)\(close)"
    }
}
