// Halves the scalars of the verification equation, for verification alone: all of it is public, none of it in constant time.
//
// To be verified is S B = R + k A, in the whole group of 8 L points: A and R are hostile and may have a part of order 2, 4 or 8, and the equation
// is not multiplied by the cofactor. For an integer v it implies v S B = v R + v k A. The converse holds where v is prime to the order 8 L of the
// group, since then multiplication by v is a bijection of it: where v is odd and not a multiple of L. The order of A divides 8 L, so w A = v k A
// for every integer w = v k modulo 8 L; modulo L would not do. B is of order L, so v S may be reduced modulo L.
// So for any odd v, 0 < v < L, and any w = ±v k modulo 8 L,
//     S B = R + k A    if and only if    (v S mod L) B - v R ∓ w A = 0,
// and v and w can be as short as half of 8 L (Antipa et al., SAC 2005; Pornin, eprint 2020/454; the odd v is ours). v S mod L is not short, but B is
// known beforehand: it is taken as two halves, of B and of 2^128 B. That leaves 128 doublings instead of 253.
//
// v and w come from Euclid's algorithm for 8 L and k: it keeps two pairs with
//     a = ∓ta k,   b = ±tb k   modulo 8 L,      a tb + b ta = 8 L,      ta and tb prime to each other,
// begins with a = 8 L, ta = 0, b = k < L, tb = 1, and subtracts multiples 2^s b from a (adding 2^s tb to ta) until a < b; then the pairs
// change places. It ends when b < 2^128 <= a: then tb <= 8 L / a < 2^128. If tb is odd, v = tb and w = b. Otherwise ta is odd, and stays so while
// multiples of the other pair are subtracted: until a < 2^128, or until ta would grow beyond. Then v = ta and w = a.
//
// Most of these steps are made on 32 bits of a and b, and many of them at once on a, b, ta and tb (Lehmer): see `leap`. Where flash is short,
// all of them are made on the whole numbers, which takes 30,000 instructions more.
//
// Whatever k is, what is found satisfies the equivalence; a k that somebody searched for gives longer v or w, at most 255 bits, and takes more time.

/// A natural number of at most eight words in memory; zeros above `count` of them.
private struct Natural {
    let words: Element
    /// Words up to the highest that is not 0.
    var count: Int

    /// Counts anew, from `count` down.
    mutating func trim() {
        while count > 0, words[count &- 1] == 0 { count &-= 1 }
    }

    var isShort: Bool { count <= 4 }

    /// Bits up to the highest that is set, and 32 of them from that one down. For a number above 0.
    var top: (length: Int, bits: UInt32) {
        let upper = words[count &- 1]
        let zeros = upper.leadingZeroBitCount
        let lower = count > 1 ? words[count &- 2] : 0
        let shift = UInt32(truncatingIfNeeded: zeros)
        return ((count << 5) &- zeros, upper << shift | (lower >> 1) >> (31 &- shift))
    }
}

#if !ED25519_SMALL
/// 32 bits of a number that is ±(ofA a - ofB b).
private struct Part {
    var bits, ofA, ofB: UInt32
}
#endif

enum HalfScalars {
    /// Words of memory that `split` needs.
    static var words: Int { 32 }

    /// Finds an odd v, 0 < v < L, and a w with v k = w or v k = -w modulo 8 L, both below 2^255 and mostly below 2^129, for k < L.
    ///
    /// - Parameter memory: 32 words. v and w are eight of them each.
    /// - Returns: v and w in memory, and whether v k = -w.
    static func split(_ k: UnsafePointer<UInt32>, _ memory: Element) -> (v: Element, w: Element, isNegative: Bool) {
        var (a, ta) = (Natural(words: memory, count: 8), Natural(words: memory + 16, count: 0))
        var (b, tb) = (Natural(words: memory + 8, count: 8), Natural(words: memory + 24, count: 1))
        groupOrder.span.withUnsafeBufferPointer { order in
            var low: UInt32 = 0
            var i = 0
            while i < 8 {
                a.words[i] = order[i] << 3 | low >> 29
                low = order[i]
                i &+= 1
            }
        }
        Field.copy(b.words, k)
        Field.set(ta.words, 0)
        Field.set(tb.words, 1)
        b.trim()
        // b = k tb
        var isNegative = false
        #if !ED25519_SMALL
        // A leap takes 16 bits at most from b, so b stays above 2^128.
        while b.count > 4, b.top.length > 144 {
            if leap(&a, &ta, &b, &tb) { isNegative.toggle() }
        }
        #endif
        while !b.isShort {
            while let shift = shift(of: b, below: a) { reduce(&a, &ta, b, tb, shift) }
            swap(&a, &b)
            swap(&ta, &tb)
            isNegative.toggle()
        }
        if tb.words[0] & 1 == 1 { return (tb.words, b.words, isNegative) }
        // b > 0: with b = 0, a >= 2^128 would divide 8 L and k, and so k = 0; for that tb is 1.
        while !a.isShort, let shift = shift(of: b, below: a), tb.top.length &+ shift <= 128 { reduce(&a, &ta, b, tb, shift) }
        return (ta.words, a.words, !isNegative)
    }

