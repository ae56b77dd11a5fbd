// S B + k A in one pass (Straus), with sliding windows of signed digits; for verification, whose scalars are public.

/// Signed sliding-window digits of a scalar, from the most significant one down.
///
/// From left to right (mutual opposite form, Okeya et al., CRYPTO 2004): the signed bits d[i] = s[i-1] - s[i] are s again. A window of w of
/// them that begins at d[i] != 0 has the value (s[i-1] … s[i-w]) - (s[i] … s[i-w+1]), |value| <= 2^(w-1), which after its trailing zeros
/// are shifted out is an odd digit. So one needs no memory but the scalar.
struct SlidingDigits {
    let scalar: UnsafePointer<UInt32>
    let width: Int
    /// The bits of the scalar from here down are not recoded yet.
    private var next: Int
    /// Weight of the current digit: 2^position. -1 when there is none any more.
    private(set) var position: Int
    /// Odd, |digit| < 2^(width-1).
    private(set) var digit: Int

    /// `scalar` < 2^255
    init(_ scalar: UnsafePointer<UInt32>, width: Int) {
        self.scalar = scalar
        self.width = width
        next = 255
        position = 255
        digit = 0
        advance()
    }

    private func bit(_ i: Int) -> Int {
        i < 0 ? 0 : Int(truncatingIfNeeded: (scalar[i >> 5] >> UInt32(truncatingIfNeeded: i & 31)) & 1)
    }

    mutating func advance() {
        while next >= 0, bit(next) == bit(next &- 1) { next &-= 1 }
        if next < 0 {
            position = -1
            return
        }
        var upper = 0
        var i = next
        while i > next &- width {
            upper = upper &+ upper &+ bit(i)
            i &-= 1
        }
        let lower = (upper &+ upper &+ bit(i)) & ((1 << width) &- 1)
        digit = lower &- upper
        position = i &+ 1
        next = i
        while digit & 1 == 0 {
            digit >>= 1
            position &+= 1
        }
    }
}

enum DoubleScalar {
    /// p = s B + k p, T not valid. T of p must be valid at entry. s, k < 2^255. Takes 1 KB of stack for eight multiples of p.
    @inline(never)
    static func compute(_ p: PointPointer, s: UnsafePointer<UInt32>, k: UnsafePointer<UInt32>, _ scratch: Element) {
        withWords(256) { table in
            tabulate(table, p, scratch)
            walk(p, table, s, k, scratch)
        }
    }

    private static func walk(_ p: PointPointer, _ table: Element, _ s: UnsafePointer<UInt32>, _ k: UnsafePointer<UInt32>,
                             _ scratch: Element) {
        var forBase = SlidingDigits(s, width: 7)
        var forKey = SlidingDigits(k, width: 5)
        Point.setNeutral(p)
        var position = max(forBase.position, forKey.position)
        var first = true
        while position >= 0 {
            let addKey = forKey.position == position
            let addBase = forBase.position == position
            if !first { Point.double(p, scratch, withT: addKey || addBase) }
            first = false
            if addKey {
                let entry = table + ((abs(forKey.digit) >> 1) << 5)
                Point.add(p, cached: entry, negated: forKey.digit < 0, scratch, withT: addBase)
                forKey.advance()
            }
            if addBase {
                withTable(oddMultiplesOfBase) {
                    Point.addProjective(p, $0 + (abs(forBase.digit) >> 1) &* 24, negated: forBase.digit < 0, scratch, withT: false)
                }
                forBase.advance()
            }
            position &-= 1
        }
    }

    /// table = p, 3p, … 15p in cached form; p is spoilt.
    private static func tabulate(_ table: Element, _ p: PointPointer, _ scratch: Element) {
        let twice = table + 7 &* 32  // 2p stands where 15p comes last
        Point.cache(table, p)
        Point.double(p, scratch, withT: true)
        Point.cache(twice, p)
        Point.add(p, cached: table, negated: false, scratch, withT: true)
        Point.cache(table + 32, p)
        var i = 2
        while i < 8 {
            Point.add(p, cached: twice, negated: false, scratch, withT: true)
            Point.cache(table + (i << 5), p)
            i &+= 1
        }
    }
}
