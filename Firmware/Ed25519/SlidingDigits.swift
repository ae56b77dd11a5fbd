// Digits of the scalars of a verification, which are public.

/// Signed sliding-window digits of a scalar, from the most significant one down.
///
/// From left to right (mutual opposite form, Okeya et al., CRYPTO 2004): the signed bits d[i] = s[i-1] - s[i] are s again. A window of w of
/// them that begins at d[i] != 0 has the value (s[i-1] … s[i-w]) - (s[i] … s[i-w+1]), |value| <= 2^(w-1), which after its trailing zeros
/// are shifted out is an odd digit. So one needs no memory but the scalar. A digit that the table has not is taken from a window of one bit less:
/// a table of 24 odd multiples costs two additions more in a scalar than one of 32, and 768 bytes less of flash.
struct SlidingDigits {
    private let scalar: UnsafePointer<UInt32>
    private let largest: Int
    /// The signed bits from here down are not recoded yet.
    private var next: Int
    /// Weight of the current digit: 2^position. -1 when there is none any more.
    private(set) var position: Int
    /// Odd, |digit| <= largest.
    private(set) var digit: Int
    /// |digit|
    var magnitude: Int { digit < 0 ? 0 &- digit : digit }

    /// `scalar` < 2^255; the table has the odd multiples up to `largest`, 3 or more.
    init(_ scalar: UnsafePointer<UInt32>, largest: Int) {
        self.scalar = scalar
        self.largest = largest
        next = 255
        position = 255
        digit = 0
        advance()
    }

    /// Bits i to i - 31 of the scalar, bit i on top; 0 for those below bit 0.
    private func bits(endingAt i: Int) -> UInt32 {
        let index = i >> 5
        let shift = UInt32(truncatingIfNeeded: i & 31)
        let upper = scalar[index] << (31 &- shift)
        return index == 0 || shift == 31 ? upper : upper | scalar[index &- 1] >> (shift &+ 1)
    }

    /// Moves on to the next digit.
    @inline(never)
    mutating func advance() {
        position = -1
        while next >= 0 {
            // On top: s[next]; where s[i] != s[i-1], counted from the top, is the first d[i] != 0.
            let window = bits(endingAt: next)
            let zeros = (window ^ (window << 1)).leadingZeroBitCount
            if zeros < 31 || (zeros == 31 && next < 32) {
                next &-= zeros
                if next < 0 { return }
                emit(bits(endingAt: next))
                return
            }
            next &-= 31
        }
    }

    /// `window`: bits from s[next] != s[next-1] down.
    private mutating func emit(_ window: UInt32) {
        // So many bits that `largest` has a place among their values.
        var width = largest.bitWidth &- largest.leadingZeroBitCount &+ 1
        while true {
            let below = UInt32(truncatingIfNeeded: 32 &- width)
            var value = Int(truncatingIfNeeded: (window << 1) >> below) &- Int(truncatingIfNeeded: window >> below)
            position = next &- width &+ 1
            while value & 1 == 0 {
                value >>= 1
                position &+= 1
            }
            digit = value
            if magnitude <= largest { break }
            width &-= 1
        }
        next &-= width
    }
}
