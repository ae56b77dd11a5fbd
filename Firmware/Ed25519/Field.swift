// Arithmetic modulo p = 2^255 - 19 on elements of eight 32-bit words.

/// A field element in memory: eight words, least significant first, aligned to 4. Any value below 2^256 is allowed and means itself
/// modulo p; every operation takes and gives such values, so no caller has a bound to keep. `Field.canonicalize` gives the one value below p.
/// A result may overwrite any operand.
typealias Element = UnsafeMutablePointer<UInt32>
typealias ConstantElement = UnsafePointer<UInt32>

/// Words of an element.
let elementSize = 8

enum Field {
    /// r = a
    @inline(never)
    static func copy(_ r: Element, _ a: ConstantElement) {
        var i = 0
        while i < 8 {
            r[i] = a[i]
            i &+= 1
        }
    }

    /// r = value
    @inline(never)
    static func set(_ r: Element, _ value: UInt32) {
        r[0] = value
        var i = 1
        while i < 8 {
            r[i] = 0
            i &+= 1
        }
    }

    /// a = a mod p, below p. The only operation that does so. Constant time.
    ///
    /// Folding bit 255 (weight 19 modulo p) leaves a < 2^255 + 19. Then a >= p exactly if a + 19 reaches 2^255, and a - p is a + 19
    /// without that bit; otherwise the 19 is taken away again.
    @inline(never)
    static func canonicalize(_ a: Element) {
        let top = a[7] >> 31
        a[7] &= 0x7FFF_FFFF
        addSmall(a, top &* 19, 0)
        addSmall(a, 19, 0)
        let below = (a[7] >> 31) &- 1  // all ones if a < p
        addSmall(a, 0xFFFF_FFED & below, below)
        a[7] &= 0x7FFF_FFFF
    }

    /// a += the number whose lowest word is `low` and whose other words are `others`, modulo 2^256.
    private static func addSmall(_ a: Element, _ low: UInt32, _ others: UInt32) {
        var addend = low
        var sum: UInt64 = 0
        var i = 0
        while i < 8 {
            sum &+= wide(a[i]) &+ wide(addend)
            a[i] = halves(sum).low
            sum = upper(sum)
            addend = others
            i &+= 1
        }
    }

    #if !ED25519_POINT_KERNEL
    /// r = a^(2^count), count >= 1
    @inline(never)
    static func square(_ r: Element, _ a: ConstantElement, times count: Int) {
        square(r, a)
        var left = count &- 1
        while left > 0 {
            square(r, r)
            left &-= 1
        }
    }
    #endif

    /// r = a^(2^252 - 3). Uses two elements at `scratch`. r, a and scratch are distinct.
    ///
    /// The usual chain: 2^5-1, 2^10-1, 2^20-1, 2^40-1, 2^50-1, 2^100-1, 2^200-1, 2^250-1, then two squarings and a product.
    @inline(never)
    static func power2523(_ r: Element, _ a: ConstantElement, scratch: Element) {
        let t = scratch
        let u = scratch + 8
        square(r, a)  // 2
        square(t, r, times: 2)  // 8
        multiply(t, t, a)  // 9
        multiply(r, r, t)  // 11
        square(r, r)  // 22
        multiply(r, r, t)  // 2^5 - 1
        square(t, r, times: 5)
        multiply(r, t, r)  // 2^10 - 1
        square(t, r, times: 10)
        multiply(t, t, r)  // 2^20 - 1
        square(u, t, times: 20)
        multiply(t, u, t)  // 2^40 - 1
        square(t, t, times: 10)
        multiply(r, t, r)  // 2^50 - 1
        square(t, r, times: 50)
        multiply(t, t, r)  // 2^100 - 1
        square(u, t, times: 100)
        multiply(t, u, t)  // 2^200 - 1
        square(t, t, times: 50)
        multiply(t, t, r)  // 2^250 - 1
        square(t, t, times: 2)
        multiply(r, t, a)  // 2^252 - 3
    }

    /// Whether a is 0 modulo p; a becomes canonical.
    static func isZero(_ a: Element) -> Bool {
        canonicalize(a)
        var bits: UInt32 = 0
        var i = 0
        while i < 8 {
            bits |= a[i]
            i &+= 1
        }
        return bits == 0
    }
}
