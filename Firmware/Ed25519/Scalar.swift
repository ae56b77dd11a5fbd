// Arithmetic modulo L, the order of B, on scalars of eight 32-bit words; all of it in constant time.

/// A scalar in memory: eight words, least significant first.
typealias ScalarPointer = UnsafeMutablePointer<UInt32>

enum Scalar {
    #if ED25519_SHORT_MULTIPLIER
    /// r = the integer of `count` words at `x`, count >= 8, modulo L, below L. r may not overlap x.
    ///
    /// Horner's rule, 16 bits at a time, from the upper seven words on, which are below L by themselves: with r < L,
    /// v = 2^16 r + (the next 16 bits) < 2^16 L. Since L = 2^252 + c, 0 < c < 2^125, q = floor(v / 2^252) is at most 2^16, and
    /// v - q L = (v mod 2^252) - q c lies between -2^142 and 2^252: adding L once where it is negative brings it to [0, L).
    @inline(never)
    static func reduce(_ r: ScalarPointer, _ x: UnsafePointer<UInt32>, count: Int) {
        var i = 0
        while i < 7 {
            r[i] = x[count &- 7 &+ i]
            i &+= 1
        }
        r[7] = 0
        var position = 2 &* count &- 14
        while position > 0 {
            position &-= 1
            var low = (x[position >> 1] >> (UInt32(truncatingIfNeeded: position & 1) << 4)) << 16
            // r < 2^253, so shifted by 16 bits it has 269: eight words, and the part of `low` that falls out at the top.
            i = 0
            while i < 8 {
                let word = r[i]
                r[i] = (word << 16) | (low >> 16)
                low = word
                i &+= 1
            }
            let q = (low >> 16) << 4 | (r[7] >> 28)
            r[7] &= 0x0FFF_FFFF
            subtractThenCorrect(r, q)
        }
    }

    /// r - q (L - 2^252), plus L where that is negative; q <= 2^16.
    private static func subtractThenCorrect(_ r: ScalarPointer, _ q: UInt32) {
        groupOrder.span.withUnsafeBufferPointer { buffer in
            let order = buffer.baseAddress!
            var carry: UInt32 = 0
            var borrow: Int64 = 0
            var i = 0
            while i < 4 {
                // q c[i] + carry < 2^49, by half words: a 64-bit product is a library call on ARMv6-M.
                let low = (order[i] & 0xFFFF) &* q
                let high = (order[i] >> 16) &* q
                let (sum, overflow) = carry.addingReportingOverflow(low)
                let (word, again) = sum.addingReportingOverflow(high << 16)
                carry = (high >> 16) &+ (overflow ? 1 : 0) &+ (again ? 1 : 0)
                borrow &+= signed(r[i]) &- signed(word)
                r[i] = halves(borrow).low
                borrow = upper(borrow)
                i &+= 1
            }
            borrow &-= signed(carry)
            while i < 8 {
                borrow &+= signed(r[i])
                r[i] = halves(borrow).low
                borrow = upper(borrow)
                i &+= 1
            }
            let mask = halves(borrow).low
            var sum: UInt64 = 0
            i = 0
            while i < 8 {
                sum &+= wide(r[i]) &+ wide(order[i] & mask)
                r[i] = halves(sum).low
                sum = upper(sum)
                i &+= 1
            }
        }
    }
    #else
    /// r = the integer of `count` words at `x`, count >= 8, modulo L, below L. r may not overlap x.
    ///
    /// Horner's rule, 32 bits at a time, from the upper seven words on, which are below L by themselves: with r < L,
    /// v = 2^32 r + (the next 32 bits) < 2^32 L. Since L = 2^252 + c, 0 < c < 2^125, q = floor(v / 2^252) is at most 2^32, and
    /// v - q L = (v mod 2^252) - q c lies between -2^157 and 2^252: adding L once where it is negative brings it to [0, L). Should q be 2^32,
    /// 2^32 - 1 is taken, with which v - q L is below L, and not negative, too.
    @inline(never)
    static func reduce(_ r: ScalarPointer, _ x: UnsafePointer<UInt32>, count: Int) {
        var i = 0
        while i < 7 {
            r[i] = x[count &- 7 &+ i]
            i &+= 1
        }
        r[7] = 0
        var position = count &- 7
        while position > 0 {
            position &-= 1
            let top = r[7]
            i = 7
            while i > 0 {
                r[i] = r[i &- 1]
                i &-= 1
            }
            r[0] = x[position]
            let overflow = top >> 28
            let q = (top << 4 | r[7] >> 28) | (0 &- overflow)
            r[7] = (r[7] & 0x0FFF_FFFF) | overflow << 28
            subtractThenCorrect(r, q)
        }
    }

    /// r - q (L - 2^252), plus L where that is negative.
    @_optimize(speed)
    private static func subtractThenCorrect(_ r: ScalarPointer, _ q: UInt32) {
        groupOrder.span.withUnsafeBufferPointer { buffer in
            let order = buffer.baseAddress!
            var carry: UInt64 = 0
            var borrow: Int64 = 0
            var i = 0
            while i < 8 {
                if i < 4 { carry &+= wide(order[i]) &* wide(q) }
                borrow &+= signed(r[i]) &- signed(halves(carry).low)
                carry = upper(carry)
                r[i] = halves(borrow).low
                borrow = upper(borrow)
                i &+= 1
            }
            let mask = halves(borrow).low
            var sum: UInt64 = 0
            i = 0
            while i < 8 {
                sum &+= wide(r[i]) &+ wide(order[i] & mask)
                r[i] = halves(sum).low
                sum = upper(sum)
                i &+= 1
            }
        }
    }
    #endif

    /// r = (a b + c) mod L. Uses 16 words at `scratch`; r may be a, b or c.
    static func multiplyAdd(
        _ r: ScalarPointer, _ a: UnsafePointer<UInt32>, _ b: UnsafePointer<UInt32>, _ c: UnsafePointer<UInt32>,
        scratch: UnsafeMutablePointer<UInt32>
    ) {
        // a b + c <= (2^256 - 1)^2 + 2^256 - 1 < 2^512, and each step below fits in 64 bits: (2^32-1)^2 + 2 (2^32-1) = 2^64 - 1.
        var i = 0
        while i < 8 {
            scratch[i] = c[i]
            i &+= 1
        }
        i = 0
        while i < 8 {
            var carry: UInt32 = 0
            var j = 0
            while j < 8 {
                carry = multiplyAddHalves(&scratch[i &+ j], (a[i] & 0xFFFF, a[i] >> 16), (b[j] & 0xFFFF, b[j] >> 16), carry)
                j &+= 1
            }
            scratch[i &+ 8] = carry
            i &+= 1
        }
        reduce(r, scratch, count: 16)
    }

    /// Whether s < L. Not in constant time: a signature is public.
    static func isReduced(_ s: UnsafePointer<UInt32>) -> Bool {
        var below = false
        groupOrder.span.withUnsafeBufferPointer { buffer in
            let order = buffer.baseAddress!
            var i = 8
            while i > 0 {
                i &-= 1
                if s[i] != order[i] {
                    below = s[i] < order[i]
                    return
                }
            }
        }
        return below
    }
}
