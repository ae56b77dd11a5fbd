// What devices a node has and what they can be told: `GET /devices`. The interface texts are specified in Firmware/DeviceModel/Interface.swift.
import Reporting

/// One device of a node: what `$('led')` means there.
public struct DeviceDescription: Hashable, Codable, Sendable {
    /// What a call names it by; one in a node.
    public let name: String
    /// "led", "lock", …
    public let kind: String
    /// In the order of the interface.
    public let methods: [Method]
    /// Nil when it has none or does not know it.
    public let state: Value?
    /// SenML unit of the state (RFC 8428): "bool", "%", "mCel"; nil when it has none.
    public let unit: String?
    /// Names of what `Sample.event` can be.
    public let events: [String]
    /// The device takes only commands that prove to be fresh, as `RemoteNode.send` does by itself.
    public let demandsFreshness: Bool

    /// One method, such as `open(for:ms 100..60000=5000)`.
    public struct Method: Hashable, Codable, Sendable {
        /// What a call names it by, without arguments.
        public let name: String
        /// As the interface has them: `for:ms 100..60000=5000`.
        public let arguments: [String]
        /// SenML unit of the result; nil when there is none.
        public let unit: String?
    }

    init(name: String, interface: String, state: Value?, demandsFreshness: Bool) {
        self.name = name
        self.state = state
        self.demandsFreshness = demandsFreshness
        let parts = interface.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        methods = parts[0].split(separator: ";").map { Method(String($0)) }
        let kind = (parts.count > 1 ? parts[1] : "").split(separator: ":", maxSplits: 1).map(String.init)
        self.kind = kind.first ?? ""
        unit = kind.count > 1 ? kind[1] : nil
        events = parts.count > 2 ? parts[2].split(separator: ";").map(String.init) : []
    }

    /// Reads the `devices` array.
    package static func list(_ body: [UInt8], from name: String) throws -> [DeviceDescription] {
        let items = try? CBORItem(body).array?.map { item -> DeviceDescription? in
            guard let fields = item.array, fields.count >= 3, let name = fields[0].text, let interface = fields[1].text else {
                return nil
            }
            return DeviceDescription(
                name: name, interface: interface, state: fields[2].value,
                demandsFreshness: fields.count > 3 ? fields[3].bool ?? false : false)
        }
        guard let items, !items.contains(nil) else {
            throw Failure(
                .malformedAnswer, "the list of devices of \(name) cannot be read",
                remedy: .sameRelease)
        }
        return items.compactMap { $0 }
    }
}

extension DeviceDescription.Method {
    init(_ text: String) {
        let head = text.prefix { $0 != "(" && $0 != ":" }
        name = String(head)
        var rest = text.dropFirst(head.count)
        if rest.first == "(", let end = rest.firstIndex(of: ")") {
            arguments = rest[rest.index(after: rest.startIndex)..<end].split(separator: ",").map(String.init)
            rest = rest[rest.index(after: end)...]
        } else {
            arguments = []
        }
        unit = rest.first == ":" ? String(rest.dropFirst()) : nil
    }
}

extension DeviceDescription.Method: CustomStringConvertible {
    public var description: String { "\(name)(\(arguments.joined(separator: ", ")))\(unit.map { " -> \($0)" } ?? "")" }
}

extension DeviceDescription: CustomStringConvertible {
    public var description: String {
        let value = state.map { " = \($0)\(unit.map { $0 == "bool" || $0 == "1" ? "" : " \($0)" } ?? "")" } ?? ""
        return "$(\(CallText.quoted(name)))  \(kind)\(value)  \(methods.map { ".\($0)" }.joined(separator: " "))"
            + (demandsFreshness ? "  (fresh commands only)" : "")
    }
}