    /// The greatest s with 2^s b <= a, or one less; nil where b > a. b > 0.
    private static func shift(of b: Natural, below a: Natural) -> Int? {
        let (upper, lower) = (a.top, b.top)
        let shift = upper.length &- lower.length
        if lower.bits < upper.bits { return shift < 0 ? nil : shift }
        // Equal where the rest decides: one less is right whatever it is, but for s = 0.
        if shift > 0 { return shift &- 1 }
        return shift == 0 && lower.bits == upper.bits && isAtMost(b.words, a.words, a.count) ? 0 : nil
    }

    /// b <= a
    private static func isAtMost(_ b: Element, _ a: Element, _ count: Int) -> Bool {
        var i = count
        while i > 0 {
            i &-= 1
            if b[i] != a[i] { return b[i] < a[i] }
        }
        return true
    }

    #if !ED25519_SMALL
    /// Steps of the algorithm on 32 bits of a and of b, at the same places, then carried out on the whole numbers at once; one step on the whole
    /// numbers if there is none. Returns whether the pairs have changed places an odd number of times.
    ///
    /// x and y stand for a and b. After any steps the numbers are ±(x[0] a - x[1] b) and ∓(y[0] a - y[1] b), with factors >= 0. As each number is its 32
    /// bits and less than one more, all times 2^s, it is at least 2^s (x.bits - max(x[0], x[1])): a step is made only if that is not below 0. Which of
    /// the two is greater may be mistaken by so little, which costs nothing but a step. Factors are kept below 2^16.
    private static func leap(_ a: inout Natural, _ ta: inout Natural, _ b: inout Natural, _ tb: inout Natural) -> Bool {
        if b.top.length > a.top.length {
            swap(&a, &b)
            swap(&ta, &tb)
            return true
        }
        let index = a.count &- 1
        let zeros = UInt32(truncatingIfNeeded: a.words[index].leadingZeroBitCount)
        var x = Part(bits: bits(a.words, index, zeros), ofA: 1, ofB: 0)
        var y = Part(bits: bits(b.words, index, zeros), ofA: 0, ofB: 1)
        var isSwapped = false
        while y.bits != 0 {
            // The greatest multiple 2^s y up to x.
            var shift = UInt32(truncatingIfNeeded: y.bits.leadingZeroBitCount &- x.bits.leadingZeroBitCount)
            if x.bits >= y.bits {
                if y.bits << shift > x.bits { shift &-= 1 }
                let next = Part(bits: x.bits &- y.bits << shift, ofA: x.ofA &+ y.ofA << shift, ofB: x.ofB &+ y.ofB << shift)
                // No overflow was possible: y's factors are below 2^16, and with shift > 15 the sum is not.
                if shift > 15 || max(next.ofA, next.ofB) > min(next.bits, 0xFFFF) { break }
                x = next
            }
            if x.bits < y.bits {
                swap(&x, &y)
                isSwapped.toggle()
            }
        }
        if y.ofA == 0 {
            // Nothing, or nothing but multiples of b from a: as well by whole steps.
            if let shift = shift(of: b, below: a) { reduce(&a, &ta, b, tb, shift) }
            if shift(of: b, below: a) != nil { return false }
            swap(&a, &b)
            swap(&ta, &tb)
            return true
        }
        // The order of a and b in the differences is that of the signs.
        if isSwapped {
            difference(a.words, b.words, x.ofB, x.ofA, y.ofB, y.ofA, b.words, a.words, a.count)
        } else {
            difference(a.words, b.words, x.ofA, x.ofB, y.ofA, y.ofB, a.words, b.words, a.count)
        }
        b.count = a.count
        a.trim()
        b.trim()
        sum(ta.words, tb.words, x, y)
        ta.count = 8
        tb.count = 8
        ta.trim()
        tb.trim()
        return isSwapped
    }

