// CoAP messages: the examples of the RFCs, and what is refused.
import CBOR
import CoAP
import CodecSupport
import Testing

/// The options of a message, as text.
func optionList(_ message: borrowing CoAPMessage) -> [String] {
    var list: [String] = []
    var options = message.options
    while options.next() { list.append("\(options.number):" + hexString(options.value.array)) }
    return list
}

func write(_ body: (inout CoAPWriter) -> Void, type: CoAPType, code: CoAPCode, id: UInt16, token: CoAPToken = CoAPToken()) throws
    -> [UInt8]
{
    var buffer = [UInt8](repeating: 0, count: 2048)
    var writer = CoAPWriter(buffer.mutableSpan, type: type, code: code, id: id, token: token)
    body(&writer)
    let count = try writer.finish()
    return Array(buffer.prefix(count))
}

@Test("The messages of RFC 7252 appendix A are read and written as printed there")
func appendixA() throws {
    // Figure 16: CON GET coap://server/temperature, MID 0x7d34, and the ACK 2.05 with "22.3 C".
    let request = hex("40 01 7d34 bb") + Array("temperature".utf8)
    let message = try CoAPMessage(request.span.bytes)
    #expect(message.type == .confirmable && message.code == .get && message.id == 0x7d34 && message.token == CoAPToken())
    let isTemperature = message.hasPath("temperature")
    #expect(isTemperature)
    #expect(message.payload.byteCount == 0)
    #expect(try write({ $0.path("temperature") }, type: .confirmable, code: .get, id: 0x7d34) == request)

    let response = hex("60 45 7d34 ff") + Array("22.3 C".utf8)
    let answer = try CoAPMessage(response.span.bytes)
    #expect(answer.type == .acknowledgement && answer.code == .content && answer.code.isResponse)
    #expect(answer.payload.array == Array("22.3 C".utf8))
    let text = Array("22.3 C".utf8)
    #expect(try write({ $0.payload(text.span.bytes) }, type: .acknowledgement, code: .content, id: 0x7d34) == response)

    // Figure 17: the same with token 0x20.
    let withToken = hex("41 01 7d35 20 bb") + Array("temperature".utf8)
    #expect(try CoAPMessage(withToken.span.bytes).token == CoAPToken(0x20, count: 1))
    #expect(
        try write({ $0.path("temperature") }, type: .confirmable, code: .get, id: 0x7d35, token: CoAPToken(0x20, count: 1))
            == withToken)
    // Figure 19: the empty acknowledgement; a ping; its reset.
    #expect(try write({ _ in }, type: .acknowledgement, code: .empty, id: 0x7d38) == hex("60 00 7d38"))
    let ping = try CoAPMessage(hex("40 00 1234").span.bytes)
    let isPing = ping.isPing
    #expect(isPing)
    #expect(try CoAPMessage(hex("70 00 1234").span.bytes).type == .reset)
}

@Test("Option deltas and lengths around every change of form are written in the only form there is, and read back")
func optionForms() throws {
    for number: UInt16 in [0, 1, 12, 13, 14, 268, 269, 270, 2048, 65535] {
        for length in [0, 1, 12, 13, 14, 268, 269, 270, 1034] {
            let value = [UInt8](repeating: 0x2a, count: length)
            let bytes = try write({ $0.option(number, value.span.bytes) }, type: .confirmable, code: .get, id: 1)
            let size = { (n: Int) in n < 13 ? 0 : n < 269 ? 1 : 2 }
            #expect(bytes.count == 4 + 1 + size(Int(number)) + size(length) + length)
            #expect(optionList(try CoAPMessage(bytes.span.bytes)) == ["\(number):" + hexString(value)])
        }
    }
}

@Test(
    "What does not follow the message format is refused",
    arguments: [
        ("nothing", CoAPError.truncated, ""), ("three bytes", .truncated, "400112"), ("version 0", .version, "00011234"),
        ("version 2", .version, "80011234"), ("version 3", .version, "c0011234"),
        ("token of 9", .tokenLength, "49011234010203040506070809"),
        ("token length 15", .tokenLength, "4f011234"), ("token cut off", .truncated, "4401123401020" + "3"),
        ("class 1", .reservedCode, "40201234"), ("class 3", .reservedCode, "40601234"), ("class 6", .reservedCode, "40c01234"),
        ("class 7", .reservedCode, "40e11234"), ("empty with a token", .emptyNotEmpty, "4100123420"),
        ("empty with an option", .emptyNotEmpty, "400012346000"), ("empty with a payload", .emptyNotEmpty, "40001234ff01"),
        ("marker without payload", .emptyPayload, "40011234ff"),
        ("marker after an option, without payload", .emptyPayload, "40011234b161ff"),
        ("option delta 15", .option, "40011234f0"), ("option length 15", .option, "400112340f"),
        ("option number above 65535", .option, "40011234e0ffff"),
        ("option numbers that add up to above 65535", .option, "40011234e0fef120"),
        ("option value cut off", .truncated, "40011234b361"), ("one-byte delta cut off", .truncated, "40011234d0"),
        ("two-byte delta cut off", .truncated, "40011234e000"), ("two-byte length cut off", .truncated, "400112340e00"),
        ("option length beyond the end", .truncated, "400112340effff"), ("request in an acknowledgement", .typeCode, "60011234"),
        ("request in a reset", .typeCode, "70011234"), ("response in a reset", .typeCode, "70451234"),
    ])
