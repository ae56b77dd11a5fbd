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
        withTable(groupOrder) { order in
            var sum: UInt64 = 0
            var i = 0
            while i < 8 {
                sum &+= UInt64(k[i]) &+ UInt64(order[i] & mask)
                signs[i] = UInt32(truncatingIfNeeded: sum)
                sum >>= 32
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
        withTable(combOfBase) { table in
            var word = 0
            while word < 24 {
                entry[word] = 0
                word &+= 1
            }
            var row: UInt32 = 0
            var from = table
            while row < 16 {
                // All ones where row = index: both are below 16, so the difference minus 1 is negative for 0 only.
                let mask = UInt32(bitPattern: Int32(bitPattern: (row ^ index) &- 1) >> 31)
                word = 0
                while word < 24 {
                    entry[word] |= from[word] & mask
                    word &+= 1
                }
                from += 24
                row &+= 1
            }
        }
        negate(entry, leading &- 1)
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
            difference &+= Int64(entry[i] ^ mask)
            entry[i] = UInt32(truncatingIfNeeded: difference)
            difference >>= 32
            i &+= 1
        }
    }
}
