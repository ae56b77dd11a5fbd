// The writer: shortest heads, wrapped byte strings, overflow.
import CBOR
import CodecSupport
import Testing

@Test("Integers around every change of length are written in shortest form and read back")
func integerBoundaries() throws {
    var values: [UInt64] = []
    for edge: UInt64 in [0, 23, 24, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, UInt64(Int64.max), .max] {
        values += [edge &- 1, edge, edge &+ 1]
    }
    for value in values {
        let bytes = CBOR.encode { $0.uint(value) }
        #expect(bytes.count == (value < 24 ? 1 : value < 0x100 ? 2 : value < 0x1_0000 ? 3 : value < 0x1_0000_0000 ? 5 : 9))
        var reader = CBORReader(bytes.span.bytes)
        #expect(try reader.uint() == value)
        let negative = CBOR.encode { $0.negative(value) }
        #expect(negative == [bytes[0] | 0x20] + bytes.dropFirst())
        for signed in [Int64(bitPattern: value)] {
            let bytes = CBOR.encode { $0.int(signed) }
            var reader = CBORReader(bytes.span.bytes)
            #expect(try reader.int() == signed)
        }
    }
}

@Test("CBOR inside a byte string gets a head of the right length, around every change of that length")
func wrappedBytes() throws {
    for length in [0, 1, 22, 23, 24, 25, 255, 256, 257, 65534, 65535, 65536] {
        let content = [UInt8](repeating: 0xa5, count: length)
        let wrapped = CBOR.encode(capacity: 1) {
            $0.uint(1)
            let mark = $0.beginBytes()
            $0.raw(content.span.bytes)
            $0.endBytes(mark)
            $0.uint(2)
        }
        #expect(
            wrapped
                == CBOR.encode {
                    $0.uint(1); $0.bytes(content); $0.uint(2)
                })
    }
}

@Test("A buffer one byte too small overflows at whatever item; one that fits exactly does not")
func overflow() throws {
    func write(_ writer: inout CBORWriter) {
        writer.map(2)
        writer.key(1); writer.text("address" as StaticString)
        writer.key(-65537)
        let mark = writer.beginBytes()
        writer.bytes([UInt8](repeating: 1, count: 40))
        writer.endBytes(mark)
    }
    let whole = CBOR.encode { write(&$0) }
    for size in 0...whole.count {
        var buffer = [UInt8](repeating: 0xee, count: size)
        var writer = CBORWriter(buffer.mutableSpan)
        write(&writer)
        if size < whole.count {
            let overflowed = writer.overflowed
            #expect(overflowed)
            #expect(throws: CBORError.overflow) { _ = try writer.finish() }
        } else {
            let count = try writer.finish()
            #expect(count == whole.count)
            #expect(buffer == whole)
        }
    }
}

@Test("Floating-point numbers are written in the shortest form that keeps them: 100,000 random patterns of each width")
func floats() throws {
    var generator = SeededGenerator(seed: 754)
    for _ in 0..<100_000 {
        let half = Float16(bitPattern: UInt16.random(in: 0...UInt16.max, using: &generator))
        let single = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
        let double = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &generator))
        for value in [Double(half), Double(single), double] {
            let bytes = CBOR.encode { $0.double(value) }
            // The computer's own conversions say which widths keep the value.
            let keepsHalf = Double(Float16(value)) == value || value.isNaN
            let keepsSingle = Double(Float(value)) == value
            #expect(bytes.count == (keepsHalf ? 3 : keepsSingle ? 5 : 9))
            var reader = CBORReader(bytes.span.bytes)
            let again = try reader.double()
            #expect(value.isNaN ? bytes == [0xf9, 0x7e, 0x00] && again.isNaN : again.bitPattern == value.bitPattern)
        }
    }
}

@Test("Every power of two, one and a half of it, and its neighbours are written in the shortest form that keeps them")
func floatExponents() throws {
    for exponent in -1074...1023 {
        let power = Double(sign: .plus, exponent: exponent, significand: 1)
        for value in [power, -power, power * 1.5, power.nextUp, power.nextDown] {
            let bytes = CBOR.encode { $0.double(value) }
            #expect(bytes.count == (Double(Float16(value)) == value ? 3 : Double(Float(value)) == value ? 5 : 9), "\(value)")
            var reader = CBORReader(bytes.span.bytes)
            let again = try reader.double()
            #expect(again.bitPattern == value.bitPattern, "\(value)")
        }
    }
}

@Test("A float in a longer form than it needs is refused: every half-precision number as single and as double")
func floatForms() {
    for pattern in UInt16.min...UInt16.max {
        let value = Double(Float16(bitPattern: pattern))
        let single = [0xfa] + withUnsafeBytes(of: Float(value).bitPattern.bigEndian) { Array($0) }
        let double = [0xfb] + withUnsafeBytes(of: value.bitPattern.bigEndian) { Array($0) }
        for bytes in [single, double] {
            var reader = CBORReader(bytes.span.bytes)
            if (try? reader.double()) != nil { Issue.record("\(hexString(bytes))") }
        }
    }
}
