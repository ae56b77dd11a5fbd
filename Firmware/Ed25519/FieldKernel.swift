// The field operations in assembly, where the build chose so.

#if ED25519_KERNEL
import Ed25519Kernel

extension Field {
    /// r = a + b
    @inline(__always)
    static func add(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) { ed25519_field_add(r, a, b) }

    /// r = a - b
    @inline(__always)
    static func subtract(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) { ed25519_field_subtract(r, a, b) }

    /// r = a b
    @inline(__always)
    static func multiply(_ r: Element, _ a: ConstantElement, _ b: ConstantElement) { ed25519_field_multiply(r, a, b) }

    /// r = a^2
    @inline(__always)
    static func square(_ r: Element, _ a: ConstantElement) { ed25519_field_square(r, a) }

    #if ED25519_POINT_KERNEL
    /// r = a^(2^count), count >= 1
    @inline(__always)
    static func square(_ r: Element, _ a: ConstantElement, times count: Int) {
        ed25519_field_square_times(r, a, UInt32(truncatingIfNeeded: count))
    }
    #endif
}
#endif
