// The firmware's vocabulary: enums, sets and constants that cost the image nothing that is not used.

import Foundation

/// Where `FlashText` is.
var textModule: String { FileManager.default.fileExists(atPath: "Firmware/Bytes") ? "Bytes" : "Devices" }

extension Table {
    func firmwareFiles() throws -> [GeneratedFile] {
        let folder = "Firmware/Vocabulary/"
        let vocabulary = [
            ("MessageType", messageTypes), ("Keys", keys), ("Refusal", refusalCodes), ("LogLayout", logLayout),
            ("Signer", signerNumbers), ("States", states), ("Record", recordKeys),
        ]
        return vocabulary.map { GeneratedFile(path: folder + $0 + ".swift", text: $1) } + [
            GeneratedFile(path: "Firmware/HAL/ResetReason.swift", text: reasons),
            GeneratedFile(path: "Firmware/USBDevice/USBIdentity.swift", text: usbNumbers),
            GeneratedFile(path: "Firmware/CoAP/ContentFormat.swift", text: contentFormatNumbers),
            GeneratedFile(path: "Firmware/NodeServer/ResourceTable.swift", text: try resourceTable()),
            GeneratedFile(path: "Firmware/NodeServer/ProblemTable.swift", text: try problemTable()),
            GeneratedFile(path: "Firmware/Startup/include/ImageHeader.h", text: imageHeaderC),
        ]
    }

    private var messageTypes: String {
        var lines = [head("the types of signed messages, and which claims each must and may carry."), "import \(textModule)", ""]
        lines += doc("A type of signed message, by its number in `external_aad` and in the log", 0)
        lines += number("MessageType", nil, "The number", messages.map { ($0.name, $0.number, $0.meaning) })
        lines += ["", "    #if !hasFeature(Embedded)", "    /// All there are, in the order of their numbers."]
        lines += [
            "    public static var allCases: [MessageType] { (0...UInt8.max).compactMap(MessageType.init(rawValue:)) }",
            "    #endif",
        ]
        lines += [""] + doc("The type's name in `external_aad`, and the path that takes it")
        lines += nameLookup(
            "public var name", messages.map(\.number), of: "rawValue", names: "MessageType.names", messages.map(\.name))
        lines += ["    /// How many types are requests: they are numbered from 0 on."]
        lines += ["    @inlinable public static var requestCount: UInt8 { \(requests.count) }", ""]
        lines += ["    /// True for those that a node takes as a request."]
        lines += ["    @inlinable public var isRequest: Bool { rawValue < MessageType.requestCount }", ""]
        let raising = messages.filter { $0.raisesEpoch ?? false }.reduce(0) { $0 | 1 << $1.number }
        lines += ["    /// True for the changes of ownership."]
        lines += [
            "    @inlinable public var raisesEpoch: Bool { 0x\(String(raising, radix: 16)) >> UInt32(rawValue) & 1 != 0 }", "",
        ]
        lines += ["    /// The claims of what a node reads; none for what it only writes."]
        lines += ["    public var shape: ClaimShape {", "        switch self {"]
        for (shape, names) in shapes {
            lines += [
                "        // \(shape.claims)", "        case \(names.map { "." + $0 }.joined(separator: ", ")): \(shape.value)",
            ]
        }
        lines += ["        default: ClaimShape(cwt: 0, node: 0)", "        }", "    }", "}", ""]
        return lines.joined(separator: "\n")
    }

