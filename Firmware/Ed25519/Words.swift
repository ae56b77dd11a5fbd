// The halves of 64-bit words. Conversions and shifts of 64 bits become calls where the build is for size.

/// A 64-bit word as two of 32, on a little-endian machine.
struct Halves {
    var low, high: UInt32
}

@_transparent
func halves(_ x: UInt64) -> Halves { unsafeBitCast(x, to: Halves.self) }

@_transparent
func halves(_ x: Int64) -> Halves { unsafeBitCast(x, to: Halves.self) }

@_transparent
func whole(_ low: UInt32, _ high: UInt32) -> UInt64 { unsafeBitCast(Halves(low: low, high: high), to: UInt64.self) }

@_transparent
func wide(_ x: UInt32) -> UInt64 { whole(x, 0) }

@_transparent
func signed(_ x: UInt32) -> Int64 { unsafeBitCast(Halves(low: x, high: 0), to: Int64.self) }

/// x / 2^32, rounded down.
@_transparent
func upper(_ x: UInt64) -> UInt64 { whole(halves(x).high, 0) }

/// x / 2^32, rounded down.
@_transparent
func upper(_ x: Int64) -> Int64 { unsafeBitCast(Halves(low: halves(x).high, high: 0 &- (halves(x).high >> 31)), to: Int64.self) }

/// t = a b + t + carry, by four products of half words; the upper word is returned. (2^32-1)^2 + 2 (2^32-1) = 2^64 - 1: no sum overflows.
/// Constant time everywhere: the library's 64-bit product on ARMv6-M branches on a carry.
@_transparent
func multiplyAddHalves(_ t: inout UInt32, _ a: (UInt32, UInt32), _ b: (UInt32, UInt32), _ carry: UInt32) -> UInt32 {
    let cross = a.0 &* b.1
    let other = a.1 &* b.0
    let sum =
        whole(a.0 &* b.0, a.1 &* b.1) &+ whole(cross << 16, cross >> 16) &+ whole(other << 16, other >> 16) &+ wide(t)
        &+ wide(carry)
    t = halves(sum).low
    return halves(sum).high
}
