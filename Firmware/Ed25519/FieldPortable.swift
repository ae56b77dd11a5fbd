// The field operations that have assembly kernels, in portable Swift, for processors with a 32 x 32 -> 64 bit multiplier.
// FieldShortMultiplier.swift has those for processors without one.
//
// Everything is unrolled and held in variables: a loop over memory would load and store each word of the product again.

/// The four words of a row of a product.
private typealias Row = (UInt32, UInt32, UInt32, UInt32)

/// (carry, t) = a b + t + carry: at most (2^32-1)^2 + 2 (2^32-1) = 2^64 - 1. One UMAAL on ARMv7E-M.
@_transparent
private func multiplyAdd(_ t: inout UInt32, _ a: UInt32, _ b: UInt32, _ carry: inout UInt32) {
    let sum = wide(a) &* wide(b) &+ wide(t) &+ wide(carry)
    t = halves(sum).low
    carry = halves(sum).high
}

/// t += a b, the words of the sum: `first` has the lowest, t the next four; `carry` comes in with the weight of the lowest.
@_transparent
private func row(_ t: inout Row, _ a: Row, _ b: UInt32, carry: UInt32) -> UInt32 {
    var carry = carry
    multiplyAdd(&t.0, a.0, b, &carry)
    multiplyAdd(&t.1, a.1, b, &carry)
    multiplyAdd(&t.2, a.2, b, &carry)
    multiplyAdd(&t.3, a.3, b, &carry)
    let first = t.0
    t = (t.1, t.2, t.3, carry)
    return first
}

@_transparent
private func load(_ a: ConstantElement) -> Row { (a[0], a[1], a[2], a[3]) }

/// r = lo + 38 hi in one pass without a carry left at its end. The top word goes first: 38 hi[7] + lo[7] = 2^31 x + y with x < 2^7 + 2^1 and
/// y < 2^31; then 19 x enters the chain lo[i] + 38 hi[i], i = 0…6, which hands a carry of at most 38 to y: the result is below 2^256.
@_transparent
private func fold(_ r: Element, _ low: (Row, Row), _ high: (Row, Row)) {
    let top = wide(high.1.3) &* 38 &+ wide(low.1.3)
    let topLow = halves(top).low
    var carry = ((halves(top).high << 1) | (topLow >> 31)) &* 19
    var low = low
    multiplyAdd(&low.0.0, high.0.0, 38, &carry)
    multiplyAdd(&low.0.1, high.0.1, 38, &carry)
    multiplyAdd(&low.0.2, high.0.2, 38, &carry)
    multiplyAdd(&low.0.3, high.0.3, 38, &carry)
    multiplyAdd(&low.1.0, high.1.0, 38, &carry)
    multiplyAdd(&low.1.1, high.1.1, 38, &carry)
    multiplyAdd(&low.1.2, high.1.2, 38, &carry)
    r[0] = low.0.0
    r[1] = low.0.1
    r[2] = low.0.2
    r[3] = low.0.3
    r[4] = low.1.0
    r[5] = low.1.1
    r[6] = low.1.2
    r[7] = (topLow & 0x7FFF_FFFF) &+ carry
}

#if !ED25519_SHORT_MULTIPLIER && !ED25519_KERNEL
extension Field {
    /// r = a b: four blocks of 4 x 4 words, a row at a time.
    @inline(never)
    @_optimize(speed)
    static func multiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) { longMultiply(r, a, b) }

    /// r = a^2
    @inline(never)
    @_optimize(speed)
    static func square(_ r: Element, _ a: ConstantElement) { longSquare(r, a) }
}
#endif

