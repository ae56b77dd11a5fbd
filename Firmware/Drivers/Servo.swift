// A hobby servo: the width of a pulse every 20 ms is an angle.

import DeviceModel
import HAL

/// 0° is a pulse of 1 ms, 180° one of 2 ms; the channel runs at 50 Hz. Without pulses the servo is limp. State: the angle, -1 while
/// limp. Safe state: limp.
public struct Servo<Channel: PWMChannel & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString { "turn(to:deg 0..180);release|servo:deg|" }
    private var channel: Channel
    private var angle: Int32 = -1

    /// Sends no pulse before the first `turn`, which sets the channel, and with it all of its timer, to 50 Hz.
    @inline(__always) public init(_ channel: Channel) { self.channel = channel }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if method == 1 {
            enterSafeState()
            return .none
        }
        angle = arguments[0]
        channel.setFrequency(hertz: 50)
        // 1 ms of 20 ms is 65536 / 20 = 3276.8; a degree is 3276.8 / 180 = 18.204 = 4660 / 256.
        channel.setDuty(UInt16(truncatingIfNeeded: 3277 + (angle &* 4660) >> 8))
        return .none
    }

    public var state: Value { .integer(angle) }

    public mutating func enterSafeState() {
        angle = -1
        channel.setDuty(0)
    }
}
