// General purpose input/output, P0.00 to P0.31 (RM 13).

import HAL

extension Base {
    /// GPIO (RM 13).
    public static var gpio: UInt { 0x5000_0000 }
}

/// The port, and its registers (RM 13).
enum GPIO {
    static var port: Peripheral { Peripheral(Base.gpio) }
    static var out: UInt32 { 0x504 }
    static var outSet: UInt32 { 0x508 }
    static var outClear: UInt32 { 0x50C }
    static var input: UInt32 { 0x510 }  // IN
    /// PIN_CNF[pin]: bit 0 DIR, 1 INPUT (1 disconnects the buffer), 3:2 PULL, 10:8 DRIVE, 17:16 SENSE.
    @inline(__always) static func configuration(_ pin: UInt32) -> UInt32 { 0x700 + pin * 4 }
}

/// A pull resistor of about 13 kΩ (nRF51822 Product Specification, 8.21).
public enum Pull: UInt32, Sendable {
    case none, down
    case up = 3
}

/// A push-pull output of standard drive strength (0.5 mA), or high drive (5 mA) where said.
public struct Output: OutputPin, Sendable {
    @usableFromInline let mask: UInt32

    /// Describes P0.`pin` without touching it, so that a device can be a constant of the image; `configure` drives it.
    @inline(__always) public init(_ pin: UInt32) { mask = 1 << pin }

    /// Makes the pin an output that starts at `high`, without a glitch. Call before anything else, with the safe level.
    @inline(never)
    public func configure(high: Bool, highDrive: Bool = false) {
        GPIO.port.store(high ? GPIO.outSet : GPIO.outClear, mask)
        GPIO.port.store(GPIO.configuration(UInt32(truncatingIfNeeded: mask.trailingZeroBitCount)), 0x3 | (highDrive ? 3 << 8 : 0))
    }

    @inline(__always) public mutating func setHigh() { GPIO.port.store(GPIO.outSet, mask) }
    @inline(__always) public mutating func setLow() { GPIO.port.store(GPIO.outClear, mask) }
    @inline(__always) public var isSetHigh: Bool { GPIO.port.load(GPIO.out) & mask != 0 }
}

/// An input, its buffer connected.
public struct Input: InputPin, Sendable {
    @usableFromInline let mask: UInt32

    /// Describes P0.`pin` without touching it; `configure` makes it an input.
    @inline(__always) public init(_ pin: UInt32) { mask = 1 << pin }

    /// Makes the pin an input. Without a resistor an open pin floats, and `isHigh` may be either.
    @inline(never)
    public func configure(pull: Pull = .none) {
        GPIO.port.store(GPIO.configuration(UInt32(truncatingIfNeeded: mask.trailingZeroBitCount)), pull.rawValue << 2)
    }

    @inline(__always) public var isHigh: Bool { GPIO.port.load(GPIO.input) & mask != 0 }
}
