// A passive buzzer or small loudspeaker.

import DeviceModel
import HAL

/// Sounds for at most ten seconds a call. State: the tone in hertz, 0 while silent. Safe state: silent.
public struct Buzzer<Channel: PWMChannel & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString {
        "beep(pitch:Hz 20..20000=2000,for:ms 10..10000=200);stop|buzzer:Hz|finished"
    }
    private var channel: Channel
    private var timer = DeviceTimer()
    private var hertz: Int32 = 0

    /// Takes a channel that the board has set up with a duty of 0; changes its frequency, which channels of one timer share.
    @inline(__always) public init(_ channel: Channel) { self.channel = channel }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        enterSafeState()
        if method == 0 {
            hertz = arguments[0]
            channel.setFrequency(hertz: UInt32(bitPattern: hertz))
            channel.setDuty(0x8000)
            timer.start(.milliseconds(arguments[1]))
        }
        return .none
    }

    public var state: Value { .integer(hertz) }

    public mutating func enterSafeState() {
        timer.stop()
        hertz = 0
        channel.setDuty(0)
    }

    /// Event 0, `finished`.
    public mutating func poll(_ now: Instant) -> UInt8? {
        if !timer.hasFired(at: now) { return nil }
        enterSafeState()
        return 0
    }
}
