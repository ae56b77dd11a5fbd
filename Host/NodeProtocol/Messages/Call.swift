// What a command asks for: a device, a method and arguments, and the text form `$('led').on()` of it.

/// An argument or a value: what a method takes and a receipt gives back.
public enum Value: Hashable, Sendable {
    /// An integer as JSON and CBOR have it, 64 bits.
    case int(Int64)
    /// True or false.
    case bool(Bool)
    /// Text in UTF-8; from a node it is foreign.
    case text(String)
}

extension Value: ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByStringLiteral {
    /// `5` in a call written in Swift.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// `true` in a call written in Swift.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// `"text"` in a call written in Swift.
    public init(stringLiteral value: String) { self = .text(value) }
}

extension Value: CustomStringConvertible {
    /// As it is written in a call: `5`, `true`, `'text'`.
    public var description: String {
        switch self {
        case .int(let value): "\(value)"
        case .bool(let value): "\(value)"
        case .text(let value): CallText.quoted(value)
        }
    }
}

extension Value: Codable {
    /// JSON's own types.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .int(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value)
        } else {
            self = .text(try container.decode(String.self))
        }
    }
}

/// One call of a method of a named device: `$('dimmer').set(50)`.
public struct Call: Hashable, Sendable {
    /// The device's name, as `DeviceDescription.name` has it; never empty in a call that was parsed.
    public let device: String
    /// The method's name: letters, digits, "_" and "-".
    public let method: String
    /// In the order of the method's parameters; their names are not written.
    public let arguments: [Value]

    /// A call that nothing has checked: whether the node has the device and the method, the node says.
    public init(device: String, method: String, arguments: [Value] = []) {
        self.device = device
        self.method = method
        self.arguments = arguments
    }
}

extension Call: CustomStringConvertible {
    public var description: String {
        "$(\(CallText.quoted(device))).\(method)(\(arguments.map(\.description).joined(separator: ", ")))"
    }
}

package enum CallText {
    /// `text` between single quotes, with what would end them escaped.
    package static func quoted(_ text: String) -> String {
        var result = "'"
        for character in text {
            switch character {
            case "'", "\\": result += "\\\(character)"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default: result.append(character)
            }
        }
        return result + "'"
    }
}
