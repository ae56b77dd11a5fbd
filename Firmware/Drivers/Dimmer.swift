// A light of any brightness.

import DeviceModel
import HAL

/// A lamp behind a PWM channel, its levels even to the eye; `fade` moves there in equal steps every 10 ms. State: the level aimed
/// at, 0…100. `on` returns to the last level that was not 0. Safe state: off.
public struct Dimmer<Channel: PWMChannel & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString {
        "on;off;toggle;set(level:% 0..100);fade(level:% 0..100,for:ms 0..60000=1000)|dimmer:%|"
    }
    private var channel: Channel
    private var timer = DeviceTimer()
    /// In 256ths of a percent.
    private var level: Int32 = 0
    private var step: Int32 = 0
    private var target: Int32 = 0
    private var lastOn: Int32 = 100

    /// Takes a channel that the board has set up with a duty of 0, and leaves its frequency as it is.
    @inline(__always) public init(_ channel: Channel) { self.channel = channel }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        switch method {
        case 0: go(to: lastOn, in: 0)
        case 1: go(to: 0, in: 0)
        case 2: go(to: target == 0 ? lastOn : 0, in: 0)
        case 3: go(to: arguments[0], in: 0)
        default: go(to: arguments[0], in: arguments[1])
        }
        return .none
    }

    private mutating func go(to percent: Int32, in milliseconds: Int32) {
        target = percent
        if percent > 0 { lastOn = percent }
        let distance = percent &* 256 &- level
        step = distance / max(1, milliseconds / 10)
        if step == 0 { step = distance.signum() }
        timer.start(.milliseconds(10))
        if milliseconds == 0 { advance() }
    }

    private mutating func advance() {
        let left = target &* 256 &- level
        level = left.magnitude <= step.magnitude ? target &* 256 : level &+ step
        channel.setDuty(Gamma.duty(lightness: level >> 8))
        if level == target &* 256 { timer.stop() } else { timer.start(.milliseconds(10)) }
    }

    public var state: Value { .integer(target) }
    public mutating func enterSafeState() { go(to: 0, in: 0) }

    public mutating func poll(_ now: Instant) -> UInt8? {
        if timer.hasFired(at: now) {
            advance()
            _ = timer.hasFired(at: now)
        }
        return nil
    }
}
