// What the reader refuses, and that nothing makes it fail in another way.
import Bytes
import CBOR
import CodecSupport
import Testing

func validate(_ text: String) throws {
    try validate(hex(text))
}

func validate(_ bytes: [UInt8]) throws {
    try CBOR.validate(bytes.span.bytes)
}

func isText(_ bytes: [UInt8]) -> Bool { isUTF8(bytes.span.bytes) }

@Suite("The CBOR reader refuses")
struct ReaderRefusals {
    @Test(
        "integers and lengths in longer than shortest form",
        arguments: [
            "1800", "1817", "190000", "1900ff", "1a00000000", "1a0000ffff", "1b0000000000000000", "1b00000000ffffffff", "3800",
            "3900ff",
            "580100", "780161", "980100", "b8010000", "d80100", "5900010a", "d9001700",
        ])
    func notShortest(example: String) {
        #expect(throws: CBORError.notShortest) { try validate(example) }
    }

    @Test(
        "map keys out of order or twice, at any depth and of any type",
        arguments: [
            "a201000100", "a202000100", "a220000100", "a2616200616100", "a261610061610a", "a2616100600a", "a2610100200a",
            "8181a202000100",
            "a201a20000000000", "c1a201000100", "a2f50001f4", "a1a2020001000a",
        ])
    func keyOrder(example: String) {
        #expect(throws: CBORError.keyOrder) { try validate(example) }
        #expect(throws: CBORError.keyOrder) { _ = try transcode(hex(example)) }
    }

    @Test(
        "text that is not UTF-8",
        arguments: [
            "6180", "61c3", "62c328", "62c080", "62c1bf", "63e08080", "63e09fbf", "63eda080", "63edbfbf", "64f0808080",
            "64f08fbfbf",
            "64f4908080", "64f5808080", "61ff", "63e282", "62e282", "64f09f98", "63f09f98",
        ])
    func invalidText(example: String) {
        #expect(throws: CBORError.self) { try validate(example) }
    }

    @Test("nesting beyond the limit, and accepts nesting up to it")
    func depth() throws {
        let limit = CBOR.maximumDepth
        try validate([UInt8](repeating: 0x81, count: limit) + [0])
        for head: [UInt8] in [[0x81], [0xc1], [0xa1, 0x00]] {
            let nested = Array(repeatElement(head, count: limit + 1).joined()) + [0]
            #expect(throws: CBORError.tooDeep) { try validate(nested) }
            let bottomless = Array(repeatElement(head, count: 100_000).joined()) + [0]
            #expect(throws: CBORError.tooDeep) { try validate(bottomless) }
        }
    }

    @Test("lengths and counts beyond the input, however large")
    func hugeCounts() {
        for head: UInt8 in [0x5b, 0x7b, 0x9b, 0xbb] {
            for count: UInt64 in [1 << 32, .max, .max / 2, .max / 2 + 1, 1 << 63] {
                let bytes = [head] + withUnsafeBytes(of: count.bigEndian) { Array($0) } + [0, 0, 0]
                #expect(throws: CBORError.truncated) { try validate(bytes) }
            }
        }
    }

    @Test("every truncation of a message, and every byte behind it")
    func truncation() {
        let message = hex("a2036161046162")
        for length in 0..<message.count {
            #expect(throws: CBORError.truncated) { try validate(Array(message.prefix(length))) }
        }
        for byte in UInt8.min...UInt8.max {
            #expect(throws: CBORError.trailingBytes) { try validate(message + [byte]) }
        }
    }

    @Test("types and values other than those asked for")
    func typeMismatch() {
        func refuses(_ text: String, _ error: CBORError, _ body: (inout CBORReader) throws(CBORError) -> Void) {
            let bytes = hex(text)
            var reader = CBORReader(bytes.span.bytes)
            do throws(CBORError) {
                try body(&reader)
                Issue.record("\(text) was accepted")
            } catch {
                #expect(error == error)
            }
        }
        refuses("20", .unexpectedType) { r throws(CBORError) in _ = try r.uint() }
        refuses("40", .unexpectedType) { r throws(CBORError) in _ = try r.int() }
        refuses("1a00010000", .outOfRange) { r throws(CBORError) in _ = try r.uint32(atMost: 0xffff) }
        refuses("1b0000000100000000", .outOfRange) { r throws(CBORError) in _ = try r.uint32() }
        refuses("1b8000000000000000", .outOfRange) { r throws(CBORError) in _ = try r.int() }
        refuses("3b8000000000000000", .outOfRange) { r throws(CBORError) in _ = try r.int() }
        refuses("6161", .unexpectedType) { r throws(CBORError) in _ = try r.bytes() }
        refuses("4161", .unexpectedType) { r throws(CBORError) in _ = try r.text() }
        refuses("4161", .outOfRange) { r throws(CBORError) in _ = try r.bytes(count: 2) }
        refuses("8100", .outOfRange) { r throws(CBORError) in try r.array(count: 2) }
        refuses("f6", .unexpectedType) { r throws(CBORError) in _ = try r.bool() }
        refuses("f4", .unexpectedType) { r throws(CBORError) in try r.null() }
        refuses("f93c00", .floatRefused) { r throws(CBORError) in _ = try r.simple() }
        refuses("f4", .unexpectedType) { r throws(CBORError) in _ = try r.double() }
    }
}

