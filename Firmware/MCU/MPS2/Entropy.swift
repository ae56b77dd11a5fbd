// The board has no random number generator.

import HAL

/// Bytes that differ from one call to the next and, as far as timing allows, from one boot to the next; anyone can guess them.
/// Good to tell two answers apart, useless for a key: `isTrueRandom` is false, and keys come from the factory.
public struct CycleCounterMix: Entropy {
    private var state: UInt32 = 0x6C07_8965

    /// From a constant: every boot begins alike, and only timer 0 tells one from the other.
    public init() {}

    public var isTrueRandom: Bool { false }

    /// A xorshift generator (Marsaglia, "Xorshift RNGs", 2003) stirred with timer 0's count for each byte.
    public mutating func fill(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount {
            state ^= Register(0x4000_0004).load()
            if state == 0 { state = 1 }
            state ^= state << 13
            state ^= state >> 17
            state ^= state << 5
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: state >> 24), toByteOffset: index, as: UInt8.self)
        }
    }
}
