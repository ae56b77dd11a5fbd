// The equation of verification with halved scalars against S B - k A as it is written, for keys and commitments of every order, where a verifier that
// multiplies by an even number, or reduces modulo L what weighs on A, accepts too much. LIGHTNODE_SOAK sets the number of cases.
import Foundation
import Testing

@testable import Ed25519

private let order = BigNatural.groupOrder
private let wholeOrder = order * BigNatural(8)
private let cases = ProcessInfo.processInfo.environment["LIGHTNODE_SOAK"].flatMap { Int($0) } ?? 3000

private func words(_ n: BigNatural) -> [UInt32] {
    let bytes = n.bytes + [UInt8](repeating: 0, count: 32 - n.bytes.count)
    return (0..<8).map { i in (0..<4).reduce(0) { $0 | UInt32(bytes[4 * i + $1]) << (8 * $1) } }
}

/// Scalars that a search or an accident might give: near 0, L, L/2, L/3…, the square root of 8 L, and powers of two; else at random.
private func scalar(_ generator: inout SystemRandomNumberGenerator, _ edges: [[UInt32]]) -> [UInt32] {
    if let edge = edges.randomElement(using: &generator), Bool.random(using: &generator), Bool.random(using: &generator) {
        return edge
    }
    var result = (0..<8).map { _ in UInt32.random(in: 0...UInt32.max, using: &generator) }
    result[7] &= 0x0FFF_FFFF
    return result
}

/// n / divisor, rounded down.
private func quotient(_ n: BigNatural, _ divisor: Int) -> BigNatural {
    var remainder = 0
    let digits = n.bytes.reversed().map { byte in
        remainder = remainder << 8 | Int(byte)
        defer { remainder %= divisor }
        return UInt8(remainder / divisor)
    }
    return BigNatural(digits.reversed())
}

private let edgeScalars: [[UInt32]] = {
    var values: [BigNatural] = (0...16).map { BigNatural($0) } + (1...16).map { order - BigNatural($0) }
    for divisor in 2...17 {
        let part = quotient(order, divisor)
        values += [part, part + BigNatural(1), part - BigNatural(1), quotient(wholeOrder, divisor) % order]
    }
    for exponent in stride(from: 4, through: 252, by: 4) + [126, 127, 129, 130, 131] {
        let power = BigNatural.power(exponent)
        values += [power - BigNatural(1), power, power + BigNatural(1)]
    }
    return values.map { words($0 % order) }
}()

@Suite("Halved scalars") struct HalfScalarTests {
    @Test("v is odd and less than L, v k = ±w modulo 8 L, and both are short unless somebody chose k") func split() {
        var generator = SystemRandomNumberGenerator()
        let random = (0..<600).map { _ in scalar(&generator, []) }
        for (isChosen, k) in edgeScalars.map({ (true, $0) }) + random.map({ (false, $0) }) {
            var memory = [UInt32](repeating: 0xDEAD_BEEF, count: HalfScalars.words)
            memory.withUnsafeMutableBufferPointer { memory in
                let (v, w, isNegative) = HalfScalars.split(k, memory.baseAddress!)
                let (first, second) = (natural(v), natural(w))
                #expect(v[0] & 1 == 1 && first < .power(131), "\(k)")
                #expect(second < .power(255), "\(k)")
                let product = first * BigNatural(words: k) % wholeOrder
                let expected = isNegative ? (wholeOrder - second) % wholeOrder : second
                #expect(product == expected, "\(k)")
                if !isChosen { #expect(second < .power(160), "\(k)") }
            }
        }
    }

    private func natural(_ words: Element) -> BigNatural { BigNatural(words: Array(UnsafeBufferPointer(start: words, count: 8))) }
}

@Suite("The equation of verification") struct EquationTests {
    /// Point j of the eight of small order, as a point with T valid.
    private func small(_ j: Int, _ p: PointPointer, _ s: Element) {
        let eighth = UnsafeMutablePointer<UInt32>.allocate(capacity: 64)
        defer { eighth.deallocate() }
        for i in 0..<8 { eighth[8 + i] = orderEightY[i] }
        #expect(Point.decompress(eighth, odd: 0, s))
        Field.set(eighth + 16, 1)
        Field.multiply(eighth + 24, eighth, eighth + 8)
        Point.cache(eighth + 32, eighth)
        Point.setNeutral(p)
        for _ in 0..<j { Point.add(p, cached: eighth + 32, negated: false, s, withT: true) }
    }

