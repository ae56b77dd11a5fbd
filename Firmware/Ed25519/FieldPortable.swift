// The field operations that have assembly kernels, in portable Swift. This file is for processors with a 32 x 32 -> 64 bit multiplier;
// FieldShortMultiplier.swift has the product for those without one.

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

    /// r = a - b. a + (2^256 - 1 - b) + 1 = a - b + 2^256 = 2^255 x + y with x < 4, which is y + 19 x - 38, or with p added
    /// y + 2^255 - 57 + 19 x: from 0 to 2^256 - 1.
    @inline(never)
    @_optimize(speed)
    static func subtract(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        var sum = wide(a[0]) &+ wide(~b[0]) &+ 1
        let r0 = halves(sum).low
        sum = upper(sum) &+ wide(a[1]) &+ wide(~b[1])
        let r1 = halves(sum).low
        sum = upper(sum) &+ wide(a[2]) &+ wide(~b[2])
        let r2 = halves(sum).low
        sum = upper(sum) &+ wide(a[3]) &+ wide(~b[3])
        let r3 = halves(sum).low
        sum = upper(sum) &+ wide(a[4]) &+ wide(~b[4])
        let r4 = halves(sum).low
        sum = upper(sum) &+ wide(a[5]) &+ wide(~b[5])
        let r5 = halves(sum).low
        sum = upper(sum) &+ wide(a[6]) &+ wide(~b[6])
        let r6 = halves(sum).low
        sum = upper(sum) &+ wide(a[7]) &+ wide(~b[7])
        let r7 = halves(sum).low
        let x = (halves(sum).high << 1) | (r7 >> 31)
        sum = wide(r0) &+ wide(0xFFFF_FFC7) &+ wide(x &* 19)
        r[0] = halves(sum).low
        sum = upper(sum) &+ wide(r1) &+ wide(0xFFFF_FFFF)
        r[1] = halves(sum).low
        sum = upper(sum) &+ wide(r2) &+ wide(0xFFFF_FFFF)
        r[2] = halves(sum).low
        sum = upper(sum) &+ wide(r3) &+ wide(0xFFFF_FFFF)
        r[3] = halves(sum).low
        sum = upper(sum) &+ wide(r4) &+ wide(0xFFFF_FFFF)
        r[4] = halves(sum).low
        sum = upper(sum) &+ wide(r5) &+ wide(0xFFFF_FFFF)
        r[5] = halves(sum).low
        sum = upper(sum) &+ wide(r6) &+ wide(0xFFFF_FFFF)
        r[6] = halves(sum).low
        r[7] = halves(sum).high &+ (r7 & 0x7FFF_FFFF) &+ 0x7FFF_FFFF
    }
}
#endif

#if !ED25519_KERNEL && !ED25519_SHORT_MULTIPLIER
extension Field {
    /// r = a b
    @inline(__always)
    static func multiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) { longMultiply(r, a, b) }

    /// r = a^2. A square of its own would save a quarter of the products, and loses more than that to memory accesses.
    @inline(__always)
    static func square(_ r: Element, _ a: ConstantElement) { longMultiply(r, a, a) }
}
#endif

extension Field {
    /// r = a b for processors with a long multiplier: T = a[0…3] b, then T += 2^128 a[4…7] b, then folded.
    @inline(never)
    static func longMultiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        withWords(16) { t in
            noWords.span.withUnsafeBufferPointer { addProduct(t, a, b, plus: $0.baseAddress!) }
            addProduct(t + 4, a + 4, b, plus: t + 4)
            fold(r, t)
        }
    }
}

/// r = lo + 38 hi for the 16 words lo, hi of t, in one pass without a carry left at its end. The top word goes first:
/// 38 hi[7] + lo[7] = 2^31 x + y with x < 2^7 + 2^1 and y < 2^31; then 19 x enters the chain lo[i] + 38 hi[i], i = 0…6,
/// which hands a carry of at most 38 to y: the result is below 2^256.
@_transparent
private func fold(_ r: Element, _ t: Element) {
    let top = wide(t[15]) &* 38 &+ wide(t[7])
    var carry = ((halves(top).high << 1) | (halves(top).low >> 31)) &* 19
    multiplyAdd(&t[0], t[8], 38, &carry)
    r[0] = t[0]
    multiplyAdd(&t[1], t[9], 38, &carry)
    r[1] = t[1]
    multiplyAdd(&t[2], t[10], 38, &carry)
    r[2] = t[2]
    multiplyAdd(&t[3], t[11], 38, &carry)
    r[3] = t[3]
    multiplyAdd(&t[4], t[12], 38, &carry)
    r[4] = t[4]
    multiplyAdd(&t[5], t[13], 38, &carry)
    r[5] = t[5]
    multiplyAdd(&t[6], t[14], 38, &carry)
    r[6] = t[6]
    r[7] = (halves(top).low & 0x7FFF_FFFF) &+ carry
}

