// The random number generator (RM 22): thermal noise, with the chip's own bias correction on.

import HAL

/// Registers of the generator (RM 22).
private enum Offset {
    static var start: UInt32 { 0x000 }  // TASKS_START
    static var stop: UInt32 { 0x004 }  // TASKS_STOP
    static var valueReady: UInt32 { 0x100 }  // EVENTS_VALRDY
    static var configuration: UInt32 { 0x504 }  // CONFIG: bit 0 DERCEN
    static var value: UInt32 { 0x508 }
}

extension Base {
    /// RNG (RM 22).
    public static var random: UInt { 0x4000_D000 }
}

/// About 677 µs a byte (Product Specification 8.15). Stops the generator between uses: it draws 60 µA.
public struct RandomNumberGenerator: Entropy {
    /// Turns the correction of bias on; the generator rests until `fill`.
    public init() { generator.store(Offset.configuration, 1) }

    private var generator: Peripheral { Peripheral(Base.random) }

    @inline(__always) public static var isTrueRandom: Bool { true }

    public mutating func fill(_ bytes: inout MutableRawSpan) {
        generator.trigger(Offset.start)
        for index in 0..<bytes.byteCount {
            generator.forget(Offset.valueReady)
            while !generator.hasHappened(Offset.valueReady) {}
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: generator.load(Offset.value)), toByteOffset: index, as: UInt8.self)
        }
        generator.trigger(Offset.stop)
    }
}
