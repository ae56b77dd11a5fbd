// k B in constant time, by a signed comb; for signing and key derivation.

enum BaseScalar {
    /// Words of memory that `compute` needs: the scalar and the chosen entry, then scratch.
    static var words: Int { 32 &+ Point.scratchWords }

    /// p = k B, T not valid, k < L. No branch and no address depends on k.
    ///
    /// An odd n < 2^255 is the sum of e[i] 2^i, i = 0…254, with e[i] = ±1: e[i] = 1 where bit i of (n + 2^255 - 1)/2 is set. k or k + L is odd.
    /// Column j of the comb has e[j + 51 t], t = 0…4; the table holds all its combinations with e[j + 204] = 1, the others are their negatives.
    static func compute(_ p: PointPointer, _ k: UnsafePointer<UInt32>, _ memory: Element) {
        let signs = memory
        let entry = memory + 8
        let scratch = memory + 32
        recode(signs, k)
        Point.setNeutral(p)
        var column = 51
        while column > 0 {
            column &-= 1
            if column != 50 { Point.double(p, scratch, withT: true) }
            select(entry, signs, column)
            Point.addProjective(p, entry, negated: false, scratch, withT: false)
        }
    }

    /// signs = (n + 2^255 - 1)/2 with n = k or k + L, whichever is odd.
    private static func recode(_ signs: Element, _ k: UnsafePointer<UInt32>) {
        let mask = (k[0] & 1) &- 1
        groupOrder.span.withUnsafeBufferPointer { buffer in
            let order = buffer.baseAddress!
            var sum: UInt64 = 0
            var i = 0
            while i < 8 {
                sum &+= wide(k[i]) &+ wide(order[i] & mask)
                signs[i] = halves(sum).low
                sum = upper(sum)
                i &+= 1
            }
        }
        // (n - 1)/2 + 2^254, as n is odd.
        var i = 0
        while i < 7 {
            signs[i] = (signs[i] >> 1) | (signs[i &+ 1] << 31)
            i &+= 1
        }
        signs[7] = (signs[7] >> 1) &+ 0x4000_0000
    }

    private static func bit(_ signs: UnsafePointer<UInt32>, _ i: Int) -> UInt32 {
        (signs[i >> 5] >> UInt32(truncatingIfNeeded: i & 31)) & 1
    }

    /// entry = the table's point for `column`, negated where its leading sign is -1. Reads the whole table.
    @inline(never)
    private static func select(_ entry: Element, _ signs: UnsafePointer<UInt32>, _ column: Int) {
        let leading = bit(signs, column &+ 204)
        var index: UInt32 = 0
        var tooth = 4
        while tooth > 0 {
            tooth &-= 1
            index = (index << 1) | (bit(signs, column &+ 51 &* tooth) ^ leading ^ 1)
        }
        combOfBase.span.withUnsafeBufferPointer { table in
            gather(entry, table.baseAddress!, index)
            gather(entry + 8, table.baseAddress! + 8, index)
            gather(entry + 16, table.baseAddress! + 16, index)
        }
        negate(entry, leading &- 1)
    }

    /// r = element `index` of 16 that begin at `table`, 24 words apart. Reads them all.
    @inline(never)
    private static func gather(_ r: Element, _ table: ConstantElement, _ index: UInt32) {
        var from = table
        var row: UInt32 = 0
        var a: UInt32 = 0, b: UInt32 = 0, c: UInt32 = 0, d: UInt32 = 0
        var e: UInt32 = 0, f: UInt32 = 0, g: UInt32 = 0, h: UInt32 = 0
        while row < 16 {
            // All ones where row = index: both are below 16, so the difference less 1 is negative for 0 only.
            let mask = UInt32(bitPattern: Int32(bitPattern: (row ^ index) &- 1) >> 31)
            a |= from[0] & mask
            b |= from[1] & mask
            c |= from[2] & mask
            d |= from[3] & mask
            e |= from[4] & mask
            f |= from[5] & mask
            g |= from[6] & mask
            h |= from[7] & mask
            from += 24
            row &+= 1
        }
        r[0] = a
        r[1] = b
        r[2] = c
        r[3] = d
        r[4] = e
        r[5] = f
        r[6] = g
        r[7] = h
    }

    /// Where mask is all ones: exchanges the first two elements of the entry and negates the third.
    private static func negate(_ entry: Element, _ mask: UInt32) {
        var i = 0
        while i < 8 {
            let difference = (entry[i] ^ entry[i &+ 8]) & mask
            entry[i] ^= difference
            entry[i &+ 8] ^= difference
            i &+= 1
        }
        // -t = (2^256 - 1 - t) - 37 modulo p = 2^256 - 38 …: table entries are below p, so no borrow leaves the top word.
        var difference: Int64 = Int64(bitPattern: UInt64(mask & 37)) &* -1
        i = 16
        while i < 24 {
            difference &+= signed(entry[i] ^ mask)
            entry[i] = halves(difference).low
            difference = upper(difference)
            i &+= 1
        }
    }
}