@Test("A map is read key by key; unknown keys of any type can be skipped, and text keys be recognised")
func mapReading() throws {
    // {3: "a", 300: [1, 2], -1: h'00', -65537: {0: 7}, -4294967296: 2, h'01': 0, "other": {}, "tag:lightnode,2026:refusal": 5}
    let bytes = CBOR.encode {
        $0.map(8)
        $0.key(3); $0.text("a" as StaticString)
        $0.key(300); $0.array(2); $0.uint(1); $0.uint(2)
        $0.key(-1); $0.bytes([0])
        $0.key(-65537); $0.map(1); $0.key(0); $0.uint(7)
        $0.int(-4_294_967_296); $0.uint(2)
        $0.bytes([1]); $0.uint(0)
        $0.text("other" as StaticString); $0.map(0)
        $0.text("tag:lightnode,2026:refusal" as StaticString); $0.uint(5)
    }
    var seen: [String] = []
    var reader = CBORReader(bytes.span.bytes)
    var map = try reader.map()
    while let key = try reader.nextKey(&map) {
        switch key {
        case .int(3): seen.append("audience " + (try reader.string()))
        case .int(-65537):
            var inner = try reader.map()
            #expect(try reader.nextKey(&inner) == .int(0))
            seen.append("node \(try reader.uint())")
            #expect(try reader.nextKey(&inner) == nil)
        case .other where reader.keyIsText(map, "tag:lightnode,2026:refusal"): seen.append("refusal \(try reader.uint())")
        case .other:
            seen.append("other " + hexString(reader.keyBytes(map).array))
            try reader.skip()
        case .int(let label):
            seen.append("int \(label)")
            try reader.skip()
        }
    }
    try reader.finish()
    #expect(
        seen == [
            "audience a", "int 300", "int -1", "node 7", "other 3affffffff", "other 4101", "other 656f74686572", "refusal 5",
        ])
}

@Test("A sequence of items is read one by one until the end")
func sequence() throws {
    let bytes = hex("01820203a0f6")
    var reader = CBORReader(bytes.span.bytes)
    var items: [String] = []
    while !reader.isAtEnd { items.append(hexString(try reader.item().array)) }
    #expect(items == ["01", "820203", "a0", "f6"])
}

@Test("UTF-8 is accepted exactly when Swift's own validation accepts it: all 1 and 2 byte strings, and 200,000 mutated ones")
func utf8() {
    func swiftAccepts(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }
    for first in UInt8.min...UInt8.max {
        #expect(isText([first]) == swiftAccepts([first]))
        for second in UInt8.min...UInt8.max where isText([first, second]) != swiftAccepts([first, second]) {
            Issue.record("\(first) \(second)")
        }
    }
    var generator = SeededGenerator(seed: 3629)
    let scalars: [ClosedRange<UInt32>] = [0...0x7f, 0x80...0x7ff, 0x800...0xd7ff, 0xe000...0xffff, 0x10000...0x10ffff]
    var accepted = 0
    for round in 0..<200_000 {
        var bytes: [UInt8] = []
        for _ in 0..<3 {
            let scalar = Unicode.Scalar(UInt32.random(in: scalars.randomElement(using: &generator)!, using: &generator))!
            bytes += Array(String(scalar).utf8)
        }
        if round % 4 != 0 {
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = [
                0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
            ].randomElement(using: &generator)!
        }
        let ours = isText(bytes)
        accepted += ours ? 1 : 0
        if ours != swiftAccepts(bytes) { Issue.record("\(hexString(bytes))") }
    }
    #expect(accepted > 50_000 && accepted < 150_000)
}

@Test("Of 200,000 mutations of a message, each is refused or is deterministic CBOR that round-trips")
func mutations() throws {
    let message = CBOR.encode {
        $0.map(5)
        $0.key(1); $0.text("node1qqqsyqcyq5rqwzqfpg9scrgwpugpzysn" as StaticString)
        $0.key(4); $0.uint(1_800_000_000)
        $0.key(8); $0.bytes([UInt8](repeating: 7, count: 32))
        $0.key(-65537); $0.map(2)
        $0.key(0); $0.int(-5)
        $0.key(2); $0.array(4); $0.text("led" as StaticString); $0.bool(true); $0.null(); $0.tag(37); $0.bytes([1, 2])
        $0.text("zz" as StaticString); $0.double(21.5)
    }
    #expect(try transcode(message) == message)
    let mutants = Mutants(of: message, count: 200_000, seed: 8949, rewrite: transcode)
    #expect(mutants.accepted > 1000 && mutants.changed.isEmpty, "\(mutants.changed)")
}
