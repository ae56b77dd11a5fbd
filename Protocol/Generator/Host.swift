// The host's vocabulary: numbers with the words that users read. Encoders and decoders are written by hand, apart from the firmware's.

extension Table {
    func hostFiles() throws -> [GeneratedFile] {
        let folder = "Host/NodeProtocol/Vocabulary/"
        let vocabulary = [
            ("MessageType", hostMessageTypes), ("ClaimKeys", hostClaimKeys), ("RefusalReason", try hostRefusals()),
            ("Outcome", hostOutcomes), ("LogFields", hostLogFields), ("States", hostStates), ("MapFields", hostMapFields),
            ("Resources", hostResources), ("NodeUSB", hostUSB),
        ]
        return vocabulary.map { GeneratedFile(path: folder + $0 + ".swift", text: $1) } + [
            GeneratedFile(path: "Host/Image/ImageFields.swift", text: hostImageFields)
        ]
    }

    private var hostMessageTypes: String {
        var lines = [head("the types of signed messages.")]
        lines += doc(
            "What a signed message is for. Its name is part of what its signature covers, and the resource that takes it", 0)
        lines += ["public enum MessageType: String, Codable, CaseIterable, Sendable {"]
        for message in messages { lines += doc(message.meaning) + ["    case \(message.name)"] }
        lines +=
            [""]
            + property(
                "public var number: UInt8", "Its number in the log and in consents", messages.map { ($0.name, "\($0.number)") })
        lines += [""]
        lines += ["    /// The type with a number; nil when none has it.", "    public init?(number: UInt8) {"]
        lines += ["        guard let found = Self.allCases.first(where: { $0.number == number }) else { return nil }"]
        lines += [
            "        self = found", "    }", "", "    /// True for the changes of ownership.",
            "    public var raisesEpoch: Bool {",
        ]
        let raising = messages.filter { $0.raisesEpoch ?? false }.map { ".\($0.name)" }.joined(separator: ", ")
        lines += ["        switch self {", "        case \(raising): true", "        default: false", "        }", "    }", ""]
        lines += property(
            "var staticName: StaticString", "The name as `external_aad` takes it", messages.map { ($0.name, quoted($0.name)) })
        lines += ["}", ""]
        return lines.joined(separator: "\n")
    }

    private var hostClaimKeys: String {
        var lines = [head("the keys of claims.")]
        lines += constants("CWTClaim", "Keys of CWT claims (RFC 8392, section 4; RFC 8747, section 3.1)", "Int64") {
            cwtClaims.map { ($0.name, "\($0.key)", $0.meaning) } + [("node", "\(privateClaim.key)", privateClaim.meaning)]
        }
        lines += constants("NodeClaim", "Keys of the private claim's map", "Int64") {
            nodeClaims.map { ($0.name, "\($0.key)", $0.meaning) }
        }
        return lines.joined(separator: "\n")
    }

    /// An enum without cases, for constants that the whole package sees.
    private func constants(_ name: String, _ what: String, _ type: String, _ rows: () -> [(String, String, String)]) -> [String] {
        doc(what, 0) + ["package enum \(name) {"]
            + rows().flatMap { doc($0.2) + ["    package static let \($0.0): \(type) = \($0.1)"] } + ["}", ""]
    }

    private func hostRefusals() throws -> String {
        var lines = [head("why a node refuses a message."), "import Reporting", ""]
        lines += doc("Why a node refuses. The raw value is the stable name that programs match on", 0)
        lines += ["public enum RefusalReason: String, Codable, CaseIterable, Sendable {"]
        for refusal in refusals {
            let value = camel(refusal.name) == refusal.name ? "" : " = \"\(refusal.name)\""
            lines += doc(refusal.meaning) + ["    case \(camel(refusal.name))\(value)"]
        }
        func facts(_ name: String, _ type: String, _ what: String, _ value: (Refusal) throws -> String) rethrows {
            lines += [""] + property("public var \(name): \(type)", what, try refusals.map { ($0.name, try value($0)) })
        }
        facts("code", "UInt8", "The code on the wire") { "\($0.code)" }
        try facts("responseCode", "UInt8", "The response code of CoAP that it comes with: class in the upper three bits") {
            "0x\(hex(try responseCode($0.coap), 2))"
        }
        facts("meaning", "String", "What it means, in one sentence") { quoted($0.meaning) }
        facts("advice", "String", "What to do next, in one sentence") { quoted($0.advice) }
        lines += [
            "", "    /// What to do next: the advice, and what carries it out where this program can.",
            "    public var remedy: Remedy {",
        ]
        lines += ["        let advice = Remedy.advice(advice)", "        return switch self {"]
        for refusal in refusals {
            guard let deeds = refusal.then ?? refusal.or else { continue }
            let form = refusal.then == nil ? "either" : "inOrder"
            lines += ["        case .\(camel(refusal.name)): .\(form)([advice, \(deeds.map(remedy).joined(separator: ", "))])"]
        }
        lines += ["        default: advice", "        }", "    }"]
        lines += ["", "    /// The reason with a code; nil when none has it.", "    public init?(code: UInt64) {"]
        lines += ["        guard let found = Self.allCases.first(where: { UInt64($0.code) == code }) else { return nil }"]
        lines += ["        self = found", "    }", "}", ""]
        return lines.joined(separator: "\n")
    }