    /// 32 bits of x, from the one that is bit 31 - zeros of the word `index` on, index > 0.
    private static func bits(_ x: ConstantElement, _ index: Int, _ zeros: UInt32) -> UInt32 {
        x[index] << zeros | (x[index &- 1] >> 1) >> (31 &- zeros)
    }

    /// (x, y) = (xa a - xb b, yb b - ya a), both >= 0; a and b are x and y or y and x. Factors below 2^16.
    @inline(never)
    private static func difference(
        _ x: Element, _ y: Element, _ xa: UInt32, _ xb: UInt32, _ ya: UInt32, _ yb: UInt32, _ a: Element, _ b: Element,
        _ count: Int
    ) {
        var first: Int64 = 0
        var second: Int64 = 0
        var i = 0
        while i < count {
            let (aWord, bWord) = (a[i], b[i])
            first &+= product(aWord, xa) &- product(bWord, xb)
            second &+= product(bWord, yb) &- product(aWord, ya)
            x[i] = halves(first).low
            y[i] = halves(second).low
            first = upper(first)
            second = upper(second)
            i &+= 1
        }
    }

    /// (a, b) = (x.ofA a + x.ofB b, y.ofA a + y.ofB b), below 2^160.
    @inline(never)
    private static func sum(_ a: Element, _ b: Element, _ x: Part, _ y: Part) {
        var first: Int64 = 0
        var second: Int64 = 0
        var i = 0
        while i < 5 {
            let (aWord, bWord) = (a[i], b[i])
            first &+= product(aWord, x.ofA) &+ product(bWord, x.ofB)
            second &+= product(aWord, y.ofA) &+ product(bWord, y.ofB)
            a[i] = halves(first).low
            b[i] = halves(second).low
            first = upper(first)
            second = upper(second)
            i &+= 1
        }
    }

    /// word factor, factor < 2^16. By half words: a 64-bit product is a library call on ARMv6-M.
    @inline(__always)
    private static func product(_ word: UInt32, _ factor: UInt32) -> Int64 {
        let high = (word >> 16) &* factor
        return Int64(bitPattern: wide((word & 0xFFFF) &* factor) &+ whole(high << 16, high >> 16))
    }
    #endif

    /// a -= 2^shift b, ta += 2^shift tb
    private static func reduce(_ a: inout Natural, _ ta: inout Natural, _ b: Natural, _ tb: Natural, _ shift: Int) {
        let offset = shift >> 5
        let bits = UInt32(truncatingIfNeeded: shift & 31)
        subtract(a.words + offset, b.words, bits, a.words + a.count)
        a.trim()
        // ta + 2^shift tb <= 8 L / b: it and its carry end within the words of 2^shift tb and one more, or those of ta.
        let count = min(8, max(ta.count, tb.count &+ offset &+ 1) &+ 1)
        add(ta.words + offset, tb.words, bits, ta.words + count)
        ta.count = count
        ta.trim()
    }

    /// The words from x to `end` -= those of 2^bits y, bits < 32; the difference is not negative.
    @inline(never)
    @_optimize(speed)
    private static func subtract(_ x: Element, _ y: ConstantElement, _ bits: UInt32, _ end: Element) {
        var (x, y) = (x, y)
        var low: UInt32 = 0
        var difference: Int64 = 0
        while x < end {
            let word = y[0]
            difference &+= signed(x[0]) &- signed(word << bits | (low >> 1) >> (31 &- bits))
            low = word
            x[0] = halves(difference).low
            difference = upper(difference)
            x += 1
            y += 1
        }
    }

    /// The words from x to `end` += those of 2^bits y, bits < 32; the sum fits there.
    @inline(never)
    @_optimize(speed)
    private static func add(_ x: Element, _ y: ConstantElement, _ bits: UInt32, _ end: Element) {
        var (x, y) = (x, y)
        var low: UInt32 = 0
        var sum: UInt64 = 0
        while x < end {
            let word = y[0]
            sum &+= wide(x[0]) &+ wide(word << bits | (low >> 1) >> (31 &- bits))
            low = word
            x[0] = halves(sum).low
            sum = upper(sum)
            x += 1
            y += 1
        }
    }
}
