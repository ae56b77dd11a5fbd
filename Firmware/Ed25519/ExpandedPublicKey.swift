// A public key with its point: who verifies often with one key finds the point once.

/// A public key of 32 bytes and the point that it encodes, 68 bytes in all.
///
/// An encoding tells y and the parity of x; x takes a square root, about a fifteenth of a verification.
public struct ExpandedPublicKey: ~Copyable {
    /// Words 0–7: the encoding. 8–15: x of the negated point, below p.
    var words = InlineArray<16, UInt32>(repeating: 0)
    /// False while nothing was expanded, and for bytes that no signature can be valid by: not 32, not canonical, not a point, or of low order.
    public private(set) var isValid = false

    /// No key: nothing is valid by it.
    public init() {}

    /// Makes this the key of the 32 bytes `encoding`. Not in constant time: a public key is no secret.
    @export(interface)
    public mutating func expand(_ encoding: RawSpan) {
        isValid = false
        guard encoding.byteCount == 32 else { return }
        isValid = withUnsafeMutablePointer(to: &words) { words in
            let words = UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt32.self)
            encoding.withUnsafeBytes { load(words, $0.baseAddress!) }
            return ExpandedPublicKey.findNegativeX(words)
        }
    }

    /// The 32 bytes that this was made of, valid or not; zeros at first.
    public var encoding: RawSpan {
        @_lifetime(borrow self) get { words.span.bytes.extracting(0..<32) }
    }

    /// Completes the words of a key, or of the R of a signature, whose encoding is in the first eight; false if it encodes no point, or one of
    /// low order, or is not canonical.
    @inline(never)
    static func findNegativeX(_ key: UnsafeMutablePointer<UInt32>) -> Bool {
        if Point.hasLowOrder(key) { return false }
        return withWords(Point.words &+ Point.scratchWords) { point in
            let y = point + 8
            let sign = setY(y, key)
            let lowest = y[0]
            Field.canonicalize(y)
            if y[0] != lowest { return false }  // y >= p, as it changed; y - p differs from y in the lowest word
            // By asking for the x of the other parity.
            if !Point.decompress(point, odd: sign ^ 1, point + Point.words) { return false }
            load(key + 8, point)
            return true
        }
    }

    /// y = that of the encoding at `key`. Returns the sign bit.
    private static func setY(_ y: Element, _ key: UnsafePointer<UInt32>) -> UInt32 {
        load(y, key)
        y[7] &= 0x7FFF_FFFF
        return key[7] >> 31
    }

    /// p = the negated point of the key's words, T valid. The words may be those from `p + 16` on.
    static func setNegative(_ p: PointPointer, _ key: UnsafePointer<UInt32>) {
        load(p, key + 8)
        _ = setY(p + 8, key)
        Field.set(p + 16, 1)
        Field.multiply(p + 24, p, p + 8)
    }
}
