// The random number generator (RM 22): thermal noise, with the chip's own bias correction on.

import HAL

private enum RNG {
    static let base: UInt = 0x4000_D000
    static let start = Register(base + 0x000)  // TASKS_START
    static let stop = Register(base + 0x004)  // TASKS_STOP
    static let valueReady = Register(base + 0x100)  // EVENTS_VALRDY
    static let configuration = Register(base + 0x504)  // CONFIG: bit 0 DERCEN
    static let value = Register(base + 0x508)
}

/// About 677 µs a byte (Product Specification 8.15). Stops the generator between uses: it draws 60 µA.
public struct RandomNumberGenerator: Entropy {
    /// Turns the correction of bias on; the generator rests until `fill`.
    public init() { RNG.configuration.store(1) }

    public var isTrueRandom: Bool { true }

    public mutating func fill(_ bytes: inout MutableRawSpan) {
        RNG.start.trigger()
        for index in 0..<bytes.byteCount {
            RNG.valueReady.clear()
            while !RNG.valueReady.isSet {}
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: RNG.value.load()), toByteOffset: index, as: UInt8.self)
        }
        RNG.stop.trigger()
    }
}
