// A light that is on or off.

import DeviceModel
import HAL

/// An LED, or anything else that is on while its pin is high. Safe state: off.
public struct LED<Pin: OutputPin>: Device {
    @inline(__always) public static var interface: StaticString { "on;off;toggle|led:bool|" }
    private var pin: Pin

    @inline(__always) public init(_ pin: Pin) { self.pin = pin }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if method == 0 || method == 2 && !pin.isSetHigh { pin.setHigh() } else { pin.setLow() }
        return .none
    }

    public var state: Value { .boolean(pin.isSetHigh) }
    public mutating func enterSafeState() { pin.setLow() }
}

/// Of every device that can be switched: LED, relay, dimmer.
extension DeviceHandle {
    @inline(__always) @discardableResult public func on() -> CallResult { call(0, of: "on;off;toggle") }
    @inline(__always) @discardableResult public func off() -> CallResult { call(1, of: "on;off;toggle") }
    @inline(__always) @discardableResult public func toggle() -> CallResult { call(2, of: "on;off;toggle") }
    /// True while it is on.
    public var isOn: Bool { state.isTrue }
}
