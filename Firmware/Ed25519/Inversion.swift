// Inverses modulo p in constant time, by division steps (Bernstein and Yang, "Fast constant-time gcd computation and modular inversion", TCHES 2019).
//
// A step takes (f, g), f odd, to (g, (g - f)/2) or (f, (g + f)/2) or (f, g/2), by the parity of g and the sign of a counter. Begun with p and 0 <= a < p,
// and with the counter at a half, it has g = 0 and f = ±gcd after 590 steps for any numbers below 2^256 (Wuille's bound, doc/safegcd_implementation.md
// of libsecp256k1); 600 are made. Steps look at the lowest bits of f and g alone: `steps` of them on one word give a matrix, that is then applied to
// f and g as a whole, and to d and e, for which always 2^n f = d a and 2^n g = e a modulo p, n being the steps up to there: e begins with 2^-600.

#if ED25519_POINT_KERNEL || ED25519_SMALL
/// With the M4's kernel a square takes so little that a power is quicker; and it takes less flash, as verification has most of it anyway.
enum Inversion {
    /// Words of memory that `invert` needs.
    static var words: Int { 16 }

    /// r = 1/a modulo p, and 0 for 0: a^(p-2), p - 2 = 8 (2^252 - 3) + 3. r, a and memory are distinct.
    static func invert(_ r: Element, _ a: ConstantElement, _ memory: Element) {
        Field.power2523(r, a, scratch: memory)
        Field.square(r, r, times: 3)
        Field.square(memory, a)
        Field.multiply(memory, memory, a)
        Field.multiply(r, r, memory)
    }
}
#else
enum Inversion {
    #if ED25519_SHORT_MULTIPLIER
    /// Steps to one matrix. Its entries are at most 2^15, so that a product with half a word fits a word.
    private static var steps: Int { 15 }
    #else
    private static var steps: Int { 30 }
    #endif
    private static var total: Int { 600 }

    /// (2^steps f', 2^steps g') = (u f + v g, q f + r g)
    private struct Matrix {
        var u: Int32 = 1, v: Int32 = 0, q: Int32 = 0, r: Int32 = 1
    }

    /// Words of memory that `invert` needs.
    static var words: Int { 32 }

    /// r = 1/a modulo p, and 0 for 0, below 2^256. r may be a; memory is distinct from both.
    static func invert(_ r: Element, _ a: ConstantElement, _ memory: Element) {
        let (f, g, d, e) = (memory, memory + 8, memory + 16, memory + 24)
        Field.copy(g, a)
        Field.canonicalize(g)
        setModulus(f)
        Field.set(d, 0)
        inverseOfSteps.span.withUnsafeBufferPointer { Field.copy(e, $0.baseAddress!) }
        var counter: Int32 = -1
        var left = total
        while left > 0 {
            let matrix = divide(f[0], g[0], &counter)
            apply(matrix, toDivided: f, g)
            apply(matrix, to: d, e)
            left &-= steps
        }
        // f = ±1, or p if a = 0, where d is 0.
        let sign = Int32(bitPattern: f[7]) >> 31
        var difference: Int64 = Int64(sign & 37) &* -1
        // -d = 2^256 - 1 - d - 37 modulo p. Below 0 for d >= 2^256 - 37 only.
        var i = 0
        while i < 8 {
            difference &+= signed(d[i] ^ UInt32(bitPattern: sign))
            r[i] = halves(difference).low
            difference = upper(difference)
            i &+= 1
        }
        r[0] &-= halves(difference).low & 38
    }

    private static func setModulus(_ f: Element) {
        var i = 0
        while i < 8 {
            f[i] = 0xFFFF_FFFF
            i &+= 1
        }
        f[0] = 0xFFFF_FFED
        f[7] = 0x7FFF_FFFF
    }

    /// The matrix of the next steps. Masks for branches: the sign of the counter, and the parity of g.
    @inline(never)
    private static func divide(_ f: UInt32, _ g: UInt32, _ counter: inout Int32) -> Matrix {
        var (f, g) = (Int32(bitPattern: f), Int32(bitPattern: g))
        var m = Matrix()
        var count = counter
        var left = steps
        while left > 0 {
            var swaps = count >> 31
            let odd = 0 &- (g & 1)
            // g ± f, by the sign of the counter, where g is odd
            g &+= ((f ^ swaps) &- swaps) & odd
            m.q &+= ((m.u ^ swaps) &- swaps) & odd
            m.r &+= ((m.v ^ swaps) &- swaps) & odd
            swaps &= odd
            count = (count ^ swaps) &- 1
            // then f + (g - f) = g
            f &+= g & swaps
            m.u = (m.u &+ (m.q & swaps)) << 1
            m.v = (m.v &+ (m.r & swaps)) << 1
            g >>= 1
            left &-= 1
        }
        counter = count
        return m
    }

