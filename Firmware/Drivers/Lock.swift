// An electric lock. It is locked unless someone has just opened it: at boot, on expiry, on a fault, and after its time.

import DeviceModel
import HAL

/// A lock whose bolt is drawn while the pin is high. Every opening ends by itself. State: true while open.
public struct Lock<Pin: OutputPin>: Device {
    @inline(__always) public static var interface: StaticString {
        "open(for:ms 100..60000=5000);close|lock:bool|relocked"
    }
    @inline(__always) public static var freshness: UInt8 { 30 }
    private var pin: Pin
    private var timer = DeviceTimer()

    /// Takes a pin that is an output already, at the low level: one that is high stays open until the safe state or `close`.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if method == 0 {
            timer.start(.milliseconds(arguments[0]))
            pin.setHigh()
        } else {
            enterSafeState()
        }
        return .none
    }

    public var state: Value { .boolean(pin.isSetHigh) }

    public mutating func enterSafeState() {
        timer.stop()
        pin.setLow()
    }

    /// Event 0, `relocked`, when the time is over.
    public mutating func poll(_ now: Instant) -> UInt8? {
        if !timer.hasFired(at: now) { return nil }
        pin.setLow()
        return 0
    }
}