/// (carry, t) = a b + t + carry: at most (2^32-1)^2 + 2 (2^32-1) = 2^64 - 1. One UMAAL on ARMv7E-M.
@_transparent
private func multiplyAdd(_ t: inout UInt32, _ a: UInt32, _ b: UInt32, _ carry: inout UInt32) {
    let sum = wide(a) &* wide(b) &+ wide(t) &+ wide(carry)
    t = halves(sum).low
    carry = halves(sum).high
}

private let noWords: InlineArray<8, UInt32> = [0, 0, 0, 0, 0, 0, 0, 0]

/// t[0…11] = c[0…7] + a[0…3] b[0…7]; c may be t. A row adds a[0…3] b[j] to four words that stay in variables; its carry starts from c[j],
/// and its lowest word is t[j]. Written for the registers: holding all of a and b would spill them.
@inline(never)
@_optimize(speed)
private func addProduct(_ t: Element, _ a: ConstantElement, _ b: ConstantElement, plus c: ConstantElement) {
    let a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3]
    var t0: UInt32 = 0, t1: UInt32 = 0, t2: UInt32 = 0, t3: UInt32 = 0
    var c0 = c[0]
    multiplyAdd(&t0, a0, b[0], &c0)
    multiplyAdd(&t1, a1, b[0], &c0)
    multiplyAdd(&t2, a2, b[0], &c0)
    multiplyAdd(&t3, a3, b[0], &c0)
    t[0] = t0
    var c1 = c[1]
    multiplyAdd(&t1, a0, b[1], &c1)
    multiplyAdd(&t2, a1, b[1], &c1)
    multiplyAdd(&t3, a2, b[1], &c1)
    multiplyAdd(&c0, a3, b[1], &c1)
    t[1] = t1
    var c2 = c[2]
    multiplyAdd(&t2, a0, b[2], &c2)
    multiplyAdd(&t3, a1, b[2], &c2)
    multiplyAdd(&c0, a2, b[2], &c2)
    multiplyAdd(&c1, a3, b[2], &c2)
    t[2] = t2
    var c3 = c[3]
    multiplyAdd(&t3, a0, b[3], &c3)
    multiplyAdd(&c0, a1, b[3], &c3)
    multiplyAdd(&c1, a2, b[3], &c3)
    multiplyAdd(&c2, a3, b[3], &c3)
    t[3] = t3
    var c4 = c[4]
    multiplyAdd(&c0, a0, b[4], &c4)
    multiplyAdd(&c1, a1, b[4], &c4)
    multiplyAdd(&c2, a2, b[4], &c4)
    multiplyAdd(&c3, a3, b[4], &c4)
    t[4] = c0
    var c5 = c[5]
    multiplyAdd(&c1, a0, b[5], &c5)
    multiplyAdd(&c2, a1, b[5], &c5)
    multiplyAdd(&c3, a2, b[5], &c5)
    multiplyAdd(&c4, a3, b[5], &c5)
    t[5] = c1
    var c6 = c[6]
    multiplyAdd(&c2, a0, b[6], &c6)
    multiplyAdd(&c3, a1, b[6], &c6)
    multiplyAdd(&c4, a2, b[6], &c6)
    multiplyAdd(&c5, a3, b[6], &c6)
    t[6] = c2
    var c7 = c[7]
    multiplyAdd(&c3, a0, b[7], &c7)
    multiplyAdd(&c4, a1, b[7], &c7)
    multiplyAdd(&c5, a2, b[7], &c7)
    multiplyAdd(&c6, a3, b[7], &c7)
    t[7] = c3
    t[8] = c4
    t[9] = c5
    t[10] = c6
    t[11] = c7
}
