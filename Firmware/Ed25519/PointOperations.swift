// Doubling and adding points, by the kernel where the build chose one that has them, else in Swift.

#if ED25519_POINT_KERNEL
import Ed25519Kernel

extension Point {
    /// p = 2p; T of p is neither read nor, unless `withT`, written. Complete: right for every point of the curve.
    @inline(__always)
    static func double(_ p: PointPointer, _ s: Element, withT: Bool) { ed25519_point_double(p, s, withT ? 1 : 0) }

    /// p += ±q for q in the form (Y+X, Y-X, 2dT, 2Z); T of p is read, and written if `withT`. Complete.
    @inline(__always)
    static func add(_ p: PointPointer, cached q: UnsafePointer<UInt32>, negated: Bool, _ s: Element, withT: Bool) {
        ed25519_point_add(p, q, s, 4 | (withT ? 2 : 0) | (negated ? 1 : 0))
    }

    /// p += ±q for affine q in the form ((y+x)/2, (y-x)/2, dxy); T of p is read, and written if `withT`. Complete.
    @inline(__always)
    static func addProjective(_ p: PointPointer, _ q: UnsafePointer<UInt32>, negated: Bool, _ s: Element, withT: Bool) {
        ed25519_point_add(p, q, s, (withT ? 2 : 0) | (negated ? 1 : 0))
    }
}
#else
extension Point {
    /// p = 2p; T of p is neither read nor, unless `withT`, written. Complete: right for every point of the curve.
    ///
    /// With A = X², B = Y², C = 2Z², E = 2XY, G = B - A, H = A + B, F = C - G: X' = E F, Y' = G H, Z' = F G, T' = E H
    /// (section 3.3 of the paper, a = -1, every factor negated once).
    @inline(never)
    static func double(_ p: PointPointer, _ s: Element, withT: Bool) {
        #if ED25519_SHORT_MULTIPLIER
        // E = (X + Y)² - H: here a square and two additions take less than a product and one.
        Field.add(s, p, p + 8)
        Field.square(s, s)
        #else
        Field.multiply(s, p, p + 8)
        Field.add(s, s, s)  // E
        #endif
        Field.square(s + 8, p)
        Field.square(s + 16, p + 8)
        Field.square(p + 16, p + 16)
        Field.add(p + 16, p + 16, p + 16)
        Field.subtract(s + 24, s + 16, s + 8)  // G
        Field.add(s + 8, s + 8, s + 16)  // H
        #if ED25519_SHORT_MULTIPLIER
        Field.subtract(s, s, s + 8)  // E
        #endif
        Field.subtract(s + 16, p + 16, s + 24)  // F
        Field.multiply(p, s, s + 16)
        Field.multiply(p + 8, s + 24, s + 8)
        Field.multiply(p + 16, s + 16, s + 24)
        if withT { Field.multiply(p + 24, s, s + 8) }
    }

    /// p += ±q for q in the form (Y+X, Y-X, 2dT, 2Z); T of p is read, and written if `withT`. Complete.
    static func add(_ p: PointPointer, cached q: UnsafePointer<UInt32>, negated: Bool, _ s: Element, withT: Bool) {
        Field.multiply(p + 16, p + 16, q + 24)  // D
        addProjective(p, q, negated: negated, s, withT: withT)
    }

    /// p += ±q for affine q in the form ((y+x)/2, (y-x)/2, dxy); T of p is read, and written if `withT`. Complete.
    ///
    /// This is the same addition with all of A, B, C, D halved.
    @inline(never)
    static func addProjective(_ p: PointPointer, _ q: UnsafePointer<UInt32>, negated: Bool, _ s: Element, withT: Bool) {
        // -q has y+x and y-x exchanged and the sign of T changed, which exchanges F and G.
        let plus = q + (negated ? 8 : 0)
        let minus = q + (negated ? 0 : 8)
        let f = s + (negated ? 24 : 16)
        let g = s + (negated ? 16 : 24)
        Field.subtract(s, p + 8, p)
        Field.add(s + 8, p + 8, p)
        Field.multiply(s, s, minus)  // A
        Field.multiply(s + 8, s + 8, plus)  // B
        Field.multiply(p + 24, p + 24, q + 16)  // C
        Field.subtract(f, p + 16, p + 24)
        Field.add(g, p + 16, p + 24)
        Field.subtract(p + 24, s + 8, s)  // E
        Field.add(s, s + 8, s)  // H
        Field.multiply(p, p + 24, s + 16)
        Field.multiply(p + 8, s + 24, s)
        Field.multiply(p + 16, s + 16, s + 24)
        if withT { Field.multiply(p + 24, p + 24, s) }
    }
}
#endif
