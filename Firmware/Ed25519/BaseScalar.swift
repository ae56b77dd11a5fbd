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
        select(entry, signs, 50, flags: scratch)
        Point.set(p, affine: entry)
        var column = 50
        while column > 0 {
            column &-= 1
            Point.double(p, scratch, withT: true)
            select(entry, signs, column, flags: scratch)
            Point.addProjective(p, entry, negated: false, scratch, withT: false)
        }
    }

    /// signs = (n + 2^255 - 1)/2 with n = k or k + L, whichever is odd. Uses the word behind the eight of `signs`.
    static func recode(_ signs: Element, _ k: UnsafePointer<UInt32>) {
        storeMask(signs + 8, k[0])
        let mask = signs[8]
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

    /// All ones where `word` is even, else 0. Stored by a function of its own, so that the compiler does not know that it is one of the two and
    /// makes no branch of what is masked with it.
    @inline(never)
    private static func storeMask(_ mask: Element, _ word: UInt32) { mask[0] = (word & 1) &- 1 }

    private static func bit(_ signs: UnsafePointer<UInt32>, _ i: Int) -> UInt32 {
        (signs[i >> 5] >> UInt32(truncatingIfNeeded: i & 31)) & 1
    }

    /// Which entry of the table `column` takes, and 1 if as it is, 0 if negated.
    static func entry(_ signs: UnsafePointer<UInt32>, _ column: Int) -> (index: UInt32, leading: UInt32) {
        let leading = bit(signs, column &+ 204)
        var index: UInt32 = 0
        var tooth = 4
        while tooth > 0 {
            tooth &-= 1
            index = (index << 1) | (bit(signs, column &+ 51 &* tooth) ^ leading ^ 1)
        }
        return (index, leading)
    }

    /// chosen = the table's point for `column`, negated where its leading sign is -1. Reads the whole table. Uses 16 words at `flags`.
    @inline(never)
    private static func select(_ chosen: Element, _ signs: UnsafePointer<UInt32>, _ column: Int, flags: Element) {
        let (index, leading) = entry(signs, column)
        mark(flags, index)
        combOfBase.span.withUnsafeBufferPointer { table in
            var word = 0
            while word < 24 {
                gather(chosen + word, table.baseAddress! + word, flags)
                word &+= 4
            }
        }
        negate(chosen, leading &- 1)
    }

    /// flags[row] = 1 where row = index, else 0, for 16 rows. Kept in memory, and written by a function of its own, so that the compiler does not
    /// know that they are 0 or 1 and makes no branch of `gather`.
    @inline(never)
    private static func mark(_ flags: Element, _ index: UInt32) {
        // Both are below 16, so the difference less 1 is negative for 0 only.
        var flag = flags
        var row: UInt32 = 0
        while row < 16 {
            flag[0] = ((row ^ index) &- 1) >> 31
            flag[1] = (((row &+ 1) ^ index) &- 1) >> 31
            flag[2] = (((row &+ 2) ^ index) &- 1) >> 31
            flag[3] = (((row &+ 3) ^ index) &- 1) >> 31
            flag += 4
            row &+= 4
        }
    }

    /// r = four words of the row of 16 whose flag is 1; the rows begin at `table`, 24 words apart. Reads them all; four words fit the registers.
    @inline(never)
    @_optimize(speed)
    private static func gather(_ r: Element, _ table: ConstantElement, _ flags: ConstantElement) {
        var from = table
        var flag = flags
        let end = flags + 16
        var a: UInt32 = 0, b: UInt32 = 0, c: UInt32 = 0, d: UInt32 = 0
        while flag < end {
            add(from, flag[0], &a, &b, &c, &d)
            add(from + 24, flag[1], &a, &b, &c, &d)
            add(from + 48, flag[2], &a, &b, &c, &d)
            add(from + 72, flag[3], &a, &b, &c, &d)
            from += 96
            flag += 4
        }
        r[0] = a
        r[1] = b
        r[2] = c
        r[3] = d
    }

    /// Adds four words, times 0 or 1. Multiplying takes the same time for either on every Cortex-M.
    @_transparent
    private static func add(
        _ from: ConstantElement, _ chosen: UInt32, _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32
    ) {
        a &+= from[0] &* chosen
        b &+= from[1] &* chosen
        c &+= from[2] &* chosen
        d &+= from[3] &* chosen
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
