// Request options, blocks, repeated messages, link format, problem details.
import CBOR
import CoAP
import CodecSupport
import Testing

func request(_ body: (inout CoAPWriter) -> Void) throws -> [UInt8] {
    try write(body, type: .confirmable, code: .get, id: 1)
}

func hasPath(_ bytes: [UInt8], _ path: StaticString) throws -> Bool {
    let message = try CoAPMessage(bytes.span.bytes)
    return message.hasPath(path)
}

func options(_ body: (inout CoAPWriter) -> Void) throws -> CoAPRequest {
    let bytes = try request(body)
    let message = try CoAPMessage(bytes.span.bytes)
    return CoAPRequest(message)
}

@Test("A path matches segment by segment")
func paths() throws {
    let cases: [(StaticString, StaticString, Bool)] = [
        ("status", "status", true), ("status", "statu", false), ("status", "statuses", false),
        (".well-known/core", ".well-known/core", true),
        (".well-known/core", ".well-known", false), (".well-known", ".well-known/core", false), ("", "", true), ("a", "", false),
        ("", "a", false),
        ("devices/led/on", "devices/led/on", true), ("devices/led/on", "devices/led", false),
        ("devices//on", "devices/led/on", false),
    ]
    for (sent, wanted, expected) in cases {
        let bytes = try request { $0.path(sent) }
        #expect(try hasPath(bytes, wanted) == expected, "\(sent) as \(wanted)")
    }
    // A slash inside a segment is not a separator.
    let slash = try request { $0.option(11, Array(".well-known/core".utf8).span.bytes) }
    #expect(try !hasPath(slash, ".well-known/core"))
    // Nor is an empty last segment nothing.
    let trailing = try request {
        $0.path("status"); $0.option(11, [UInt8]().span.bytes)
    }
    #expect(try !hasPath(trailing, "status"))
}

@Test("Query parameters are found by name; numbers are decimal and fit 32 bits")
func queries() throws {
    func number(_ queries: String?...) throws -> UInt32? {
        let bytes = try request { for query in queries.compactMap({ $0 }) { $0.option(15, Array(query.utf8).span.bytes) } }
        return try CoAPMessage(bytes.span.bytes).queryNumber("from=", or: 7)
    }
    #expect(try number(nil) == 7, "none")
    #expect(try number("from=0") == 0)
    #expect(try number("from=70000") == 70000)
    #expect(try number("from=4294967295") == .max)
    for query in [
        "from=4294967296", "from=99999999999", "from=", "from", "from=-1", "from= 1", "from=1a", "fron=1", "from2=1", "FROM=1",
    ] {
        #expect(try number(query) == nil, "\(query)")
    }
    #expect(try number("from=1", "from=1") == nil, "two")
    #expect(try number("x=1", "from=1") == nil, "one more")
    for value: UInt32 in [0, 9, 10, 99, 100, 70000, .max] {
        let bytes = try request { $0.query("from", number: value) }
        let message = try CoAPMessage(bytes.span.bytes)
        let number = message.queryNumber("from=", or: 7)
        #expect(number == value)
    }
}

@Test("The options that a server knows are gathered; repeated or malformed ones count as unknown")
func gathering() throws {
    let known = try options {
        $0.option(CoAPOptionNumber.uriHost, [UInt8]("node".utf8).span.bytes)
        $0.option(CoAPOptionNumber.observe, uint: 0)
        $0.option(CoAPOptionNumber.uriPort, uint: 5683)
        $0.path("status")
        $0.contentFormat(CoAPContentFormat.coseSign1)
        $0.query("from", number: 1)
        $0.option(CoAPOptionNumber.accept, uint: UInt32(CoAPContentFormat.cbor))
        $0.option(CoAPOptionNumber.block2, block: CoAPBlock(number: 5, more: false, sizeExponent: 2))
        $0.option(CoAPOptionNumber.block1, block: CoAPBlock(number: 0, more: true, sizeExponent: 6))
        $0.option(CoAPOptionNumber.size2, uint: 0)
        $0.option(CoAPOptionNumber.size1, uint: 4096)
    }
    #expect(known.badOption == nil)
    #expect(known.observe == 0 && known.contentFormat == 18 && known.accept == 60 && known.size1 == 4096 && known.size2 == 0)
    #expect(known.block2?.offset == 320 && known.block2?.size == 64)
    #expect(known.block1 == CoAPBlock(number: 0, more: true, sizeExponent: 6))

    // Critical: refused. Elective: ignored.
    #expect(try options { $0.option(9, uint: 0) }.badOption == 9)
    #expect(try options { $0.option(2052, uint: 0) }.badOption == nil)
    #expect(try options { $0.option(CoAPOptionNumber.ifMatch, uint: 0) }.badOption == 1)
    #expect(try options { $0.option(CoAPOptionNumber.proxyURI, [UInt8]("coap://x".utf8).span.bytes) }.badOption == 35)
    #expect(
        try options {
            $0.option(17, uint: 60); $0.option(17, uint: 60)
        }.badOption == 17)
    #expect(try options { $0.option(17, uint: 65536) }.badOption == 17)
    let elective = try options {
        $0.contentFormat(60); $0.contentFormat(18)
    }
    #expect(elective.badOption == nil && elective.contentFormat == 60)
    #expect(try options { $0.option(6, uint: 1 << 24) }.observe == nil)
    #expect(try options { $0.option(23, uint: 7) }.badOption == 23)
    #expect(try options { $0.option(23, uint: 1 << 24) }.badOption == 23)
    #expect(try options { $0.option(3, [UInt8]().span.bytes) }.badOption == 3)
    #expect(try options { $0.option(11, [UInt8](repeating: 97, count: 256).span.bytes) }.badOption == 11)
    #expect(try options { $0.option(60, [UInt8(0), 0, 0, 0, 1].span.bytes) }.size1 == nil)
    // Leading zeros are to be accepted (RFC 7252 section 3.2).
    #expect(try options { $0.option(17, [UInt8(0), 60].span.bytes) }.accept == 60)
}