    /// Shapes with the types that have them, so that the image holds each once.
    private var shapes: [((claims: String, value: String), [String])] {
        var found: [((claims: String, value: String), [String])] = []
        for message in messages where message.cwt != nil && !message.isNodes {
            let lists = [
                ("cwt", message.cwt), ("cwtOptional", message.cwtOptional), ("node", message.node),
                ("nodeOptional", message.nodeOptional),
            ]
            // As bits: a set written as a literal of several elements would ask for a heap.
            let keys = Dictionary(uniqueKeysWithValues: (cwtClaims + nodeClaims).map { ($0.name, $0.key) })
            let arguments = lists.compactMap { name, claims in
                claims.map { "\(name): 0x\(String($0.reduce(0 as UInt64) { $0 | 1 << UInt64(keys[$1] ?? 0) }, radix: 16))" }
            }
            let claims = lists.flatMap { $0.1 ?? [] }.joined(separator: ", ")
            let value = "ClaimShape(\(arguments.joined(separator: ", ")))"
            if let index = found.firstIndex(where: { $0.0.value == value }) {
                found[index].1.append(message.name)
            } else {
                found.append(((claims, value), [message.name]))
            }
        }
        return found
    }

    private var keys: String {
        var lines = [head("the keys of claims and of unsigned bodies.")]
        lines += ["/// The protocol's name and version, as `external_aad` has them.", "public enum Protocol {"]
        lines += doc("Version of what is signed: a signature of another is worthless")
        lines += ["    @inlinable public static var version: UInt8 { \(protocolVersion.version) }"]
        lines +=
            doc(privateClaim.meaning) + ["    @inlinable public static var privateClaim: Int32 { \(privateClaim.key) }", "}", ""]
        lines += keys(
            "CWTKey", "Keys of CWT claims (RFC 8392, section 4; RFC 8747, section 3.1)",
            cwtClaims.map { ($0.name, $0.key, $0.meaning) })
        lines += keys("NodeKey", "Keys of the private claim's map", nodeClaims.map { ($0.name, $0.key, $0.meaning) })
        for map in maps {
            lines += keys("\(map.swift)Key", "Keys of the \(map.meaning)", map.fields.map { ($0.name, $0.key, $0.meaning) })
        }
        return lines.joined(separator: "\n")
    }

    private func keys(_ name: String, _ what: String, _ rows: [(name: String, key: Int, meaning: String)]) -> [String] {
        doc(what, 0) + ["public enum \(name) {"]
            + rows.flatMap { doc($0.meaning) + ["    @inlinable public static var \($0.name): Int32 { \($0.key) }"] } + ["}", ""]
    }

