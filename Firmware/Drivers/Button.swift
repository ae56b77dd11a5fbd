// A push button: contacts bounce, fingers press, hold and double-press.

import DeviceModel
import HAL

/// A button, pressed while its pin is high. Events: `pressed`, `released`, `held` after 800 ms, and `double` in place of a second
/// `pressed` within 400 ms of the first. A level counts once it has lasted 20 ms. State: true while pressed.
public struct Button<Pin: InputPin>: Device {
    @inline(__always) public static var interface: StaticString { "|button:bool|pressed;released;held;double" }
    private let pin: Pin
    private var isPressed = false
    private var settling = DeviceTimer()
    private var holding = DeviceTimer()
    private var doubling = DeviceTimer()

    /// Counts as released at first: a button that is down at boot is `pressed` after 20 ms of polling.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }

    public var state: Value { .boolean(isPressed) }

    public mutating func poll(_ now: Instant) -> UInt8? {
        let hasExpired = doubling.hasFired(at: now)
        if pin.isHigh == isPressed {
            settling.stop()
        } else if settling.isActive {
            if settling.hasFired(at: now) { return change(isDouble: doubling.isActive && !hasExpired, now) }
        } else {
            settling.start(.milliseconds(20))
            _ = settling.hasFired(at: now)
        }
        return holding.hasFired(at: now) ? 2 : nil
    }

    private mutating func change(isDouble: Bool, _ now: Instant) -> UInt8 {
        isPressed = !isPressed
        if !isPressed {
            holding.stop()
            return 1
        }
        holding.start(.milliseconds(800))
        _ = holding.hasFired(at: now)
        if isDouble {
            doubling.stop()
            return 3
        }
        doubling.start(.milliseconds(400))
        _ = doubling.hasFired(at: now)
        return 0
    }
}
