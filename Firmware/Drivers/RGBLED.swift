// A light of any colour.

import DeviceModel
import HAL

/// Three PWM channels. State: the percentages of red, green and blue, eight bits each, red highest. `on` returns to the last colour, white at first. Safe state: off.
public struct RGBLED<Channel: PWMChannel & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString {
        "on;off;toggle;color(red:% 0..100,green:% 0..100,blue:% 0..100)|rgb-led:1|"
    }
    private var red: Channel
    private var green: Channel
    private var blue: Channel
    /// Percentages, eight bits each.
    private var shown: UInt32 = 0
    private var last: UInt32 = 0x64_6464

    /// Takes channels that the board has set up with a duty of 0, and leaves their frequency as it is.
    @inline(__always) public init(red: Channel, green: Channel, blue: Channel) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        switch method {
        case 0: show(last)
        case 1: show(0)
        case 2: show(shown == 0 ? last : 0)
        default: show(UInt32(bitPattern: arguments[0] << 16 | arguments[1] << 8 | arguments[2]))
        }
        return .none
    }

    private mutating func show(_ color: UInt32) {
        if color != 0 { last = color }
        shown = color
        red.setDuty(Gamma.duty(lightness: Int32(color >> 16)))
        green.setDuty(Gamma.duty(lightness: Int32((color >> 8) & 0xFF)))
        blue.setDuty(Gamma.duty(lightness: Int32(color & 0xFF)))
    }

    public var state: Value { .integer(Int32(bitPattern: shown)) }
    public mutating func enterSafeState() { show(0) }
}