extension Field {
    @_transparent
    static func longMultiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        let a0 = load(a)
        var t: Row = (0, 0, 0, 0)
        var low0: Row = t
        low0.0 = row(&t, a0, b[0], carry: 0)
        low0.1 = row(&t, a0, b[1], carry: 0)
        low0.2 = row(&t, a0, b[2], carry: 0)
        low0.3 = row(&t, a0, b[3], carry: 0)
        var u: Row = t
        u.0 = row(&t, a0, b[4], carry: 0)
        u.1 = row(&t, a0, b[5], carry: 0)
        u.2 = row(&t, a0, b[6], carry: 0)
        u.3 = row(&t, a0, b[7], carry: 0)
        let a1 = load(a + 4)
        var low1: Row = t
        low1.0 = row(&u, a1, b[0], carry: 0)
        low1.1 = row(&u, a1, b[1], carry: 0)
        low1.2 = row(&u, a1, b[2], carry: 0)
        low1.3 = row(&u, a1, b[3], carry: 0)
        var high0: Row = t
        high0.0 = row(&u, a1, b[4], carry: t.0)
        high0.1 = row(&u, a1, b[5], carry: t.1)
        high0.2 = row(&u, a1, b[6], carry: t.2)
        high0.3 = row(&u, a1, b[7], carry: t.3)
        fold(r, (low0, low1), (high0, u))
    }

    /// The products of different words once, then T = 2 s + (a[i]^2 at words 2i, 2i+1).
    @_transparent
    static func longSquare(_ r: Element, _ a: ConstantElement) {
        let (a0, a1, a2, a3) = load(a)
        let (a4, a5, a6, a7) = load(a + 4)
        var s1: UInt32 = 0
        var s2: UInt32 = 0
        var s3: UInt32 = 0
        var s4: UInt32 = 0
        var s5: UInt32 = 0
        var s6: UInt32 = 0
        var s7: UInt32 = 0
        var s8: UInt32 = 0
        var s9: UInt32 = 0
        var s10: UInt32 = 0
        var s11: UInt32 = 0
        var s12: UInt32 = 0
        var s13: UInt32 = 0
        var s14: UInt32 = 0
        var carry: UInt32 = 0
        multiplyAdd(&s1, a0, a1, &carry)
        multiplyAdd(&s2, a0, a2, &carry)
        multiplyAdd(&s3, a0, a3, &carry)
        multiplyAdd(&s4, a0, a4, &carry)
        multiplyAdd(&s5, a0, a5, &carry)
        multiplyAdd(&s6, a0, a6, &carry)
        multiplyAdd(&s7, a0, a7, &carry)
        s8 = carry
        carry = 0
        multiplyAdd(&s3, a1, a2, &carry)
        multiplyAdd(&s4, a1, a3, &carry)
        multiplyAdd(&s5, a1, a4, &carry)
        multiplyAdd(&s6, a1, a5, &carry)
        multiplyAdd(&s7, a1, a6, &carry)
        multiplyAdd(&s8, a1, a7, &carry)
        s9 = carry
        carry = 0
        multiplyAdd(&s5, a2, a3, &carry)
        multiplyAdd(&s6, a2, a4, &carry)
        multiplyAdd(&s7, a2, a5, &carry)
        multiplyAdd(&s8, a2, a6, &carry)
        multiplyAdd(&s9, a2, a7, &carry)
        s10 = carry
        carry = 0
        multiplyAdd(&s7, a3, a4, &carry)
        multiplyAdd(&s8, a3, a5, &carry)
        multiplyAdd(&s9, a3, a6, &carry)
        multiplyAdd(&s10, a3, a7, &carry)
        s11 = carry
        carry = 0
        multiplyAdd(&s9, a4, a5, &carry)
        multiplyAdd(&s10, a4, a6, &carry)
        multiplyAdd(&s11, a4, a7, &carry)
        s12 = carry
        carry = 0
        multiplyAdd(&s11, a5, a6, &carry)
        multiplyAdd(&s12, a5, a7, &carry)
        s13 = carry
        carry = 0
        multiplyAdd(&s13, a6, a7, &carry)
        s14 = carry
        carry = 0
        let q0 = wide(a0) &* wide(a0)
        var d0 = halves(q0).low, d1 = halves(q0).high
        multiplyAdd(&d1, s1, 2, &carry)
        let q1 = wide(a1) &* wide(a1)
        var d2 = halves(q1).low, d3 = halves(q1).high
        multiplyAdd(&d2, s2, 2, &carry)
        multiplyAdd(&d3, s3, 2, &carry)
        let q2 = wide(a2) &* wide(a2)
        var d4 = halves(q2).low, d5 = halves(q2).high
        multiplyAdd(&d4, s4, 2, &carry)
        multiplyAdd(&d5, s5, 2, &carry)
        let q3 = wide(a3) &* wide(a3)
        var d6 = halves(q3).low, d7 = halves(q3).high
        multiplyAdd(&d6, s6, 2, &carry)
        multiplyAdd(&d7, s7, 2, &carry)
        let q4 = wide(a4) &* wide(a4)
        var d8 = halves(q4).low, d9 = halves(q4).high
        multiplyAdd(&d8, s8, 2, &carry)
        multiplyAdd(&d9, s9, 2, &carry)
        let q5 = wide(a5) &* wide(a5)
        var d10 = halves(q5).low, d11 = halves(q5).high
        multiplyAdd(&d10, s10, 2, &carry)
        multiplyAdd(&d11, s11, 2, &carry)
        let q6 = wide(a6) &* wide(a6)
        var d12 = halves(q6).low, d13 = halves(q6).high
        multiplyAdd(&d12, s12, 2, &carry)
        multiplyAdd(&d13, s13, 2, &carry)
        let q7 = wide(a7) &* wide(a7)
        var d14 = halves(q7).low, d15 = halves(q7).high
        multiplyAdd(&d14, s14, 2, &carry)
        d15 &+= carry
        fold(r, ((d0, d1, d2, d3), (d4, d5, d6, d7)), ((d8, d9, d10, d11), (d12, d13, d14, d15)))
    }
}