    /// f, g = (u f + v g)/2^steps, (q f + r g)/2^steps: numbers of 256 bits with a sign, below 2^255 beside it.
    @inline(never)
    @_optimize(speed)
    private static func apply(_ m: Matrix, toDivided f: Element, _ g: Element) {
        let shift = UInt32(truncatingIfNeeded: steps)
        var (first, second): (Int64, Int64) = (0, 0)
        var (lowF, lowG): (UInt32, UInt32) = (0, 0)
        var i = 0
        while i < 8 {
            let (a, b) = (f[i], g[i])
            if i == 7 {
                first &+= signedProduct(a, m.u) &+ signedProduct(b, m.v)
                second &+= signedProduct(a, m.q) &+ signedProduct(b, m.r)
            } else {
                first &+= product(a, m.u) &+ product(b, m.v)
                second &+= product(a, m.q) &+ product(b, m.r)
            }
            let (x, y) = (halves(first).low, halves(second).low)
            if i > 0 {
                f[i &- 1] = lowF >> shift | x << (32 &- shift)
                g[i &- 1] = lowG >> shift | y << (32 &- shift)
            }
            (lowF, lowG) = (x, y)
            first = upper(first)
            second = upper(second)
            i &+= 1
        }
        f[7] = lowF >> shift | halves(first).low << (32 &- shift)
        g[7] = lowG >> shift | halves(second).low << (32 &- shift)
    }

    /// d, e = u d + v e, q d + r e modulo p.
    @inline(never)
    @_optimize(speed)
    private static func apply(_ m: Matrix, to d: Element, _ e: Element) {
        var (first, second): (Int64, Int64) = (0, 0)
        var i = 0
        while i < 8 {
            let (a, b) = (d[i], e[i])
            first &+= product(a, m.u) &+ product(b, m.v)
            second &+= product(a, m.q) &+ product(b, m.r)
            d[i] = halves(first).low
            e[i] = halves(second).low
            first = upper(first)
            second = upper(second)
            i &+= 1
        }
        fold(d, first)
        fold(e, second)
    }

    /// x += 2^256 top, |top| <= 2^32, modulo p: 38 top is added, then 38 times the carry, a borrow if negative, and once more, which does not carry.
    @inline(never)
    private static func fold(_ x: Element, _ top: Int64) {
        var carry = top
        var round = 0
        while round < 3 {
            carry = times38(carry)
            var i = 0
            while i < 8 {
                carry &+= signed(x[i])
                x[i] = halves(carry).low
                carry = upper(carry)
                i &+= 1
            }
            round &+= 1
        }
    }

    #if ED25519_SHORT_MULTIPLIER
    /// 38 x, |x| <= 2^17
    @inline(__always)
    private static func times38(_ x: Int64) -> Int64 { extended(Int32(bitPattern: halves(x).low) &* 38) }

    /// word factor, by half words, whose products are of 32 bits with the sign.
    @inline(__always)
    private static func product(_ word: UInt32, _ factor: Int32) -> Int64 {
        let low = Int32(bitPattern: word & 0xFFFF) &* factor
        let high = Int32(bitPattern: word >> 16) &* factor
        return extended(low) &+ shifted(high)
    }

    /// The same for a word with a sign.
    @inline(__always)
    private static func signedProduct(_ word: UInt32, _ factor: Int32) -> Int64 {
        let low = Int32(bitPattern: word & 0xFFFF) &* factor
        let high = (Int32(bitPattern: word) >> 16) &* factor
        return extended(low) &+ shifted(high)
    }

    @inline(__always)
    private static func extended(_ x: Int32) -> Int64 {
        Int64(bitPattern: whole(UInt32(bitPattern: x), UInt32(bitPattern: x >> 31)))
    }

    /// 2^16 x
    @inline(__always)
    private static func shifted(_ x: Int32) -> Int64 {
        Int64(bitPattern: whole(UInt32(bitPattern: x) << 16, UInt32(bitPattern: x >> 16)))
    }
    #else
    /// 38 x, |x| <= 2^32
    @inline(__always)
    private static func times38(_ x: Int64) -> Int64 { x &* 38 }

    /// word factor
    @inline(__always)
    private static func product(_ word: UInt32, _ factor: Int32) -> Int64 { Int64(word) &* Int64(factor) }

    /// The same for a word with a sign.
    @inline(__always)
    private static func signedProduct(_ word: UInt32, _ factor: Int32) -> Int64 {
        Int64(Int32(bitPattern: word)) &* Int64(factor)
    }
    #endif
}
#endif
