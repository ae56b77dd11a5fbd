// A relay or contactor: a switch whose load matters.

import DeviceModel
import HAL

/// A relay, on while its pin is high; `pulse` switches it on for a while. Safe state: off.
public struct Relay<Pin: OutputPin>: Device {
    @inline(__always) public static var interface: StaticString {
        "on;off;toggle;pulse(for:ms 10..3600000)|relay:bool|"
    }
    private var pin: Pin
    private var timer = DeviceTimer()

    /// Takes a pin that is an output already and leaves its level; the state is read from the pin.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        timer.stop()
        if method == 3 { timer.start(.milliseconds(arguments[0])) }
        if method == 0 || method == 3 || method == 2 && !pin.isSetHigh { pin.setHigh() } else { pin.setLow() }
        return .none
    }

    public var state: Value { .boolean(pin.isSetHigh) }

    public mutating func enterSafeState() {
        timer.stop()
        pin.setLow()
    }

    public mutating func poll(_ now: Instant) -> UInt8? {
        if timer.hasFired(at: now) { pin.setLow() }
        return nil
    }
}
