// The curve -x^2 + y^2 = 1 + d x^2 y^2 in extended coordinates (Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited", 2008).

/// A point in memory: X, Y, Z, T of eight words each; x = X/Z, y = Y/Z, and x y = T/Z where T is said to be valid.
typealias PointPointer = UnsafeMutablePointer<UInt32>

enum Point {
    static var words: Int { 32 }
    /// Words of scratch memory that the functions below use.
    static var scratchWords: Int { 32 }

    /// p = the neutral element (0, 1), T valid.
    static func setNeutral(_ p: PointPointer) {
        Field.set(p, 0)
        Field.set(p + 8, 1)
        Field.set(p + 16, 1)
        Field.set(p + 24, 0)
    }

    /// p = q for affine q in the form ((y+x)/2, (y-x)/2, dxy); T of p not valid.
    static func set(_ p: PointPointer, affine q: UnsafePointer<UInt32>) {
        Field.subtract(p, q, q + 8)
        Field.add(p + 8, q, q + 8)
        Field.set(p + 16, 1)
    }

    /// q = p in the form (Y+X, Y-X, 2dT, 2Z). T of p must be valid. p and q are distinct.
    static func cache(_ q: Element, _ p: PointPointer) {
        Field.add(q, p + 8, p)
        Field.subtract(q + 8, p + 8, p)
        curveTwiceD.span.withUnsafeBufferPointer { Field.multiply(q + 16, p + 24, $0.baseAddress!) }
        Field.add(q + 24, p + 16, p + 16)
    }

    /// x of p = that of the point with the y in `p + 8` (canonical, below p), with the parity `odd`; Z and T are spoilt.
    /// False if there is none (RFC 8032, 5.1.3). Not in constant time.
    static func decompress(_ p: PointPointer, odd: UInt32, _ s: Element) -> Bool {
        let u = p + 16
        let v = p + 24
        let y = p + 8
        Field.square(u, y)
        curveD.span.withUnsafeBufferPointer { Field.multiply(v, u, $0.baseAddress!) }
        Field.set(s, 1)
        Field.subtract(u, u, s)
        Field.add(v, v, s)
        // x = u v^3 (u v^7)^((p-5)/8)
        Field.square(s, v)
        Field.multiply(s, s, v)
        Field.multiply(p, s, u)  // u v^3
        Field.square(s, s)
        Field.multiply(s, s, v)
        Field.multiply(s, s, u)  // u v^7
        Field.power2523(s + 8, s, scratch: s + 16)
        Field.multiply(p, p, s + 8)
        // v x^2 is u, -u, or neither.
        Field.square(s, p)
        Field.multiply(s, s, v)
        Field.add(s + 8, s, u)
        Field.subtract(s, s, u)
        if !Field.isZero(s) {
            if !Field.isZero(s + 8) { return false }
            rootOfMinusOne.span.withUnsafeBufferPointer { Field.multiply(p, p, $0.baseAddress!) }
        }
        Field.canonicalize(p)
        if p[0] & 1 != odd {
            Field.set(s, 0)
            Field.subtract(p, s, p)
            Field.canonicalize(p)
            if p[0] & 1 != odd { return false }  // x = 0 has no odd form
        }
        return true
    }

    /// Writes the encoding of p to `y`, eight words (RFC 8032, 5.1.2). `inverse` is 1/Z; p is spoilt.
    static func encode(_ y: Element, _ p: PointPointer, inverse: ConstantElement) {
        Field.multiply(p, p, inverse)
        Field.multiply(y, p + 8, inverse)
        Field.canonicalize(p)
        Field.canonicalize(y)
        y[7] |= (p[0] & 1) << 31
    }

    /// Whether p is (0, 1); p is spoilt. Z is never 0, as all formulas here are complete.
    static func isNeutral(_ p: PointPointer) -> Bool {
        Field.subtract(p + 8, p + 8, p + 16)
        return Field.isZero(p) && Field.isZero(p + 8)
    }

    /// Whether the eight words at `encoding` have the y of a point of order 1, 2, 4 or 8, whatever the sign bit: 0, 1, -1 and ±y8.
    static func hasLowOrder(_ encoding: UnsafePointer<UInt32>) -> Bool {
        var low = false
        orderEightY.span.withUnsafeBufferPointer { eight in
            var zero: UInt32 = encoding[0] & ~1  // 0 and 1
            var minusOne = encoding[0] ^ 0xFFFF_FFEC
            var plus = encoding[0] ^ eight[0]
            var minus = encoding[0] ^ (0xFFFF_FFED &- eight[0])
            var i = 1
            while i < 8 {
                let mask: UInt32 = i == 7 ? 0x7FFF_FFFF : 0xFFFF_FFFF
                let word = encoding[i] & mask
                zero |= word
                minusOne |= word ^ mask
                plus |= word ^ eight[i]
                minus |= word ^ (mask &- eight[i])  // p - y8: no borrow, as y8 < 0xFFFF_FFED in its lowest word
                i &+= 1
            }
            low = zero == 0 || minusOne == 0 || plus == 0 || minus == 0
        }
        return low
    }
}
