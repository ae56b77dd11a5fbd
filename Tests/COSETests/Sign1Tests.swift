// COSE_Sign1 in the one shape of the protocol; COSE_Key.
import CBOR
import COSE
import CodecSupport
import Testing

let signature = [UInt8](0..<64)

/// A COSE_Sign1 spelled out byte by byte from RFC 9052 section 4.2.
func sign1(payload: [UInt8], signature: [UInt8] = signature) -> [UInt8] {
    precondition(payload.count < 24)
    return hex("d2 84 43a10127 a0") + [0x40 | UInt8(payload.count)] + payload + hex("5840") + signature
}

/// Everything that is signed, put together.
func signedBytes(_ bytes: [UInt8], _ context: COSEContext) throws -> [UInt8] {
    var all: [UInt8] = []
    try COSESign1(bytes.span.bytes).signedPieces(in: context) { all += $0.array }
    return all
}

@Test("A COSE_Sign1 is taken apart into payload and signature, and written back byte for byte")
func roundTrip() throws {
    for count in [0, 1, 23, 24, 255, 256, 1000] {
        let payload = [UInt8](repeating: 0x5a, count: count)
        var buffer = [UInt8](repeating: 0, count: count + COSE.sign1Overhead)
        var writer = COSESign1Writer(buffer.mutableSpan)
        writer.payload.raw(payload.span.bytes)
        writer.endPayload()
        var toBeSigned: [UInt8] = []
        let context = COSEContext(network: 7, type: "command")
        writer.signedPieces(in: context) { toBeSigned += $0.array }
        let length = try writer.finish(signature: signature.span.bytes)
        buffer.removeLast(buffer.count - length)

        let parsed = try COSESign1(buffer.span.bytes)
        #expect(parsed.payload.array == payload)
        #expect(parsed.signature.array == signature)
        #expect(try signedBytes(buffer, context) == toBeSigned)
        if count < 24 { #expect(buffer == sign1(payload: payload)) }
        try CBOR.validate(buffer.span.bytes)
    }
}

@Test("What is signed is Sig_structure of RFC 9052 section 4.4 with protocol, version, network and type as external_aad")
func sigStructure() throws {
    // ["Signature1", h'a10127', << ["lightnode", 2, 300, "bind"] >>, h'a10102']
    let expected =
        hex("84 6a 5369676e617475726531 43a10127") + hex("54 84 69 6c696768746e6f6465 02 19012c 6462696e64") + hex("43 a10102")
    #expect(try signedBytes(sign1(payload: hex("a10102")), COSEContext(network: 300, type: "bind")) == expected)
}

@Test("The same payload in another network, or as another type of message, is something else to sign")
func domainSeparation() throws {
    let message = sign1(payload: hex("a10102"))
    let contexts = [
        COSEContext(network: 1, type: "command"), COSEContext(network: 1, type: "state"),
        COSEContext(network: 2, type: "command"), COSEContext(network: 1 << 16 | 1, type: "command"),
        COSEContext(network: 1 << 32 | 1, type: "command"), COSEContext(network: 1 << 63 | 1, type: "command"),
        COSEContext(network: .max, type: "12345678901234567890123"),
    ]
    let all = try contexts.map { try signedBytes(message, $0) }
    #expect(Set(all).count == contexts.count)
    for bytes in all { try CBOR.validate(bytes.span.bytes) }
}

@Test(
    "Other shapes of COSE_Sign1 are refused, each for its reason",
    arguments: [
        (
            "the example of RFC 9052 appendix C.2.1 (ES256, kid)", COSEError.headers,
            """
            d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91
            aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36
            """
        ),
        ("no tag", .notSign1, "8443a10127a0 40 5840"), ("CWT tag", .notSign1, "d83d d2 84 43a10127a0 40 5840"),
        ("COSE_Mac0", .notSign1, "d18443a10127a0 40 5840"), ("array of 3", .notSign1, "d28343a10127a0 40 5840"),
        ("alg in longer form", .headers, "d28444a1013807a0 40 5840"), ("ES256", .headers, "d28443a10126a0 40 5840"),
        ("empty protected header", .headers, "d28440a0 40 5840"), ("unprotected alg", .headers, "d28443a10127a10127 40 5840"),
        ("indefinite array", .notSign1, "d29f43a10127a0 40 5840"), ("detached payload", .payload, "d28443a10127a0 f6 5840"),
        ("payload not a byte string", .payload, "d28443a10127a0 a0 5840"),
        ("payload length in longer form", .payload, "d28443a10127a0 5800 5840"),
        ("payload in chunks", .payload, "d28443a10127a0 5f40ff 5840"),
        ("payload longer than the message", .payload, "d28443a10127a0 5b7fffffffffffffff 5840"),
        ("signature of 63", .signature, "d28443a10127a0 40 583f"), ("signature of 65", .signature, "d28443a10127a0 40 5841 00"),
        ("signature length in longer form", .signature, "d28443a10127a0 40 590040"),
        ("signature a text", .signature, "d28443a10127a0 40 7840"),
        ("a byte too many", .trailingBytes, "d28443a10127a0 40 5840 00"), ("nothing", .notSign1, ""),
    ])
func otherShapes(name: String, reason: COSEError, start: String) {
    let isExample = start.hasPrefix("d28443a10126a1")
    let bytes = hex(start) + (isExample ? [] : signature)
    #expect(throws: reason, "\(name)") { _ = try COSESign1(bytes.span.bytes) }
}

@Test("Every truncation is refused, and so is every change of a byte outside payload and signature")
func mutations() throws {
    let message = sign1(payload: hex("a10102"))
    for length in 0..<message.count {
        #expect(throws: COSEError.self) { _ = try COSESign1(Array(message.prefix(length)).span.bytes) }
    }
    for index in Array(0..<8) + [11, 12] {
        for byte in UInt8.min...UInt8.max where byte != message[index] {
            var mutated = message
            mutated[index] = byte
            #expect(throws: COSEError.self, "byte \(index) as \(byte)") { _ = try COSESign1(mutated.span.bytes) }
        }
    }
}

@Test("A buffer one byte too small for a COSE_Sign1 overflows, whichever part does not fit")
func overflow() throws {
    let whole = sign1(payload: hex("a10102"))
    for size in 0...whole.count {
        var buffer = [UInt8](repeating: 0, count: size)
        var writer = COSESign1Writer(buffer.mutableSpan)
        writer.payload.map(1)
        writer.payload.key(1)
        writer.payload.uint(2)
        writer.endPayload()
        var pieces = 0
        writer.signedPieces(in: COSEContext(network: 1, type: "bind")) { _ in pieces += 1 }
        #expect((pieces == 0) == (size < 11))
        let length = try? writer.finish(signature: signature.span.bytes)
        #expect(length == (size == whole.count ? whole.count : nil))
        if size == whole.count { #expect(buffer == whole) }
    }
}

@Test("A COSE_Key of Ed25519 is written as RFC 9053 section 7.2 has it and read back")
func keys() throws {
    let key = [UInt8](100..<132)
    let bytes = CBOR.encode { COSE.writeKey(key.span.bytes, to: &$0) }
    #expect(bytes == hex("a3 01 01 20 06 21 5820") + key)
    #expect(bytes.count == COSE.encodedKeySize)
    var reader = CBORReader(bytes.span.bytes)
    #expect(try COSE.readKey(&reader).array == key)
    try reader.finish()
}

@Test(
    "Other keys are refused",
    arguments: [
        ("X25519", "a3 01 01 20 04 21 5820"), ("EC2", "a3 01 02 20 06 21 5820"), ("with a kid", "a4 01 01 02 41aa 20 06 21 5820"),
        ("with the private key", "a4 01 01 20 06 21 5820"), ("31 bytes", "a3 01 01 20 06 21 581f"),
        ("33 bytes", "a3 01 01 20 06 21 5821 00"),
        ("unsorted", "a3 20 06 01 01 21 5820"), ("no curve", "a2 01 01 21 5820"), ("y instead of x", "a3 01 01 20 06 22 5820"),
        ("longer form", "a3 01 1801 20 06 21 5820"), ("as text", "a3 01 01 20 06 21 7820"), ("no map", "83 01 06 5820"),
    ])
func otherKeys(name: String, start: String) {
    let bytes = hex(start) + [UInt8](0..<32)
    var reader = CBORReader(bytes.span.bytes)
    #expect(throws: CBORError.self, "\(name)") {
        _ = try COSE.readKey(&reader)
        try reader.finish()
    }
}
