// The STM32F411 has no random number generator.

import CortexM
import HAL

/// Bytes from the noise in the last bit of a converter, stirred: they differ from call to call and from boot to boot, but nobody has
/// measured how much of it is chance, so `isTrueRandom` is false and keys come from the factory.
public struct ConverterNoise<Input: AnalogInput & BitwiseCopyable>: Entropy {
    private var input: Input
    private var mix = Xorshift()

    /// Takes an input that has been configured; nothing is read before `fill`.
    public init(_ input: Input) { self.input = input }

    @inline(__always) public static var isTrueRandom: Bool { false }

    /// Eight conversions a byte.
    public mutating func fill(_ bytes: inout MutableRawSpan) {
        for index in 0..<bytes.byteCount {
            for _ in 0..<8 { mix.stir(UInt32(input.read() ?? 0) >> 4, rotated: 3) }
            bytes.storeBytes(of: mix.byte, toByteOffset: index, as: UInt8.self)
        }
    }
}