@Test("Every Block value of 24 bits is one block, or has the reserved size exponent")
func blocks() {
    for value: UInt32 in stride(from: 0, to: 1 << 24, by: 1) {
        guard let block = CoAPBlock(optionValue: value) else {
            if value & 7 != 7 { Issue.record("\(value)") }
            continue
        }
        if block.optionValue != value || block.offset != Int(value >> 4) * block.size { Issue.record("\(value)") }
    }
    #expect(CoAPBlock(optionValue: 1 << 24) == nil)
    // RFC 7959 section 2.2: 1/0/128 is number 1, no more, 2^7 bytes.
    #expect(CoAPBlock(optionValue: 0x13) == CoAPBlock(number: 1, more: false, sizeExponent: 3))
}

@Test("Links are written as RFC 6690 has them")
func links() throws {
    func write(_ size: Int) throws -> String {
        var buffer = [UInt8](repeating: 0, count: size)
        var links = CoAPLinkWriter(buffer.mutableSpan)
        links.link("/status"); links.attribute("ct", 60); links.attribute("title", "State of the node"); links.attribute("obs")
        links.link("/devices/", name: Array("led".utf8).span.bytes); links.attribute("sz", 65535)
        links.link("/x"); links.attribute("ct", 0)
        let count = try links.finish()
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
    let expected = "</status>;ct=60;title=\"State of the node\";obs,</devices/led>;sz=65535,</x>;ct=0"
    #expect(try write(200) == expected)
    #expect(try write(expected.count) == expected)
    #expect(throws: CoAPError.overflow) { try write(expected.count - 1) }
}

@Test("Problem details are written as RFC 9290 has them and read back, unknown entries skipped")
func problems() throws {
    let problem = CoAPProblem(title: "wrong-epoch", detail: "bind again", code: 12, expected: 3)
    let bytes = CBOR.encode { problem.write(to: &$0) }
    #expect(
        bytes == hex("a3 20") + [0x6b] + Array("wrong-epoch".utf8) + hex("21 6a") + Array("bind again".utf8)
            + hex("78 1a") + Array("tag:lightnode,2026:refusal".utf8) + hex("a2 00 0c 01 03"))
    try CBOR.validate(bytes.span.bytes)
    let view = try CoAPProblemView(bytes.span.bytes)
    #expect(String(decoding: view.title.array, as: UTF8.self) == "wrong-epoch")
    #expect(String(decoding: view.detail.array, as: UTF8.self) == "bind again")
    #expect(view.code == 12 && view.expected == 3)
    #expect(CBOR.encode { CoAPProblem(title: "busy").write(to: &$0) } == hex("a1 20 64 62757379"))

    let foreign = CBOR.encode {
        $0.map(4)
        $0.key(-1); $0.text("t" as StaticString)
        $0.key(-4); $0.uint(132)
        $0.text("tag:lightnode,2026:refusal" as StaticString); $0.map(2); $0.key(0); $0.uint(1); $0.key(1);
        $0.text("x" as StaticString)
        $0.text("tag:example.org,2026:something" as StaticString); $0.map(0)
    }
    let other = try CoAPProblemView(foreign.span.bytes)
    #expect(other.code == 1 && other.expected == nil && other.detail.byteCount == 0)
    #expect(throws: CBORError.self) { _ = try CoAPProblemView((foreign + [0]).span.bytes) }
}
