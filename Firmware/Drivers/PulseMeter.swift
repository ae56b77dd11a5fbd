// A meter that gives a pulse per unit: energy (S0), water, gas, rain.

import DeviceModel
import HAL

/// Counts by interrupt; the count survives a reboot, for the table retains it. State: pulses ever counted, modulo 2^31.
public struct PulseMeter<Counter: EdgeCounter & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString { "read:count|meter:count|" }
    @inline(__always) public static var keepsCount: Bool { true }
    private let counter: Counter
    /// Pulses counted before this boot.
    private var before: UInt32 = 0

    /// Takes a counter that the board has started. `restore` makes the state the number that it is given: pulses from reset until
    /// then do not count.
    @inline(__always) public init(_ counter: Counter) { self.counter = counter }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value { state }
    public var state: Value { .integer(Int32(bitPattern: (before &+ counter.count) & 0x7FFF_FFFF)) }
    public var retained: Int32? { state.integer }
    public mutating func restore(_ retained: Int32) { before = UInt32(bitPattern: retained) &- counter.count }
}
