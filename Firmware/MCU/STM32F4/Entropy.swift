// The STM32F411 has no random number generator.

import HAL

/// Bytes from the noise in the last bit of a converter, stirred: they differ from call to call and from boot to boot, but nobody has
/// measured how much of it is chance, so `isTrueRandom` is false and keys come from the factory.
public struct ConverterNoise<Input: AnalogInput & BitwiseCopyable>: Entropy {
    private var input: Input
    private var state: UInt32 = 0x6C07_8965

    /// Takes an input that has been configured; nothing is read before `fill`.
    public init(_ input: Input) { self.input = input }

    public var isTrueRandom: Bool { false }

    /// Eight conversions a byte into a xorshift generator (Marsaglia, "Xorshift RNGs", 2003).
    public mutating func fill(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount {
            for _ in 0..<8 {
                state = state << 3 | state >> 29
                state ^= UInt32(input.read() ?? 0) >> 4
                if state == 0 { state = 1 }
                state ^= state << 13
                state ^= state >> 17
                state ^= state << 5
            }
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: state >> 24), toByteOffset: index, as: UInt8.self)
        }
    }
}
