// Random bits.

/// A source of random bytes.
public protocol Entropy: ~Copyable {
    /// True when the bytes come from a physical process of the chip. Keys are generated on the device only then. A constant, so that what
    /// the other kind of chip needs takes no flash.
    static var isTrueRandom: Bool { get }
    /// Overwrites all of `bytes`.
    mutating func fill(_ bytes: inout MutableRawSpan)
}