#if !ED25519_KERNEL
extension Field {
    /// r = a + b. Bits from 2^255 on, x of them, weigh 19: a + b = 2^255 x + y with x < 4, so y + 19 x is below 2^256.
    @inline(never)
    @_optimize(speed)
    static func add(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        var sum = wide(a[0]) &+ wide(b[0])
        let r0 = halves(sum).low
        sum = upper(sum) &+ wide(a[1]) &+ wide(b[1])
        let r1 = halves(sum).low
        sum = upper(sum) &+ wide(a[2]) &+ wide(b[2])
        let r2 = halves(sum).low
        sum = upper(sum) &+ wide(a[3]) &+ wide(b[3])
        let r3 = halves(sum).low
        sum = upper(sum) &+ wide(a[4]) &+ wide(b[4])
        let r4 = halves(sum).low
        sum = upper(sum) &+ wide(a[5]) &+ wide(b[5])
        let r5 = halves(sum).low
        sum = upper(sum) &+ wide(a[6]) &+ wide(b[6])
        let r6 = halves(sum).low
        sum = upper(sum) &+ wide(a[7]) &+ wide(b[7])
        let r7 = halves(sum).low
        let x = (halves(sum).high << 1) | (r7 >> 31)
        sum = wide(x &* 19) &+ wide(r0)
        r[0] = halves(sum).low
        sum = upper(sum) &+ wide(r1)
        r[1] = halves(sum).low
        sum = upper(sum) &+ wide(r2)
        r[2] = halves(sum).low
        sum = upper(sum) &+ wide(r3)
        r[3] = halves(sum).low
        sum = upper(sum) &+ wide(r4)
        r[4] = halves(sum).low
        sum = upper(sum) &+ wide(r5)
        r[5] = halves(sum).low
        sum = upper(sum) &+ wide(r6)
        r[6] = halves(sum).low
        r[7] = halves(sum).high &+ (r7 & 0x7FFF_FFFF)
    }

    /// r = a - b. The borrow from 2^256 weighs -38; when subtracting it borrows again, what remains is at least 2^256 - 38.
    @inline(never)
    @_optimize(speed)
    static func subtract(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        var difference = signed(a[0]) &- signed(b[0])
        let r0 = halves(difference).low
        difference = upper(difference) &+ signed(a[1]) &- signed(b[1])
        let r1 = halves(difference).low
        difference = upper(difference) &+ signed(a[2]) &- signed(b[2])
        let r2 = halves(difference).low
        difference = upper(difference) &+ signed(a[3]) &- signed(b[3])
        let r3 = halves(difference).low
        difference = upper(difference) &+ signed(a[4]) &- signed(b[4])
        let r4 = halves(difference).low
        difference = upper(difference) &+ signed(a[5]) &- signed(b[5])
        let r5 = halves(difference).low
        difference = upper(difference) &+ signed(a[6]) &- signed(b[6])
        let r6 = halves(difference).low
        difference = upper(difference) &+ signed(a[7]) &- signed(b[7])
        let r7 = halves(difference).low
        difference = signed(r0) &- signed(halves(difference).high & 38)
        let lowest = halves(difference).low
        difference = upper(difference) &+ signed(r1)
        r[1] = halves(difference).low
        difference = upper(difference) &+ signed(r2)
        r[2] = halves(difference).low
        difference = upper(difference) &+ signed(r3)
        r[3] = halves(difference).low
        difference = upper(difference) &+ signed(r4)
        r[4] = halves(difference).low
        difference = upper(difference) &+ signed(r5)
        r[5] = halves(difference).low
        difference = upper(difference) &+ signed(r6)
        r[6] = halves(difference).low
        difference = upper(difference) &+ signed(r7)
        r[7] = halves(difference).low
        r[0] = lowest &- (halves(difference).high & 38)
    }
}
#endif