    /// As a value in Swift. Which nodes there are, a table does not know.
    private func remedy(_ deeds: Deeds) -> String {
        func one(_ name: String) -> String { name == "nameNode" ? ".nameNode([])" : "." + name }
        return switch deeds {
        case .one(let name): one(name)
        case .any(let names): ".either([\(names.map(one).joined(separator: ", "))])"
        }
    }

    private func quoted(_ text: String) -> String { "\"\(text.replacing("\"", with: "\\\""))\"" }

    /// A property of an enum, with a value for each of its cases by their names in the table.
    private func property(_ declaration: String, _ what: String, _ rows: [(String, String)], otherwise: String? = nil) -> [String]
    {
        var lines = doc(what) + ["    \(declaration) {", "        switch self {"]
        for (name, value) in rows {
            let line = "        case .\(camel(name)): \(value)"
            lines += line.count <= 130 ? [line] : ["        case .\(camel(name)):"] + literal(value, indent: 12)
        }
        return lines + (otherwise.map { ["        default: \($0)"] } ?? []) + ["        }", "    }"]
    }

    /// A long string literal in several lines.
    private func literal(_ text: String, indent: Int) -> [String] {
        let start = String(repeating: " ", count: indent)
        let parts = wrapped(String(text.dropFirst().dropLast()), 110)
        return [start + "\"\"\""] + parts.enumerated().map { start + $1 + ($0 < parts.count - 1 ? " \\" : "") } + [
            start + "\"\"\""
        ]
    }

    private var hostOutcomes: String {
        var lines = [head("how accepted messages end.")]
        lines += doc("How a message ended. A newer firmware may know more of them", 0)
        lines += [
            "public struct Outcome: RawRepresentable, Hashable, Sendable {", "    /// The number on the wire.",
            "    public let rawValue: UInt8",
        ]
        lines += [
            "    /// The outcome with a number, known here or not.",
            "    public init(rawValue: UInt8) { self.rawValue = rawValue }", "",
        ]
        for outcome in outcomes {
            lines += doc(outcome.meaning) + ["    public static let \(camel(outcome.name)) = Outcome(rawValue: \(outcome.code))"]
        }
        lines += ["", "    /// Those that are known here.", "    public static let known: [Outcome] = ["]
        lines += [
            wrapped(outcomes.map { "." + camel($0.name) }.joined(separator: ", ") + ",", 110).map { "        " + $0 }.joined(
                separator: "\n"), "    ]", "",
        ]
        for (name, what, value) in [
            ("name", "The stable name that programs match on; nil when it is not known here", \Coded.name),
            ("meaning", "What it means and what to do, in one sentence; nil when it is not known here", \Coded.meaning),
        ] {
            lines += property(
                "var \(name): String?", what, outcomes.map { ($0.name, quoted($0[keyPath: value])) }, otherwise: "nil")
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    private var hostLogFields: String {
        var lines = [head("the bytes of a log entry, numbers in little-endian.")]
        lines += constants("LogField", "Where the fields of a log entry are", "Range<Int>") {
            logEntry.fields.map { ($0.name, "\($0.offset)..<\($0.offset + $0.size)", $0.meaning) }
        }
        lines += ["extension LogField {", "    /// Bytes of an entry.", "    package static let size = \(logEntry.size)"]
        for constant in logEntry.constants {
            lines += doc(constant.meaning) + ["    package static let \(constant.name): Int64 = \(constant.value)"]
        }
        lines += ["}", "", "/// What the value of an entry is.", "package enum LogValueKind: UInt8 {"]
        lines += cases(logEntry.valueKinds.map { ($0.name, $0.code, $0.meaning) })
        lines += ["}", ""]
        lines += doc("Who signed the message of a log entry: the high nibble of its origin", 0)
        lines += ["public enum LogSigner: Hashable, Sendable {"]
        for signer in signers {
            lines +=
                doc(signer.meaning + (signer.index == nil ? "" : ", from 0 on")) + [
                    "    case \(signer.name)\(signer.index == nil ? "" : "(Int)")"
                ]
        }
        lines += ["", "    /// The signer with a number of four bits; nil when it is nobody's."]
        lines[lines.count - 1] = "    /// The signer with a number; nil when none has it."
        lines += ["    package init?(number: UInt8) {", "        switch number {"]
        for signer in signers {
            let last = signer.number + signer.count - 1
            lines += [
                signer.index == nil
                    ? "        case \(signer.number): self = .\(signer.name)"
                    : "        case \(signer.number)...\(last): self = .\(signer.name)(Int(number) - \(signer.number))"
            ]
        }
        return (lines + ["        default: return nil", "        }", "    }", "}", ""]).joined(separator: "\n")
    }

    private var hostStates: String {
        var lines = [head("states of a node, its settings, and why its chip started.")]
        lines += named("NodeState", "The state of ownership", conditions)
        lines += named("ResetCause", "Why a chip started", resetReasons)
        lines += doc("What the owner has set: the bits of `flags`", 0)
        lines += [
            "public struct NodeSettings: OptionSet, Hashable, Codable, Sendable {", "    /// The bits.",
            "    public let rawValue: UInt64",
        ]
        lines += ["    /// Settings by their bits.", "    public init(rawValue: UInt64) { self.rawValue = rawValue }"]
        for flag in flags {
            lines += doc(flag.meaning) + ["    public static let \(flag.name) = NodeSettings(rawValue: \(1 << flag.bit))"]
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    /// An enum whose numbers begin at 0 and have no gap (`Checks`), so that its names are a list.
    private func named(_ name: String, _ what: String, _ rows: [Coded]) -> [String] {
        let names = rows.map { quoted($0.word ?? $0.name) }.joined(separator: ", ")
        return doc(what, 0) + ["public enum \(name): UInt8, CaseIterable, Sendable {"]
            + cases(rows.map { (camel($0.name), $0.code, $0.meaning) }) + [""] + doc("The stable name that programs match on")
            + ["    public var name: String { [\(names)][Int(rawValue)] }", "}", ""]
    }

    private var hostMapFields: String {
        var lines = [head("the keys of unsigned bodies.")]
        for map in maps {
            lines += constants(map.swift + "Field", "Keys of the \(map.meaning)", "Int64") {
                map.fields.map { ($0.name, "\($0.key)", $0.meaning) }
            }
        }
        return lines.joined(separator: "\n")
    }

    private var hostResources: String {
        let rows = resources.filter { !$0.isPattern }
        var lines = [head("the paths of a node's resources.")]
        lines += constants("ResourcePath", "Paths of resources; those of messages are the names of their types", "String") {
            rows.map { ($0.swiftName, "\"\($0.path)\"", $0.answer) }
        }
        return lines.joined(separator: "\n")
    }

    private var hostUSB: String {
        ([
            head("the numbers by which a node's USB is known."), "/// A node's numbers on USB: \(usb.meaning).",
            "public enum NodeUSB {",
        ]
            + doc("idVendor") + ["    public static let vendor: UInt16 = 0x\(hex(usb.vendor, 4))"]
            + doc("idProduct") + ["    public static let product: UInt16 = 0x\(hex(usb.product, 4))", "}", ""]).joined(
                separator: "\n")
    }

    private var hostImageFields: String {
        var lines = [head("what an image says about itself, numbers in little-endian.")]
        lines += ["/// Where the fields of an image's header are, from its beginning on.", "enum ImageField {"]
        for field in imageHeader.fields {
            lines += doc(field.meaning) + ["    static let \(field.name) = \(field.offset)..<\(field.offset + field.size)"]
        }
        lines += [
            "", "    /// Where the header begins, from the vector table on.",
            "    static let headerOffset = 0x\(hex(imageHeader.offset, 3))",
        ]
        lines += ["    /// Bytes of the header.", "    static let headerSize = \(imageHeader.size)"]
        lines += ["    /// What `magic` holds.", "    static let magicBytes = Array(\"\(imageHeader.magic)\".utf8)"]
        lines += ["    /// What `format` holds.", "    static let formatNumber: UInt8 = \(imageHeader.format)"]
        let version = imageHeader.version.map(String.init).joined(separator: ".")
        lines += ["    /// What `version` holds in images of this tree.", "    static let versionText = \"\(version)\"", "}", ""]
        return lines.joined(separator: "\n")
    }
}
