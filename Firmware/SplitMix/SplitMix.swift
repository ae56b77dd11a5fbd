// Random numbers that a seed decides, for faults, noise and tests; never for keys.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): the same numbers for the same seed, anywhere.
public struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// - Parameter state: the seed; any number is as good as another.
    public init(state: UInt64) { self.state = state }

    /// The next of 2^64 numbers, each of which comes once in a period.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
