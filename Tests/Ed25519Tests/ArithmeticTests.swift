// Field and scalar arithmetic against BigNatural, at the edges of their ranges and at random.
import Testing

@testable import Ed25519

private let p = BigNatural.fieldOrder
private let order = BigNatural.groupOrder

/// Calls `body` with a copy of each operand and room for a result, and returns the result.
private func compute(_ operands: [[UInt32]], words: Int = 8, _ body: (Element, [Element]) -> Void) -> BigNatural {
    let memory = UnsafeMutablePointer<UInt32>.allocate(capacity: words + operands.reduce(0) { $0 + $1.count })
    defer { memory.deallocate() }
    memory.update(repeating: 0xDEAD_BEEF, count: words)
    var next = memory + words
    var pointers: [Element] = []
    for operand in operands {
        next.update(from: operand, count: operand.count)
        pointers.append(next)
        next += operand.count
    }
    body(memory, pointers)
    return BigNatural(words: Array(UnsafeBufferPointer(start: memory, count: words)))
}

private func words(_ n: BigNatural, count: Int = 8) -> [UInt32] {
    let bytes = n.bytes + [UInt8](repeating: 0, count: 4 * count - n.bytes.count)
    return (0..<count).map { i in (0..<4).reduce(0) { $0 | UInt32(bytes[4 * i + $1]) << (8 * $1) } }
}

/// Values where a carry may be lost: around 0, p, 2p, the powers of two, words of all ones and all zeros.
private let edges: [[UInt32]] = {
    let one = BigNatural(1)
    var values = (0...20).map { BigNatural($0) }
    for base in [p, p + p, BigNatural.power(255), BigNatural.power(128), order] {
        for k in 0...20 where base + BigNatural(k) < .power(256) { values.append(base + BigNatural(k)) }
        for k in 1...40 { values.append(base - BigNatural(k)) }
    }
    for k in 1...80 { values.append(BigNatural.power(256) - BigNatural(k)) }
    for bit in stride(from: 0, to: 256, by: 31) {
        values += [BigNatural.power(bit), BigNatural.power(256) - BigNatural.power(bit)]
    }
    values += [BigNatural.power(255) - BigNatural(20), p - one]
    return values.map { words($0) }
        + (0..<256).map { pattern in (0..<8).map { pattern >> $0 & 1 == 1 ? 0xFFFF_FFFF : 0 } }
        + (0..<256).map { pattern in (0..<8).map { pattern >> $0 & 1 == 1 ? 0xFFFF_0000 : 0x0000_FFFF } }
}()

private func random(_ generator: inout SystemRandomNumberGenerator, count: Int = 8) -> [UInt32] {
    (0..<count).map { _ in
        switch UInt8.random(in: 0..<8, using: &generator) {
        case 0: 0
        case 1: 0xFFFF_FFFF
        case 2: 0x8000_0000
        default: .random(in: 0...UInt32.max, using: &generator)
        }
    }
}

/// Pairs of operands: every edge with a few others, then random ones.
private func pairs(_ count: Int) -> [([UInt32], [UInt32])] {
    var generator = SystemRandomNumberGenerator()
    var result = edges.map { ($0, $0) }
    for (i, edge) in edges.enumerated() {
        for step in [1, 7, 61, 211] { result.append((edge, edges[(i * step + step) % edges.count])) }
    }
    for _ in 0..<count { result.append((random(&generator), random(&generator))) }
    return result
}

@Suite("Field arithmetic agrees with big integers modulo p") struct FieldTests {
    @Test("products, by the long and by the short multiplier") func multiply() {
        for (a, b) in pairs(2000) {
            let expected = BigNatural(words: a) * BigNatural(words: b) % p
            #expect(compute([a, b]) { Field.longMultiply($0, $1[0], $1[1]) } % p == expected, "\(a) \(b)")
            #expect(compute([a, b]) { Field.shortMultiply($0, $1[0], $1[1]) } % p == expected, "\(a) \(b)")
        }
    }

    @Test("squares") func square() {
        for (a, _) in pairs(500) {
            #expect(compute([a]) { Field.square($0, $1[0]) } % p == BigNatural(words: a) * BigNatural(words: a) % p, "\(a)")
        }
    }

