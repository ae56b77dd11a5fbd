// k B in constant time, by a signed comb; for signing and key derivation.
#if ED25519_POINT_KERNEL
import Ed25519Kernel
#endif

enum BaseScalar {
    // How the digits of a scalar are laid out: `teeth` of them, `spacing` apart, choose an entry; each of the tables serves `columns` of such choices,
    // between which there is one doubling. Fewer doublings or fewer additions take more tables or larger ones.
    #if ED25519_SMALL
    private static var teeth: Int { 5 }
    private static var tables: Int { 1 }
    private static var columns: Int { 51 }
    #else
    private static var teeth: Int { 4 }
    private static var tables: Int { 4 }
    private static var columns: Int { 16 }
    #endif
    private static var spacing: Int { tables &* columns }
    private static var digits: Int { teeth &* spacing }
    private static var entries: Int { 1 << (teeth &- 1) }

    /// Words of memory that `compute` needs: the scalar and the chosen entry, then scratch.
    static var words: Int { 32 &+ Point.scratchWords }

    /// p = k B, T not valid, k < L. No branch and no address depends on k.
    ///
    /// With m = `digits`, an odd n < 2^m is the sum of e[i] 2^i, i = 0…m-1, with e[i] = ±1: e[i] = 1 where bit i of (n + 2^m - 1)/2 is set. k or k + L is
    /// odd. Column j of the comb has e[j + spacing t], t = 0…teeth-1; a table holds all its combinations with the last one 1, the others are their
    /// negatives. Table v is for the columns from v columns on, which that many doublings would bring to their place.
    static func compute(_ p: PointPointer, _ k: UnsafePointer<UInt32>, _ memory: Element) {
        let signs = memory
        let chosen = memory + 8
        let scratch = memory + 32
        recode(signs, k)
        var column = columns
        while column > 0 {
            column &-= 1
            if column < columns &- 1 { Point.double(p, scratch, withT: true) }
            var table = 0
            while table < tables {
                select(chosen, signs, column, table, flags: scratch)
                if column == columns &- 1, table == 0 {
                    Point.set(p, affine: chosen)
                    if tables > 1 { Field.multiply(p + 24, p, p + 8) }  // T
                } else {
                    Point.addProjective(p, chosen, negated: false, scratch, withT: table < tables &- 1)
                }
                table &+= 1
            }
        }
    }

    /// signs = (n + 2^digits - 1)/2 with n = k or k + L, whichever is odd. Uses the word behind the eight of `signs`.
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
        // (n - 1)/2 + 2^(digits - 1), as n is odd.
        var i = 0
        while i < 7 {
            signs[i] = (signs[i] >> 1) | (signs[i &+ 1] << 31)
            i &+= 1
        }
        signs[7] = (signs[7] >> 1) &+ 1 << UInt32(truncatingIfNeeded: digits &- 225)
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
        var tooth = teeth &- 1
        let leading = bit(signs, column &+ spacing &* tooth)
        var index: UInt32 = 0
        while tooth > 0 {
            tooth &-= 1
            index = (index << 1) | (bit(signs, column &+ spacing &* tooth) ^ leading ^ 1)
        }
        return (index, leading)
    }

    #if ED25519_POINT_KERNEL
    /// chosen = the point that the table has for `column`, negated where its leading sign is -1. Reads the whole table.
    @inline(never)
    private static func select(_ chosen: Element, _ signs: UnsafePointer<UInt32>, _ column: Int, _ table: Int, flags: Element) {
        let (index, leading) = entry(signs, column &+ table &* columns)
        combOfBase.span.withUnsafeBufferPointer {
            ed25519_choose(chosen, $0.baseAddress! + table &* entries &* 24, index, leading &- 1)
        }
    }
    #else
    /// chosen = the point that the table has for `column`, negated where its leading sign is -1. Reads the whole table. Uses 16 words at `flags`.
    @inline(never)
    private static func select(_ chosen: Element, _ signs: UnsafePointer<UInt32>, _ column: Int, _ table: Int, flags: Element) {
        let (index, leading) = entry(signs, column &+ table &* columns)
        mark(flags, index)
        combOfBase.span.withUnsafeBufferPointer { comb in
            let first = comb.baseAddress! + table &* entries &* 24
            var word = 0
            while word < 24 {
                gather(chosen + word, first + word, flags)
                word &+= 4
            }
        }
        negate(chosen, leading &- 1)
    }

    /// flags[row] = 1 where row = index, else 0, for all rows. Kept in memory, and written by a function of its own, so that the compiler does not
    /// know that they are 0 or 1 and makes no branch of `gather`.
    @inline(never)
    private static func mark(_ flags: Element, _ index: UInt32) {
        // Both are small, so the difference less 1 is negative for 0 only.
        var flag = flags
        var row: UInt32 = 0
        while row < UInt32(truncatingIfNeeded: entries) {
            flag[0] = ((row ^ index) &- 1) >> 31
            flag[1] = (((row &+ 1) ^ index) &- 1) >> 31
            flag[2] = (((row &+ 2) ^ index) &- 1) >> 31
            flag[3] = (((row &+ 3) ^ index) &- 1) >> 31
            flag += 4
            row &+= 4
        }
    }

    /// r = four words of the row whose flag is 1; the rows begin at `table`, 24 words apart. Reads them all; four words fit the registers.
    @inline(never)
    @_optimize(speed)
    private static func gather(_ r: Element, _ table: ConstantElement, _ flags: ConstantElement) {
        var from = table
        var flag = flags
        let end = flags + entries
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
    #endif
}