    private var refusalCodes: String {
        var lines = [head("why a node refuses a message.")]
        lines += doc("A refusal before anything was recorded or executed. The raw value is the code on the wire", 0)
        let rows = refusals.filter { !$0.isTransport }.map { (camel($0.name), $0.code, $0.meaning) }
        lines += number("Refusal", "Error", "The code on the wire", rows)
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    private var logLayout: String {
        let fields = logEntry.fields
        var lines = [head("the bytes of a log entry, numbers in little-endian.")]
        lines += ["/// Where the fields of a log entry are. The chain hashes all its bytes.", "public enum LogLayout {"]
        lines += doc("Bytes of an entry") + ["    @inlinable public static var size: Int { \(logEntry.size) }"]
        for field in fields {
            lines += doc(field.meaning)
            lines += [
                "    @inlinable public static var \(field.name): Range<Int> { \(field.offset)..<\(field.offset + field.size) }"
            ]
        }
        for (part, when) in [("intent", "known before the message is executed"), ("result", "known after")] {
            let those = fields.filter { $0.part == part }
            guard let first = those.first, let last = those.last else { continue }
            lines += doc("The bytes that are \(when)")
            lines += [
                "    @inlinable public static var \(part): Range<Int> { \(first.name).lowerBound..<\(last.name).upperBound }"
            ]
        }
        for constant in logEntry.constants {
            let type = constant.value < 0 ? "Int16" : "UInt8"
            lines += doc(constant.meaning) + ["    @inlinable public static var \(constant.name): \(type) { \(constant.value) }"]
        }
        lines += ["}", "", "/// What the value of an entry is.", "public enum LogValueKind: UInt8, Sendable {"]
        lines += cases(logEntry.valueKinds.map { ($0.name, $0.code, $0.meaning) })
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    private var signerNumbers: String {
        var lines = [head("who signs messages.")]
        lines += doc("Who signed a message: a number of four bits, the high nibble of a log entry's origin", 0)
        lines += [
            "public struct Signer: RawRepresentable, Equatable, Sendable {", "    /// 0…15.", "    public let rawValue: UInt8",
        ]
        lines += ["    /// The signer of a number, of which only four bits count."]
        lines += ["    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue & 15 }"]
        for signer in signers where signer.index == nil {
            lines += doc(signer.meaning)
            lines += ["    @inlinable public static var \(signer.name): Signer { Signer(rawValue: \(signer.number)) }"]
        }
        for signer in signers {
            guard let index = signer.index else { continue }
            let plus = signer.number == 0 ? "" : "\(signer.number) + "
            lines += doc("\(signer.meaning), 0…\(signer.count - 1)")
            lines += ["    @inlinable public static func \(signer.name)(_ \(index): Int) -> Signer {"]
            lines += ["        Signer(rawValue: \(plus)UInt8(truncatingIfNeeded: \(index)))", "    }"]
        }
        for signer in signers {
            guard let index = signer.index else { continue }
            let end = signer.number + signer.count
            let bound = end == 16 ? "" : " && rawValue < \(end)"
            lines += doc("The \(index) of a \(signer.name), 0…\(signer.count - 1); nil for another signer")
            lines += ["    @inlinable public var \(signer.name)\(capital(index)): Int? {"]
            lines += ["        rawValue >= \(signer.number)\(bound) ? Int(rawValue) - \(signer.number) : nil", "    }"]
            lines +=
                doc("How many there can be") + ["    @inlinable public static var \(signer.name)Count: Int { \(signer.count) }"]
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    private var states: String {
        var lines = [head("outcomes, conditions and settings.")]
        lines += doc("How an accepted message ended: the `outcome` of a receipt and of a log entry", 0)
        lines += number("Outcome", nil, "The code in receipts and log", outcomes.map { (camel($0.name), $0.code, $0.meaning) })
        lines += ["}", ""]
        lines += coded("Condition", "What a node is ready for, as `/status` tells it", conditions)
        lines += ["/// The bits of an owner's settings, in `flags`.", "public enum SettingFlag {"]
        for flag in flags {
            lines += doc(flag.meaning) + ["    @inlinable public static var \(flag.name): UInt32 { \(1 << flag.bit) }"]
        }
        let all = flags.reduce(0) { $0 | 1 << $1.bit }
        lines +=
            doc("All of them: the greatest value of `flags`") + [
                "    @inlinable public static var all: UInt32 { \(all) }", "}", "",
            ]
        return lines.joined(separator: "\n")
    }

    /// A type of numbers with names. No enum: with gaps between its numbers each use would bring a table.
    private func number(
        _ name: String, _ conforms: String?, _ what: String, _ rows: [(name: String, number: Int, meaning: String)]
    )
        -> [String]
    {
        let protocols = ["RawRepresentable", "Equatable", conforms, "Sendable"].compactMap { $0 }.joined(separator: ", ")
        let known = rows.reduce(0 as UInt64) { $0 | 1 << UInt64($1.number) }
        let bits = known >> 32 == 0 ? 32 : 64
        var lines = ["public struct \(name): \(protocols) {"] + doc(what) + ["    public let rawValue: UInt8", ""]
        lines += ["    @inlinable init(number: UInt8) { rawValue = number }", ""]
        lines += ["    /// Nil for a number that none has.", "    @inlinable public init?(rawValue: UInt8) {"]
        lines += [
            "        guard rawValue < \(bits), 0x\(String(known, radix: 16)) as UInt\(bits) >> UInt\(bits)(rawValue) & 1 != 0 else { return nil }"
        ]
        lines += ["        self.rawValue = rawValue", "    }", ""]
        for row in rows {
            lines +=
                doc(row.meaning) + ["    @inlinable public static var \(row.name): \(name) { \(name)(number: \(row.number)) }"]
        }
        return lines
    }

    private func coded(_ name: String, _ what: String, _ rows: [Coded]) -> [String] {
        doc(what, 0) + ["public enum \(name): UInt8, Sendable {"]
            + cases(rows.map { (camel($0.name), $0.code, $0.meaning) }) + ["}", ""]
    }

    private var recordKeys: String {
        var lines = [head("the records in a node's flash."), "import \(textModule)", ""]
        lines += ["/// A record of the executor."]
        let rows = records.map { record in
            let slots = record.count.map { "; slot n has key \(record.key) + n, up to \($0 - 1)" } ?? ""
            return (record.name, record.key, record.content + slots)
        }
        lines += number("Record", nil, "The key in the store", rows)
        lines += ["", "    /// How many there are: their bits are those below."]
        lines += ["    @inlinable public static var count: Int { \(records.count) }", ""]
        lines += ["    /// Bit in a set of records."]
        lines += [
            "    @inlinable public var bit: UInt16 {", "        let position = \(position(records.map(\.key), of: "rawValue"))",
        ]
        lines += ["        return 1 << UInt16(position)", "    }", ""]
        lines += ["    /// By bit, separated by spaces: the names in `/status`."]
        lines += [
            "    public static var names: FlashText {", "        \(flashText(records.map(\.name), indent: 8))", "    }", "}", "",
        ]
        return lines.joined(separator: "\n")
    }

    private var reasons: String {
        ([head("why the chip started.")] + coded("ResetReason", "What made the chip start, as far as it can tell", resetReasons))
            .joined(separator: "\n")
    }

    private var usbNumbers: String {
        let what = [
            "/// What a light node claims to be on USB.", "///",
            "/// 1209:0001 is a product id that pid.codes sets aside for private testing (https://pid.codes/1209/0001/): others use it as well, so",
            "/// hosts look at the interfaces and strings too, and a product on sale needs an id of its own in the table and in `board.json`.",
        ]
        return
            ([head("the numbers by which a node's USB is known.")] + what + ["public enum USBIdentity {"]
            + doc("idVendor") + ["    public static var vendor: UInt16 { 0x\(hex(usb.vendor, 4)) }"]
            + doc("idProduct") + ["    public static var product: UInt16 { 0x\(hex(usb.product, 4)) }", "}", ""])
            .joined(separator: "\n")
    }

    private var imageHeaderC: String {
        let types = ["number": [1: "uint8_t", 2: "uint16_t", 4: "uint32_t"]]
        var lines = [
            head("what an image says about itself (docs/flash-format.md)."), "#pragma once", "#include <stddef.h>",
            "#include <stdint.h>", "",
        ]
        lines += ["typedef struct {"]
        for field in imageHeader.fields {
            let type = types[field.kind ?? ""]?[field.size] ?? (field.kind == "text" ? "char" : "uint8_t")
            let count = types[field.kind ?? ""]?[field.size] == nil ? "[\(field.size)]" : ""
            lines += ["    \(type) \(field.name)\(count); // \(field.meaning)"]
        }
        lines += ["} ImageHeader;", ""]
        lines += ["#define LIGHTNODE_IMAGE_MAGIC \(imageHeader.magic.map { "'\($0)'" }.joined(separator: ", "))"]
        lines += [
            "#define LIGHTNODE_IMAGE_FORMAT \(imageHeader.format)",
            "#define LIGHTNODE_VERSION \(imageHeader.version.map(String.init).joined(separator: ", "))",
            "#define LIGHTNODE_IMAGE_OFFSET 0x\(hex(imageHeader.offset, 3))",
        ]
        lines += ["_Static_assert(sizeof(ImageHeader) == \(imageHeader.size), \"size of the image header\");"]
        for field in imageHeader.fields {
            lines += [
                "_Static_assert(offsetof(ImageHeader, \(field.name)) == \(field.offset), \"\(field.name) of the image header\");"
            ]
        }
        return (lines + [""]).joined(separator: "\n")
    }
}

func hex(_ number: Int, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