    @Test("sums and differences") func addition() {
        for (a, b) in pairs(2000) {
            let (x, y) = (BigNatural(words: a) % p, BigNatural(words: b) % p)
            #expect(compute([a, b]) { Field.add($0, $1[0], $1[1]) } % p == (x + y) % p, "\(a) \(b)")
            #expect(compute([a, b]) { Field.subtract($0, $1[0], $1[1]) } % p == (x + p - y) % p, "\(a) \(b)")
        }
    }

    @Test("a result may overwrite its operands") func aliasing() {
        for (a, b) in pairs(100) {
            let (x, y) = (BigNatural(words: a), BigNatural(words: b))
            let product = compute([a, b]) { result, operands in
                Field.multiply(operands[0], operands[0], operands[1])
                Field.add(operands[1], operands[0], operands[1])
                Field.subtract(operands[0], operands[0], operands[1])
                Field.square(operands[0], operands[0])
                Field.copy(result, operands[0])
            }
            #expect(product % p == y * y % p, "\(x) \(y)")
        }
    }

    @Test("the canonical form is below p") func canonical() {
        for (a, _) in pairs(2000) {
            #expect(
                compute([a]) {
                    Field.copy($0, $1[0]); Field.canonicalize($0)
                } == BigNatural(words: a) % p, "\(a)")
        }
    }

    @Test("inverses") func inverse() {
        for (a, _) in pairs(400) {
            let inverse = compute([a, [UInt32](repeating: 0, count: Inversion.words)]) { Inversion.invert($0, $1[0], $1[1]) }
            let product = inverse * BigNatural(words: a) % p
            #expect(product == BigNatural(BigNatural(words: a) % p == BigNatural(0) ? 0 : 1), "\(a)")
        }
    }
}

@Suite("Scalar arithmetic agrees with big integers modulo L") struct ScalarTests {
    @Test("reduction of 16 words") func reduce() {
        var generator = SystemRandomNumberGenerator()
        var cases = (0..<3000).map { _ in random(&generator, count: 16) }
        for (a, b) in pairs(0) { cases.append(a + b) }
        for q in [0, 1, 2, 0xFFFF, 0x10000, 0x10001] {
            for shift in stride(from: 0, through: 240, by: 16) {
                let multiple = order * BigNatural(q) * BigNatural.power(shift)
                for value in [multiple, multiple + BigNatural(1), multiple + order - BigNatural(1)] where value < .power(512) {
                    cases.append(words(value, count: 16))
                }
            }
        }
        for x in cases {
            #expect(compute([x]) { Scalar.reduce($0, $1[0], count: 16) } == BigNatural(words: x) % order, "\(x)")
        }
    }

    @Test("reduction of 8 words") func reduceShort() {
        for (a, _) in pairs(500) {
            #expect(compute([a]) { Scalar.reduce($0, $1[0], count: 8) } == BigNatural(words: a) % order, "\(a)")
        }
    }

    @Test("a b + c") func multiplyAdd() {
        var generator = SystemRandomNumberGenerator()
        for (a, b) in pairs(500) {
            let c = random(&generator)
            let result = compute([a, b, c, [UInt32](repeating: 0, count: 16)]) {
                Scalar.multiplyAdd($0, $1[0], $1[1], $1[2], scratch: $1[3])
            }
            #expect(result == (BigNatural(words: a) * BigNatural(words: b) + BigNatural(words: c)) % order)
        }
    }

    @Test("S < L") func isReduced() {
        for (a, _) in pairs(500) {
            #expect(a.withUnsafeBufferPointer { Scalar.isReduced($0.baseAddress!) } == (BigNatural(words: a) < order), "\(a)")
        }
    }

    @Test("sliding digits add up to the scalar", arguments: [15, 63, 47, 33, 3]) func digits(largest: Int) {
        for (a, _) in pairs(1000) {
            var scalar = a
            scalar[7] &= 0x7FFF_FFFF
            scalar.withUnsafeBufferPointer { words in
                var digits = SlidingDigits(words.baseAddress!, largest: largest)
                var positive = BigNatural(0), negative = BigNatural(0)
                var last = 256
                while digits.position >= 0 {
                    #expect(digits.position < last && digits.digit & 1 == 1 && abs(digits.digit) <= largest)
                    last = digits.position
                    let term = BigNatural(abs(digits.digit)) * BigNatural.power(digits.position)
                    if digits.digit > 0 { positive = positive + term } else { negative = negative + term }
                    digits.advance()
                }
                #expect(positive == negative + BigNatural(words: scalar), "\(scalar)")
            }
        }
    }
}
