// The table Protocol/lightnode.json as values, read strictly: a key that nothing here knows is an error.

import Foundation

struct Table: Codable {
    struct Version: Codable { var name: String, version: Int }
    struct Claim: Codable { var name: String, key: Int, cddl: String, meaning: String }
    struct PrivateClaim: Codable { var key: Int, meaning: String }
    struct Message: Codable {
        var name: String
        var number: Int
        var rule: String?
        var signer: String
        var request: Bool?
        var raisesEpoch: Bool?
        var cwt: [String]?
        var cwtOptional: [String]?
        var node: [String]?
        var nodeOptional: [String]?
        /// Claims that have another form in this message than elsewhere.
        var cddl: [String: String]?
        var meaning: String

        var isRequest: Bool { request ?? false }
        /// The node writes it; it never reads one.
        var isNodes: Bool { signer == "identity" }
    }
    struct Refusal: Codable {
        var name: String
        var code: Int
        var coap: String
        var meaning: String
        /// In words that name no program.
        var advice: String
        /// Remedies that carry the advice out, one after the other; several in one place are alternatives.
        var then: [Deeds]?
        /// Remedies that stand beside the advice.
        var or: [Deeds]?
        var transport: Bool?

        var isTransport: Bool { transport ?? false }
    }
    /// Cases of `Remedy` (Host/Reporting): one, or alternatives.
    enum Deeds: Codable {
        case one(String), any([String])

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            self = if let names = try? value.decode([String].self) { .any(names) } else { .one(try value.decode(String.self)) }
        }

        func encode(to encoder: any Encoder) throws {
            var value = encoder.singleValueContainer()
            switch self {
            case .one(let name): try value.encode(name)
            case .any(let names): try value.encode(names)
            }
        }
    }
    struct Coded: Codable {
        var name: String
        /// What programs on the host match on, if it is not the name.
        var word: String?
        var code: Int
        var meaning: String
    }
    struct Signer: Codable { var name: String, number: Int, count: Int, index: String?, meaning: String }
    struct Field: Codable { var name: String, part: String?, kind: String?, offset: Int, size: Int, meaning: String }
    struct Constant: Codable { var name: String, value: Int, meaning: String }
    struct LogEntry: Codable { var size: Int, fields: [Field], constants: [Constant], valueKinds: [Coded] }
    struct Format: Codable { var name: String, number: Int, meaning: String }
    struct Resource: Codable {
        var path: String, name: String?, method: String, body: String, answer: String, format: String, success: String
        var requestFormat: String?, observable: Bool?, signatures: Int, meaning: String

        var swiftName: String { name ?? path }
        /// It stands for many: a message's type or a device's name is part of the path.
        var isPattern: Bool { path.contains("<") }
    }
    struct Record: Codable { var name: String, key: Int, count: Int?, content: String, `where`: String }
    struct Map: Codable {
        struct Entry: Codable {
            var name: String
            var key: Int
            var cddl: String
            var optional: Bool?
            var meaning: String
        }
        var name: String
        var swift: String
        var meaning: String
        var fields: [Entry]
    }
    struct Flag: Codable { var name: String, bit: Int, meaning: String }
    struct USB: Codable { var vendor: Int, product: Int, meaning: String }
    struct ImageHeader: Codable { var offset: Int, size: Int, magic: String, format: Int, version: [Int], fields: [Field] }

    var about: String
    var protocolVersion: Version
    var cwtClaims: [Claim]
    var privateClaim: PrivateClaim
    var nodeClaims: [Claim]
    var messages: [Message]
    var refusals: [Refusal]
    var outcomes: [Coded]
    var signers: [Signer]
    var logEntry: LogEntry
    var resetReasons: [Coded]
    var conditions: [Coded]
    var contentFormats: [Format]
    var resources: [Resource]
    var records: [Record]
    var maps: [Map]
    var flags: [Flag]
    var usb: USB
    var imageHeader: ImageHeader

    enum CodingKeys: String, CodingKey {
        case about
        case protocolVersion = "protocol"
        case cwtClaims, privateClaim, nodeClaims, messages, refusals, outcomes, signers, logEntry, resetReasons, conditions
        case contentFormats, resources, records, maps, flags, usb, imageHeader
    }

    /// Reads the table; what it holds beyond the types above is refused.
    init(_ data: Data) throws {
        self = try JSONDecoder().decode(Table.self, from: data)
        let written = try JSONSerialization.jsonObject(with: data)
        let known = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(self))
        if let place = Table.unknown(written, known, "") { throw TableError("\(place): nothing reads this key") }
    }

    /// The place of the first key in `written` that `known` does not have.
    private static func unknown(_ written: Any, _ known: Any?, _ place: String) -> String? {
        if let map = written as? [String: Any] {
            let other = known as? [String: Any] ?? [:]
            for key in map.keys.sorted() {
                guard let value = other[key] else { return "\(place)/\(key)" }
                if let found = unknown(map[key]!, value, "\(place)/\(key)") { return found }
            }
        } else if let list = written as? [Any] {
            let other = known as? [Any] ?? []
            for (index, item) in list.enumerated() {
                if let found = unknown(item, index < other.count ? other[index] : nil, "\(place)/\(index)") { return found }
            }
        }
        return nil
    }

    /// Requests that carry a signed message, in the order of their numbers.
    var requests: [Message] { messages.filter(\.isRequest) }

    func format(_ name: String) -> Int { contentFormats.first { $0.name == name }?.number ?? 0 }
}

struct TableError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
