// e B + v P + w Q in one pass (Straus), for verification, whose scalars are public.

/// One of the sums of the pass: what is left of its scalar, and the multiples that its digits choose from.
private struct Summand {
    private var digits: SlidingDigits
    private let table: ConstantElement
    /// Words of an entry: 32 in the form (Y+X, Y-X, 2dT, 2Z), 24 in the form ((y+x)/2, (y-x)/2, dxy).
    private let size: Int
    var position: Int { digits.position }

    init(_ scalar: ConstantElement, _ table: ConstantElement, multiples: Int, size: Int) {
        digits = SlidingDigits(scalar, largest: 2 &* multiples &- 1)
        self.table = table
        self.size = size
    }

    /// p += the digit's multiple; T of p is read, and written if `withT`.
    @inline(never)
    mutating func add(to p: PointPointer, _ scratch: Element, withT: Bool) {
        let entry = table + (digits.magnitude >> 1) &* size
        let isNegative = digits.digit < 0
        if size == 32 {
            Point.add(p, cached: entry, negated: isNegative, scratch, withT: withT)
        } else {
            Point.addProjective(p, entry, negated: isNegative, scratch, withT: withT)
        }
        digits.advance()
    }
}

#if ED25519_SMALL
/// e B by the comb that signing has (BaseScalar.swift): 17 additions more than by tables of odd multiples, and 4,608 bytes less.
private struct BasePart {
    private let signs: ConstantElement

    /// e < L. Uses 16 words at `memory`, to the end.
    init(_ e: ConstantElement, _ memory: Element) {
        BaseScalar.recode(memory, e)
        signs = UnsafePointer(memory)
    }

    /// Where the first addition is.
    var first: Int { 50 }

    /// How many additions there are at `position`.
    func count(at position: Int) -> Int { position <= 50 ? 1 : 0 }

    /// Makes the additions at `position`, which are `count`; T of p is read, not written.
    func add(to p: PointPointer, at position: Int, count: Int, _ scratch: Element) {
        if count == 0 { return }
        let (index, leading) = BaseScalar.entry(signs, position)
        combOfBase.span.withUnsafeBufferPointer {
            Point.addProjective(p, $0.baseAddress! + Int(index) &* 24, negated: leading == 0, scratch, withT: false)
        }
    }
}
#else
/// e B by the odd multiples of B and of 2^128 B, for the halves of e.
private struct BasePart {
    private static var multiples: Int { 24 }
    private var lower, upper: Summand

    /// e < L. Uses 16 words at `memory`, to the end.
    init(_ e: ConstantElement, _ memory: Element) {
        Field.set(memory, 0)
        Field.set(memory + 8, 0)
        var i = 0
        while i < 4 {
            memory[i] = e[i]
            memory[8 &+ i] = e[4 &+ i]
            i &+= 1
        }
        // A constant: it stays where it is.
        let table = oddMultiplesOfBase.span.withUnsafeBufferPointer { $0.baseAddress! }
        lower = Summand(memory, table, multiples: Self.multiples, size: 24)
        upper = Summand(memory + 8, table + 24 &* Self.multiples, multiples: Self.multiples, size: 24)
    }

    /// Where the first addition is.
    var first: Int { max(lower.position, upper.position) }

    /// How many additions there are at `position`.
    func count(at position: Int) -> Int { (lower.position == position ? 1 : 0) &+ (upper.position == position ? 1 : 0) }

    /// Makes the additions at `position`, which are `count`; T of p is read, not written.
    mutating func add(to p: PointPointer, at position: Int, count: Int, _ scratch: Element) {
        if lower.position == position { lower.add(to: p, scratch, withT: count == 2) }
        if upper.position == position { upper.add(to: p, scratch, withT: false) }
    }
}
#endif

enum FourScalars {
    /// Entries of each of the tables that `compute` makes. Twice as many would need fewer additions in the pass, and as many more before.
    private static var multiples: Int { 4 }
    /// p = e B + v p + w q, T not valid; q is spoilt. T of p and q must be valid at entry. e < L, v, w < 2^255. Takes 1 KB of stack for
    /// multiples of p and q, and 128 bytes.
    @inline(never)
    static func compute(
        _ p: PointPointer, _ q: PointPointer, e: UnsafePointer<UInt32>, v: UnsafePointer<UInt32>, w: UnsafePointer<UInt32>,
        _ scratch: Element
    ) {
        withWords(256) { tables in
            tabulate(tables, p, scratch)
            tabulate(tables + 128, q, scratch)
            // The space of q is free now.
            var base = BasePart(e, q)
            var first = Summand(v, tables, multiples: multiples, size: 32)
            var second = Summand(w, tables + 128, multiples: multiples, size: 32)
            walk(p, &first, &second, &base, scratch)
        }
    }

    private static func walk(
        _ p: PointPointer, _ first: inout Summand, _ second: inout Summand, _ base: inout BasePart, _ scratch: Element
    ) {
        Point.setNeutral(p)
        let top = max(first.position, second.position, base.first)
        var position = top
        while position >= 0 {
            // T is needed by an addition only, so the operation before one makes it.
            let ofBase = base.count(at: position)
            let isSecond = second.position == position
            let isFirst = first.position == position
            if position < top { Point.double(p, scratch, withT: isFirst || isSecond || ofBase > 0) }
            if isFirst { first.add(to: p, scratch, withT: isSecond || ofBase > 0) }
            if isSecond { second.add(to: p, scratch, withT: ofBase > 0) }
            base.add(to: p, at: position, count: ofBase, scratch)
            position &-= 1
        }
    }

    /// table = p, 3p, 5p, 7p in the form (Y+X, Y-X, 2dT, 2Z); p is spoilt.
    private static func tabulate(_ table: Element, _ p: PointPointer, _ scratch: Element) {
        let twice = table + (multiples &- 1) << 5  // 2p stands where 7p comes last
        Point.cache(table, p)
        Point.double(p, scratch, withT: true)
        Point.cache(twice, p)
        var i = 1
        Point.add(p, cached: table, negated: false, scratch, withT: true)
        while true {
            Point.cache(table + i << 5, p)
            i &+= 1
            if i == multiples { break }
            Point.add(p, cached: twice, negated: false, scratch, withT: true)
        }
    }
}
