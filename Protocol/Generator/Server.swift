// What the node's server knows of resources and refusals: small tables by number.

extension Table {
    /// Resources beside messages, in the order of their numbers.
    private var plain: [Resource] { resources.filter { !$0.isPattern } }

    func resourceTable() throws -> String {
        var lines = [head("the node's resources.")]
        lines += ["import CoAP", "import Vocabulary", "import \(textModule)"].sorted() + [""]
        lines += doc(
            "What is fixed of each resource, by its number: first the messages, then those named below. Any other number is a device's state",
            0)
        lines += ["enum ResourceTable {", "    /// Below it the number is that of a message's type."]
        lines += [
            "    static var messageCount: UInt8 { MessageType.requestCount }", "    /// How many have a path that is fixed.",
        ]
        lines += ["    static var count: UInt8 { \(requests.count + plain.count) }"]
        for (index, resource) in plain.enumerated() {
            lines += doc(resource.answer) + ["    static var \(resource.swiftName): UInt8 { \(requests.count + index) }"]
        }
        lines += ["", "    /// By number from `messageCount` on, separated by spaces."]
        lines += ["    static var paths: FlashText {", "        \(flashText(plain.map(\.path), indent: 8))", "    }", ""]
        lines += fact("method", "CoAPCode", "The method that it takes") { $0.method == "GET" ? ".get" : ".post" }
        lines += fact("format", "UInt16", "Content-Format of the answer") { "CoAPContentFormat.\($0.format)" }
        lines += fact("requestFormat", "UInt16?", "Content-Format of the request's payload; nil when it has none") {
            $0.requestFormat.map { "CoAPContentFormat.\($0)" } ?? "nil"
        }
        lines += try fact("success", "CoAPCode", "Code of a good answer") { resource in
            let code = try responseCode(resource.success)
            return "CoAPCode(\(code >> 5), \(code & 31))"
        }
        lines += fact("isObservable", "Bool", "True when a client may ask to be told of every change (RFC 7641)") {
            "\($0.observable ?? false)"
        }
        lines += fact("signatures", "UInt8", "Signatures that an answer takes at most") { "\($0.signatures)" }
        lines[lines.count - 1] = "}"
        return (lines + [""]).joined(separator: "\n")
    }

    /// A function from numbers to values, with the value of a device's state as default.
    private func fact(_ name: String, _ type: String, _ what: String, _ value: (Resource) throws -> String) rethrows -> [String] {
        var rows: [(value: String, cases: [String])] = []
        func add(_ value: String, _ pattern: String) {
            if let index = rows.firstIndex(where: { $0.value == value }) {
                rows[index].cases.append(pattern)
            } else {
                rows.append((value, [pattern]))
            }
        }
        for resource in resources where resource.path == "<type>" { add(try value(resource), "0..<messageCount") }
        for resource in plain { add(try value(resource), resource.swiftName) }
        let fallback = try resources.first { $0.path == "devices/<name>" }.map(value) ?? "nil"
        var lines = doc(what) + ["    static func \(name)(_ number: UInt8) -> \(type) {"]
        rows.removeAll { $0.value == fallback }
        if rows.isEmpty {
            lines += ["        \(fallback)"]
        } else {
            lines += ["        switch number {"]
            lines += rows.map { "        case \($0.cases.joined(separator: ", ")): \($0.value)" }
            lines += ["        default: \(fallback)", "        }"]
        }
        return lines + ["    }", ""]
    }

    /// The numbers of Content-Formats, for the module of CoAP.
    var contentFormatNumbers: String {
        var lines = [head("Content-Format numbers.")]
        lines += doc("Content-Format numbers (the IANA registry “CoAP Content-Formats”)", 0) + ["public enum CoAPContentFormat {"]
        for format in contentFormats {
            lines += doc(format.meaning) + ["    public static let \(format.name): UInt16 = \(format.number)"]
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }

    func problemTable() throws -> String {
        var lines = [head("the names and response codes of refusals.")]
        lines += ["import CoAP", "import \(textModule)"].sorted() + [""]
        lines += doc(
            "A refusal of what a server was asked, before any message: the executor knows none of these. The raw value is the code on the wire",
            0)
        lines += ["enum TransportRefusal: UInt8, Error {"]
        lines += cases(refusals.filter(\.isTransport).map { (camel($0.name), $0.code, $0.meaning) })
        let codes = refusals.map(\.code)
        lines += ["}", "", "/// All refusals, by code.", "enum ProblemTable {"]
        lines += doc(
            "The stable name that programs match on (RFC 9290 `title`). What to do about it, the host says in the user's language"
        )
        lines += nameLookup("static func name(_ code: UInt8) ->", codes, of: "code", names: "names", refusals.map(\.name))
        lines += doc("The response code that says it best to a client that knows only CoAP")
        lines += [
            "    static func response(_ code: UInt8) -> CoAPCode {", "        let position = \(position(codes, of: "code"))",
        ]
        lines += [
            "        return CoAPCode(rawValue: position < \(codes.count) ? responses[Int(position)] &+ 64 : 0xA0)", "    }", "",
        ]
        let bytes = try refusals.map { Character(UnicodeScalar(UInt8(try responseCode($0.coap) - 64))) }
        lines += ["    /// Response codes by position, less 64: then they are characters of ASCII."]
        lines += ["    private static var responses: FlashText {"]
        let literal = String(bytes).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        lines += ["        @export(interface) get { FlashText(\"\(literal)\") }", "    }", "}", ""]
        return lines.joined(separator: "\n")
    }
}
