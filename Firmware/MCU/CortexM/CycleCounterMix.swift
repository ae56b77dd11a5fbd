// Numbers that differ, for chips without a random number generator, or without a driver for it.

import HAL

/// A generator (Marsaglia, "Xorshift RNGs", 2003) that is stirred with what comes in: as hard to guess as that, and no harder.
public struct Xorshift: Sendable {
    private var state: UInt32 = 0x6C07_8965

    /// From a constant: every boot begins alike.
    @inline(__always) public init() {}

    /// Mixes `word` into the state. `rotated` turns the state before, so that small words do not meet in the same bits.
    @inline(__always) public mutating func stir(_ word: UInt32, rotated: UInt32 = 0) {
        if rotated != 0 { state = state << rotated | state >> (32 - rotated) }
        state ^= word
        if state == 0 { state = 1 }
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
    }

    /// The upper bits, which are the better ones.
    @inline(__always) public var byte: UInt8 { UInt8(truncatingIfNeeded: state >> 24) }
}

/// Bytes that differ from one call to the next and, as far as timing allows, from one boot to the next; anyone can guess them.
/// Good to tell two answers apart, useless for a key: `isTrueRandom` is false, and keys come from the factory.
public struct CycleCounterMix<Counter: SharedRegisterBlock>: Entropy {
    private let counter: Counter
    private let count: UInt32
    private var mix = Xorshift()

    /// `counter` holds at offset `count` a register that runs with the CPU's clock.
    public init(_ counter: Counter, count: UInt32) {
        self.counter = counter
        self.count = count
    }

    @inline(__always) public static var isTrueRandom: Bool { false }

    /// Stirs with the counter for each byte.
    public mutating func fill(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount {
            mix.stir(counter.load(count))
            bytes.storeBytes(of: mix.byte, toByteOffset: index, as: UInt8.self)
        }
    }
}