func refused(name: String, reason: CoAPError, text: String) {
    #expect(throws: reason, "\(name)") { _ = try CoAPMessage(hex(text).span.bytes) }
}

@Test("Of 300,000 mutations of a request each is refused or written back byte for byte")
func mutations() throws {
    let message = try write(
        {
            $0.option(CoAPOptionNumber.observe, uint: 0)
            $0.path(".well-known/core")
            $0.contentFormat(CoAPContentFormat.problemDetails)
            $0.query("from", number: 70000)
            $0.option(CoAPOptionNumber.block2, block: CoAPBlock(number: 3, more: false, sizeExponent: 5))
            $0.option(300, uint: 5)
            $0.payload(hex("a10102").span.bytes)
        }, type: .confirmable, code: .post, id: 77, token: CoAPToken(0x0102_0304, count: 4))
    let mutants = Mutants(of: message, count: 300_000, seed: 7252, rewrite: rewrite)
    #expect(mutants.accepted > 10_000 && mutants.changed.isEmpty, "\(mutants.changed)")
}

/// Parses a message and writes it again.
func rewrite(_ bytes: [UInt8]) throws -> [UInt8] {
    let message = try CoAPMessage(bytes.span.bytes)
    var buffer = [UInt8](repeating: 0, count: bytes.count)
    var writer = CoAPWriter(buffer.mutableSpan, type: message.type, code: message.code, id: message.id, token: message.token)
    var options = message.options
    while options.next() { writer.option(options.number, options.value) }
    if message.payload.byteCount > 0 { writer.payload(message.payload) }
    let count = try writer.finish()
    return Array(buffer.prefix(count))
}

@Test("A buffer one byte too small overflows, whichever part does not fit")
func overflow() throws {
    func body(_ writer: inout CoAPWriter) {
        writer.path("status")
        writer.option(300, uint: 70000)
        writer.payload([UInt8]([1, 2, 3]).span.bytes)
    }
    let token = CoAPToken(0xabcd, count: 2)
    let whole = try write({ body(&$0) }, type: .confirmable, code: .get, id: 1, token: token)
    for size in 0..<whole.count {
        var buffer = [UInt8](repeating: 0, count: size)
        var writer = CoAPWriter(buffer.mutableSpan, type: .confirmable, code: .get, id: 1, token: token)
        body(&writer)
        #expect(throws: CoAPError.overflow) { _ = try writer.finish() }
    }
}

@Test("Options out of order are a fault of the caller that shows")
func optionOrder() {
    #expect(throws: CoAPError.optionOrder) {
        try write(
            {
                $0.contentFormat(60); $0.path("a")
            }, type: .confirmable, code: .get, id: 1)
    }
    #expect(throws: CoAPError.optionOrder) {
        try write(
            {
                $0.payload([UInt8(1)].span.bytes); $0.option(60, uint: 1)
            }, type: .confirmable, code: .get, id: 1)
    }
}

@Test("A payload written in place ends where its writer says; an empty one leaves no marker")
func payloadInPlace() throws {
    let bytes = try write(
        {
            $0.contentFormat(60)
            var cbor = CBORWriter($0.payload())
            cbor.array(2); cbor.uint(1); cbor.bool(true)
            let count = (try? cbor.finish()) ?? 0
            $0.endPayload(count)
        }, type: .acknowledgement, code: .content, id: 2)
    #expect(bytes == hex("60 45 0002 c13c ff 8201f5"))
    let empty = try write(
        {
            $0.contentFormat(60)
            var nothing = CBORWriter($0.payload())
            nothing.raw([UInt8]().span.bytes)
            let count = nothing.count
            $0.endPayload(count)
        }, type: .acknowledgement, code: .content, id: 2)
    #expect(empty == hex("60 45 0002 c13c"))
}

@Test("Only a malformed confirmable message gets a reset")
func resets() {
    let cases: [(String, UInt16?)] = [
        ("4f01123400", 0x1234), ("40201234", 0x1234), ("400112", nil), ("", nil), ("50011234ff", nil), ("60011234", nil),
        ("70011234", nil), ("00011234", nil), ("c0011234", nil),
    ]
    for (text, id) in cases {
        let bytes = hex(text)
        #expect(CoAPMessage.idToReset(bytes.span.bytes) == id, "\(text)")
    }
}

@Test("Tokens compare by length and bytes")
func tokens() {
    #expect(CoAPToken(0, count: 1) != CoAPToken(0, count: 2))
    #expect(CoAPToken(hex("0102").span.bytes) == CoAPToken(0x0102, count: 2))
    #expect(CoAPToken(hex("0102030405060708").span.bytes) == CoAPToken(0x0102_0304_0506_0708, count: 8))
    #expect(CoAPToken(0xffff_0102, count: 2)[0] == 1)
    #expect(CoAPToken() == CoAPToken(77, count: 0))
}
