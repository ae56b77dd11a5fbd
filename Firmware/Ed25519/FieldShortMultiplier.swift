// The field product in portable Swift for processors that multiply 32 x 32 bits to the lower 32 only (ARMv6-M).

#if !ED25519_KERNEL && ED25519_SHORT_MULTIPLIER
extension Field {
    /// r = a b
    @inline(__always)
    static func multiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) { shortMultiply(r, a, b) }

    /// r = a^2
    @inline(__always)
    static func square(_ r: Element, _ a: ConstantElement) { shortMultiply(r, a, a) }
}
#endif

extension Field {
    /// r = a b for processors with a short multiplier: the product of 16 words, row by row, then folded.
    @inline(never)
    static func shortMultiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        withWords(16) { t in
            set(t, 0)
            var i = 0
            while i < 8 {
                addRow(t + i, a, b[i])
                i &+= 1
            }
            fold(r, t)
        }
    }
}

/// r = lo + 38 hi, as in FieldPortable.swift: the top word first, 38 hi[7] + lo[7] = 2^31 x + y, then 19 x into the chain of the others.
@inline(never)
@_optimize(speed)
private func fold(_ r: Element, _ t: Element) {
    var top = t[7]
    let over = multiplyAddHalves(&top, (t[15] & 0xFFFF, t[15] >> 16), (38, 0), 0)
    var carry = ((over << 1) | (top >> 31)) &* 19
    carry = multiplyAddHalves(&t[0], (t[8] & 0xFFFF, t[8] >> 16), (38, 0), carry)
    r[0] = t[0]
    carry = multiplyAddHalves(&t[1], (t[9] & 0xFFFF, t[9] >> 16), (38, 0), carry)
    r[1] = t[1]
    carry = multiplyAddHalves(&t[2], (t[10] & 0xFFFF, t[10] >> 16), (38, 0), carry)
    r[2] = t[2]
    carry = multiplyAddHalves(&t[3], (t[11] & 0xFFFF, t[11] >> 16), (38, 0), carry)
    r[3] = t[3]
    carry = multiplyAddHalves(&t[4], (t[12] & 0xFFFF, t[12] >> 16), (38, 0), carry)
    r[4] = t[4]
    carry = multiplyAddHalves(&t[5], (t[13] & 0xFFFF, t[13] >> 16), (38, 0), carry)
    r[5] = t[5]
    carry = multiplyAddHalves(&t[6], (t[14] & 0xFFFF, t[14] >> 16), (38, 0), carry)
    r[6] = t[6]
    r[7] = (top & 0x7FFF_FFFF) &+ carry
}

/// t[0…8] = t[0…7] + a[0…7] b
@inline(never)
@_optimize(speed)
private func addRow(_ t: Element, _ a: ConstantElement, _ b: UInt32) {
    let factor = (b & 0xFFFF, b >> 16)
    var carry: UInt32 = 0
    carry = multiplyAddHalves(&t[0], (a[0] & 0xFFFF, a[0] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[1], (a[1] & 0xFFFF, a[1] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[2], (a[2] & 0xFFFF, a[2] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[3], (a[3] & 0xFFFF, a[3] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[4], (a[4] & 0xFFFF, a[4] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[5], (a[5] & 0xFFFF, a[5] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[6], (a[6] & 0xFFFF, a[6] >> 16), factor, carry)
    carry = multiplyAddHalves(&t[7], (a[7] & 0xFFFF, a[7] >> 16), factor, carry)
    t[8] = carry
}
