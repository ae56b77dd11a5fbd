// The examples of RFC 8949 appendix A: each either round-trips or is refused for the reason given.
import CBOR
import CodecSupport
import Testing

/// Encodings of appendix A that are deterministic.
let deterministicExamples = """
    00 01 0a 17 1818 1819 1864 1903e8 1a000f4240 1b000000e8d4a51000 1bffffffffffffffff c249010000000000000000 3bffffffffffffffff
    c349010000000000000000 20 29 3863 3903e7 f90000 f98000 f93c00 fb3ff199999999999a f93e00 f97bff fa47c35000 fa7f7fffff
    fb7e37e43c8800759c f90001 f90400 f9c400 fbc010666666666666 f97c00 f97e00 f9fc00 f4 f5 f6 f7 f0 f8ff
    c074323031332d30332d32315432303a30343a30305a c11a514b67b0 c1fb41d452d9ec200000 d74401020304 d818456449455446
    d82076687474703a2f2f7777772e6578616d706c652e636f6d 40 4401020304 60 6161 6449455446 62225c 62c3bc 63e6b0b4 64f0908591
    80 83010203 8301820203820405 98190102030405060708090a0b0c0d0e0f101112131415161718181819 a0 a201020304 a26161016162820203
    826161a161626163 a56161614161626142616361436164614461656145
    """.split(whereSeparator: \.isWhitespace).map(String.init)

/// Encodings of appendix A of the same values in longer forms, or of indefinite length.
let otherExamples: [(String, CBORError)] = [
    ("fa7f800000", .notShortest), ("fa7fc00000", .notShortest), ("faff800000", .notShortest),
    ("fb7ff0000000000000", .notShortest),
    ("fb7ff8000000000000", .notShortest), ("fbfff0000000000000", .notShortest), ("5f42010243030405ff", .indefiniteLength),
    ("7f657374726561646d696e67ff", .indefiniteLength), ("9fff", .indefiniteLength), ("9f018202039f0405ffff", .indefiniteLength),
    ("9f01820203820405ff", .indefiniteLength), ("83018202039f0405ff", .indefiniteLength),
    ("83019f0203ff820405", .indefiniteLength),
    ("9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff", .indefiniteLength),
    ("bf61610161629f0203ffff", .indefiniteLength),
    ("826161bf61626163ff", .indefiniteLength), ("bf6346756ef563416d7421ff", .indefiniteLength),
]

@Test(
    "Every deterministic example of RFC 8949 appendix A is read and written back byte for byte", arguments: deterministicExamples)
func appendixARoundTrip(example: String) throws {
    let bytes = hex(example)
    #expect(try transcode(bytes) == bytes)
    let hasFloat = example.hasPrefix("f9") || example.hasPrefix("fa") || example.hasPrefix("fb") || example.hasPrefix("c1fb")
    if hasFloat {
        #expect(throws: CBORError.floatRefused) { try validate(bytes) }
    } else {
        try validate(bytes)
    }
}

@Test("Every other example of RFC 8949 appendix A is refused", arguments: otherExamples)
func appendixARefused(example: String, reason: CBORError) {
    #expect(throws: reason) { _ = try transcode(hex(example)) }
    #expect(throws: CBORError.self) { try validate(example) }
}

@Test("Examples of RFC 8949 appendix A have the values stated there")
func appendixAValues() throws {
    func read<T>(_ text: String, _ body: (inout CBORReader) throws -> T) rethrows -> T {
        let bytes = hex(text)
        var reader = CBORReader(bytes.span.bytes)
        return try body(&reader)
    }
    #expect(try read("1b000000e8d4a51000") { try $0.uint() } == 1_000_000_000_000)
    #expect(try read("1bffffffffffffffff") { try $0.uint() } == 18_446_744_073_709_551_615)
    #expect(try read("20") { try $0.int() } == -1)
    #expect(try read("3903e7") { try $0.int() } == -1000)
    #expect(throws: CBORError.outOfRange) { try read("3bffffffffffffffff") { try $0.int() } }
    #expect(try read("64f0908591") { try $0.string() } == "\u{10151}")
    #expect(try read("62225c") { try $0.string() } == "\"\\")
    #expect(try read("d74401020304") { try $0.tag() } == 23)
    #expect(try read("f5") { try $0.bool() })
    #expect(try read("f8ff") { try $0.simple() } == 255)
    let floats: [(String, Double)] = [
        ("f90000", 0.0), ("f98000", -0.0), ("f93c00", 1.0), ("fb3ff199999999999a", 1.1), ("f93e00", 1.5), ("f97bff", 65504.0),
        ("fa47c35000", 100000.0), ("fa7f7fffff", 3.4028234663852886e+38), ("fb7e37e43c8800759c", 1.0e+300),
        ("f90001", 5.960464477539063e-8), ("f90400", 0.00006103515625), ("f9c400", -4.0), ("fbc010666666666666", -4.1),
        ("f97c00", .infinity), ("f9fc00", -.infinity),
    ]
    for (text, value) in floats {
        #expect(try read(text) { try $0.double() }.bitPattern == value.bitPattern, "\(text)")
    }
    #expect(try read("f97e00") { try $0.double() }.isNaN)
}

/// RFC 8949 appendix F: not well-formed, one line per kind.
let malformedExamples = """
    18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000
    41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203
    81 818181818181818181 8200 a1 a20102 a100 a2000000 5f4100 7f6100 9f 9f0102 bf bf01020102 819f 9f8000
    9f9f9f9f9fffffffff 9f819f819f9fffffff 1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe
    f800 f801 f818 f81f 5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff
    ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff bf00ff bf000000ff 1f 3f df c0 d9
    """.split(whereSeparator: \.isWhitespace).map(String.init)

@Test("Nothing that RFC 8949 appendix F lists as not well-formed is accepted", arguments: malformedExamples)
func appendixF(example: String) {
    let bytes = hex(example)
    #expect(throws: CBORError.self) { try validate(bytes) }
    #expect(throws: CBORError.self) { _ = try transcode(bytes) }
}
