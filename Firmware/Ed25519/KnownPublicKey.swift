// A key by which much is verified: with a table of its multiples a verification takes about half as long.

import Synchronization

/// A public key, its point, and a table of multiples of that, 1.6 KB in all. The table is made bit by bit, when there is time; until it is
/// there, all is verified as by the point alone.
public struct KnownPublicKey: ~Copyable {
    // Has an address of its own, and so has the struct: else each use would copy all of it to the stack.
    private let anchor = Atomic<UInt8>(0)
    /// The key and its point.
    public private(set) var key = ExpandedPublicKey()
    private var rows = InlineArray<384, UInt32>(repeating: 0)
    private var stepsDone = 0

    /// No key: nothing is valid by it.
    public init() {}

    /// How often `prepare` has something to do for one key.
    public static var steps: Int { KeyComb.steps }

    /// True when the table is there.
    public var isReady: Bool { stepsDone == KeyComb.steps }

    /// Makes this the key of the 32 bytes `encoding`, without a table.
    @inline(never)
    public mutating func expand(_ encoding: RawSpan) {
        stepsDone = 0
        key.expand(encoding)
    }

    /// One step towards the table, at most a third of a verification; nothing once it is there, or without a good key.
    @inline(never)
    public mutating func prepare() {
        guard key.isValid, !isReady else { return }
        let (step, words) = (stepsDone, key.words)
        var rows = rows.mutableSpan
        rows.withUnsafeMutableBufferPointer { rows in
            words.span.withUnsafeBufferPointer { KeyComb.make(rows.baseAddress!, step: step, $0.baseAddress!) }
        }
        stepsDone &+= 1
    }

    /// The table, if it is there and of `other`; nil otherwise. For as long as this struct stays where it is.
    func comb(of other: borrowing ExpandedPublicKey) -> UnsafePointer<UInt32>? {
        guard isReady else { return nil }
        var difference: UInt32 = 0
        var i = 0
        while i < 16 {
            difference |= key.words[i] ^ other.words[i]
            i &+= 1
        }
        return difference == 0 ? rows.span.withUnsafeBufferPointer { $0.baseAddress } : nil
    }
}

extension Ed25519 {
    /// Verifies as `verify(signature:publicKey:hash:message)` does, with the same result, and quicker where `known` has the table of that key.
    @export(interface)
    public static func verify(
        signature: RawSpan, publicKey: borrowing ExpandedPublicKey, known: borrowing KnownPublicKey, hash: inout Bytes32,
        message: (inout SHA512) -> Void
    ) -> Bool {
        verify(signature: signature, publicKey: publicKey, comb: known.comb(of: publicKey), hash: &hash, message: message)
    }
}

/// S B - k A by combs: that of signing for B (BaseScalar.swift), and for A one of five teeth, 51 apart: 50 doublings and 102 additions, or 115 where
/// signing has more tables. Everything here is public, so nothing is in constant time.
///
/// Row i of a key's table, of 24 words in the form ((y+x)/2, (y-x)/2, dxy), is (2^204 ± 2^153 ± 2^102 ± 2^51 ± 1)(-A), + where bit 3, 2, 1, 0 of i is
/// set. A comb takes odd scalars. S + L is as good as S, since B is of order L. A may have a part of order 2, 4 or 8, so that k + L is
/// not as good as k: where k is even, k + 1 is taken, and A added.
enum KeyComb {
    private static var rowSize: Int { 24 }

    /// As many as `make` has.
    static var steps: Int { 21 }

    /// Makes one row of the table at `rows` from the words of an expanded key. Steps 0 to 4 put 2^(51 t)(-A), t = 0…4, into the rows 11 to 15; the
    /// next twelve make the rows 0 to 11 of them; the last four the rows 12 to 15 in place of them: row 12 + j is row 8 + j + row 4 + j - row j.
    @inline(never)
    static func make(_ rows: Element, step: Int, _ key: UnsafePointer<UInt32>) {
        withWords(Point.words &+ Point.scratchWords &+ Inversion.words) { p in
            let scratch = p + Point.words
            let row = step < 5 ? step &+ 11 : step &- 5
            if step == 0 {
                ExpandedPublicKey.setNegative(p, key)
            } else if step < 5 {
                set(p, rows, row &- 1)
                var left = 51
                while left > 0 {
                    Point.double(p, scratch, withT: false)
                    left &-= 1
                }
            } else if row < 12 {
                set(p, rows, 15)
                var tooth = 4
                while tooth > 0 {
                    tooth &-= 1
                    add(p, rows, 11 &+ tooth, negated: row >> tooth & 1 == 0, scratch, withT: true)
                }
            } else {
                set(p, rows, row &- 4)
                add(p, rows, row &- 8, negated: false, scratch, withT: true)
                add(p, rows, row &- 12, negated: true, scratch, withT: false)
            }
            store(p, rows + row &* rowSize, scratch)
        }
    }