    /// The encoding of a B + the small point j.
    private func encoding(_ a: [UInt32], _ j: Int) -> [UInt32] {
        let p = UnsafeMutablePointer<UInt32>.allocate(capacity: 256)
        defer { p.deallocate() }
        let (other, cached, s) = (p + 32, p + 64, p + 96)
        BaseScalar.compute(other, a, s)
        // T, which that does not give: X Y / Z = T, so all by Z.
        Field.multiply(other + 24, other, other + 8)
        Field.multiply(other, other, other + 16)
        Field.multiply(other + 8, other + 8, other + 16)
        Field.square(other + 16, other + 16)
        small(j, p, s)
        Point.cache(cached, other)
        Point.add(p, cached: cached, negated: false, s, withT: false)
        Inversion.invert(s, p + 16, s + 8)
        Point.encode(s + 8, p, inverse: s)
        return Array(UnsafeBufferPointer(start: s + 8, count: 8))
    }

    /// Whether R encodes S B - k A, bit by bit.
    private func isEncoded(_ r: [UInt32], _ scalar: [UInt32], _ k: [UInt32], _ key: [UInt32]) -> Bool {
        let p = UnsafeMutablePointer<UInt32>.allocate(capacity: 256)
        defer { p.deallocate() }
        let (cached, s) = (p + 32, p + 64)
        ExpandedPublicKey.setNegative(p, key)
        Point.cache(cached, p)
        Point.setNeutral(p)
        oddMultiplesOfBase.span.withUnsafeBufferPointer { base in
            for bit in (0..<255).reversed() {
                Point.double(p, s, withT: true)
                if scalar[bit >> 5] >> UInt32(bit & 31) & 1 == 1 {
                    Point.addProjective(p, base.baseAddress!, negated: false, s, withT: true)
                }
                if k[bit >> 5] >> UInt32(bit & 31) & 1 == 1 { Point.add(p, cached: cached, negated: false, s, withT: true) }
            }
        }
        Inversion.invert(s, p + 16, s + 8)
        Point.encode(s + 8, p, inverse: s)
        return (0..<8).allSatisfy { s[8 + $0] == r[$0] }
    }

    private func isSatisfied(_ r: [UInt32], _ scalar: [UInt32], _ k: [UInt32], _ key: [UInt32]) -> Bool {
        var scalars = scalar + k
        return scalars.withUnsafeMutableBufferPointer { satisfiesEquation($0.baseAddress!, r, key) }
    }

    /// a k + r modulo L
    private func response(_ a: [UInt32], _ k: [UInt32], _ r: [UInt32]) -> [UInt32] {
        var result = [UInt32](repeating: 0, count: 24)
        result.withUnsafeMutableBufferPointer { Scalar.multiplyAdd($0.baseAddress!, a, k, r, scratch: $0.baseAddress! + 8) }
        return Array(result[..<8])
    }

    @Test("halved, it holds exactly where S B - k A is R, for keys and commitments with parts of order 1 to 8")
    func differential() {
        var generator = SystemRandomNumberGenerator()
        var verdicts = [true: 0, false: 0]
        for _ in 0..<cases {
            let (a, k, r) = (scalar(&generator, edgeScalars), scalar(&generator, edgeScalars), scalar(&generator, edgeScalars))
            let j = Int.random(in: 0..<8, using: &generator)
            // Half of the commitments have the part that makes the equation true, the others any.
            let i = Bool.random(using: &generator) ? (64 - Int(k[0] & 7) * j) & 7 : Int.random(in: 0..<8, using: &generator)
            var s = response(a, k, r)
            if UInt8.random(in: 0..<8, using: &generator) == 0 { s[Int.random(in: 0..<7, using: &generator)] ^= 1 }
            var key = encoding(a, j) + [UInt32](repeating: 0, count: 8)
            // The bytes of R are what a sender says: now and then no point, or not canonical.
            var commitment = encoding(r, i)
            if UInt8.random(in: 0..<16, using: &generator) == 0 {
                commitment[0] ^= 1 << UInt32.random(in: 0..<32, using: &generator)
            }
            let isKey = key.withUnsafeMutableBufferPointer { ExpandedPublicKey.findNegativeX($0.baseAddress!) }
            if !isKey { continue }  // of low order
            let expected = !Point.hasLowOrder(commitment) && isEncoded(commitment, s, k, key)
            #expect(isSatisfied(commitment, s, k, key) == expected, "a \(a), \(j); r \(r), \(i); k \(k); R \(commitment), S \(s)")
            verdicts[expected]! += 1
        }
        #expect(verdicts[true]! > cases / 4 && verdicts[false]! > cases / 8)
    }
}
