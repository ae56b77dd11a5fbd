// The field operations that have assembly kernels, in portable Swift.

#if !ED25519_KERNEL
extension Field {
    /// r = a + b. The carry out of 2^256 weighs 38; when adding it carries again, what remains is below 38, so a third one cannot be.
    @inline(never)
    static func add(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        var sum: UInt64 = 0
        var i = 0
        while i < 8 {
            sum &+= UInt64(a[i]) &+ UInt64(b[i])
            r[i] = UInt32(truncatingIfNeeded: sum)
            sum >>= 32
            i &+= 1
        }
        fold(r, UInt32(truncatingIfNeeded: sum))
    }

    /// r = a - b. The borrow from 2^256 weighs -38; when subtracting it borrows again, what remains is at least 2^256 - 38.
    @inline(never)
    static func subtract(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        var difference: Int64 = 0
        var i = 0
        while i < 8 {
            difference &+= Int64(a[i]) &- Int64(b[i])
            r[i] = UInt32(truncatingIfNeeded: difference)
            difference >>= 32
            i &+= 1
        }
        difference &*= 38
        i = 0
        while i < 8 {
            difference &+= Int64(r[i])
            r[i] = UInt32(truncatingIfNeeded: difference)
            difference >>= 32
            i &+= 1
        }
        r[0] &-= UInt32(truncatingIfNeeded: 0 &- difference) &* 38
    }

    /// r += 38 high
    private static func fold(_ r: Element, _ high: UInt32) {
        var sum = UInt64(high) &* 38
        var i = 0
        while i < 8 {
            sum &+= UInt64(r[i])
            r[i] = UInt32(truncatingIfNeeded: sum)
            sum >>= 32
            i &+= 1
        }
        r[0] &+= UInt32(truncatingIfNeeded: sum) &* 38
    }

    /// r = a b: the product of 16 words, then its upper half times 38 added to the lower one.
    @inline(never)
    static func multiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 16) { buffer in
            let t = buffer.baseAddress!
            var i = 0
            while i < 16 {
                t[i] = 0
                i &+= 1
            }
            i = 0
            while i < 8 {
                var carry: UInt32 = 0
                var j = 0
                while j < 8 {
                    let sum = UInt64(a[i]) &* UInt64(b[j]) &+ UInt64(t[i &+ j]) &+ UInt64(carry)
                    t[i &+ j] = UInt32(truncatingIfNeeded: sum)
                    carry = UInt32(truncatingIfNeeded: sum >> 32)
                    j &+= 1
                }
                t[i &+ 8] = carry
                i &+= 1
            }
            var carry: UInt32 = 0
            i = 0
            while i < 8 {
                let sum = UInt64(t[i &+ 8]) &* 38 &+ UInt64(t[i]) &+ UInt64(carry)
                r[i] = UInt32(truncatingIfNeeded: sum)
                carry = UInt32(truncatingIfNeeded: sum >> 32)
                i &+= 1
            }
            fold(r, carry)
        }
    }

    /// r = a^2
    @inline(never)
    static func square(_ r: Element, _ a: ConstantElement) { multiply(r, a, a) }
}
#endif