    /// p = a row, T valid.
    @inline(never)
    private static func set(_ p: PointPointer, _ rows: Element, _ row: Int) {
        Point.set(p, affine: rows + row &* rowSize)
        Field.multiply(p + 24, p, p + 8)
    }

    private static func add(
        _ p: PointPointer, _ rows: UnsafePointer<UInt32>, _ row: Int, negated: Bool, _ scratch: Element, withT: Bool
    ) {
        Point.addProjective(p, rows + row &* rowSize, negated: negated, scratch, withT: withT)
    }

    /// row = p in the form ((y+x)/2, (y-x)/2, dxy); p is spoilt.
    private static func store(_ p: PointPointer, _ row: Element, _ scratch: Element) {
        Field.add(p + 16, p + 16, p + 16)
        Inversion.invert(scratch, p + 16, scratch + 8)
        Field.multiply(p, p, scratch)
        Field.multiply(p + 8, p + 8, scratch)
        Field.add(row, p + 8, p)
        Field.subtract(row + 8, p + 8, p)
        // d x y = 2 (2 d) (x/2) (y/2)
        Field.multiply(p, p, p + 8)
        curveTwiceD.span.withUnsafeBufferPointer { Field.multiply(p, p, $0.baseAddress!) }
        Field.add(row + 16, p, p)
    }

    /// Whether R, 32 bytes, encodes S B - k A. Scalars: S at 0, k at 8, which is spoilt.
    @inline(never)
    static func satisfiesEquation(
        _ scalars: ScalarPointer, _ r: UnsafeRawPointer, _ key: UnsafePointer<UInt32>, _ comb: UnsafePointer<UInt32>
    ) -> Bool {
        withWords(4 &* Point.words) { p in
            let scratch = p + Point.words
            let signs = scratch + Point.scratchWords
            let isEven = scalars[8] & 1 == 0
            scalars[8] |= 1
            BaseScalar.recode(signs, scalars)  // nine words
            // (k - 1)/2 + 2^254
            let forKey = signs + 16
            var i = 0
            while i < 7 {
                forKey[i] = scalars[8 &+ i] >> 1 | scalars[9 &+ i] << 31
                i &+= 1
            }
            forKey[7] = scalars[15] >> 1 &+ 0x4000_0000
            walk(p, signs, comb, scratch, withT: isEven)
            if isEven {
                // - (-A), in the place of the signs.
                let other = signs + Point.words
                ExpandedPublicKey.setNegative(signs, key)
                Point.cache(other, signs)
                Point.add(p, cached: other, negated: true, scratch, withT: false)
            }
            Point.encode(p, scratch)
            load(scratch, r)
            var difference: UInt32 = 0
            i = 0
            while i < 8 {
                difference |= scratch[8 &+ i] ^ scratch[i]
                i &+= 1
            }
            return difference == 0
        }
    }

    /// p = S B + k (-A) for the signs of S at `signs` and those of k 16 words on; T of p is valid if `withT`.
    private static func walk(
        _ p: PointPointer, _ signs: UnsafePointer<UInt32>, _ comb: UnsafePointer<UInt32>, _ scratch: Element, withT: Bool
    ) {
        Point.setNeutral(p)
        combOfBase.span.withUnsafeBufferPointer { base in
            var column = 50
            while true {
                var table = 0
                while column < BaseScalar.columns, table < BaseScalar.tables {
                    let (index, leading) = BaseScalar.entry(signs, column &+ table &* BaseScalar.columns)
                    let row = table &* BaseScalar.entries &+ Int(truncatingIfNeeded: index)
                    add(p, base.baseAddress!, row, negated: leading == 0, scratch, withT: true)
                    table &+= 1
                }
                add(p, comb, signs + 16, column, scratch, withT: withT && column == 0)
                if column == 0 { return }
                column &-= 1
                Point.double(p, scratch, withT: true)
            }
        }
    }

    /// p += the row of the key's table for one column of its comb. T of p is read.
    private static func add(
        _ p: PointPointer, _ rows: UnsafePointer<UInt32>, _ signs: UnsafePointer<UInt32>, _ column: Int, _ scratch: Element,
        withT: Bool
    ) {
        let leading = BaseScalar.bit(signs, column &+ 204)
        var row = 0
        var at = column &+ 153
        while at >= 0 {
            row = row &<< 1 | (BaseScalar.bit(signs, at) == leading ? 1 : 0)
            at &-= 51
        }
        add(p, rows, row, negated: leading == 0, scratch, withT: withT)
    }
}

extension Point {
    /// Writes the encoding of p to `scratch + 8`; p is spoilt. Uses eight words at `scratch`, and those that an inversion takes.
    @inline(never)
    static func encode(_ p: PointPointer, _ scratch: Element) {
        Inversion.invert(scratch, p + 16, scratch + 8)
        encode(scratch + 8, p, inverse: scratch)
    }
}
