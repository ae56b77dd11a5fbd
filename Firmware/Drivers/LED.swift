// A light that is on or off.

import DeviceModel
import HAL

/// An LED, or anything else that is on while its pin is high. Safe state: off.
public struct LED<Pin: OutputPin>: Device {
    @inline(__always) public static var interface: StaticString { "on;off;toggle|led:bool|" }
    private var pin: Pin

    /// Takes a pin that is an output already and leaves its level; the state is read from the pin.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if method == 0 || method == 2 && !pin.isSetHigh { pin.setHigh() } else { pin.setLow() }
        return .none
    }

    public var state: Value { .boolean(pin.isSetHigh) }
    public mutating func enterSafeState() { pin.setLow() }
}
