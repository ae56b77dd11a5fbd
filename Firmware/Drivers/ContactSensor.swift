// A door or window contact, a float switch, a motion detector: a level that means something.

import DeviceModel
import HAL

/// Closed while its pin is high; a level counts once it has lasted 50 ms. State: true while closed.
public struct ContactSensor<Pin: InputPin>: Device {
    @inline(__always) public static var interface: StaticString { "|contact:bool|closed;opened" }
    private let pin: Pin
    private var isClosed = false
    private var settling = DeviceTimer()

    /// Counts as open at first: a contact that is closed at boot raises `closed` after 50 ms of polling.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }

    public var state: Value { .boolean(isClosed) }

    public mutating func poll(_ now: Instant) -> UInt8? {
        if pin.isHigh == isClosed {
            settling.stop()
            return nil
        }
        if !settling.isActive { settling.start(.milliseconds(50)) }
        if !settling.hasFired(at: now) { return nil }
        isClosed = !isClosed
        return isClosed ? 0 : 1
    }
}
