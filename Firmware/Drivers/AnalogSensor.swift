// A sensor that gives a voltage, calibrated by two points.

import DeviceModel
import HAL

/// A straight line through two measured points: raw readings 0…65535, values -32767…32767 with a difference in that range too.
public struct Calibration: Sendable {
    let raw: Int32, value: Int32, rawSpan: Int32, valueSpan: Int32

    /// `rawLow` and `rawHigh` must differ.
    @inline(__always)
    public init(_ rawLow: UInt16, is valueLow: Int16, _ rawHigh: UInt16, is valueHigh: Int16) {
        raw = Int32(rawLow)
        value = Int32(valueLow)
        rawSpan = Int32(rawHigh) &- Int32(rawLow)
        valueSpan = Int32(valueHigh) &- Int32(valueLow)
    }

    func value(of reading: UInt16) -> Int32 {
        rawSpan == 0 ? value : value + (Int32(reading) - raw) * valueSpan / rawSpan
    }
}

/// Reads ten times a second. `watch` sets the band whose crossing is an event, `above` or `below`, once per crossing. State: the value last
/// asked for by `read`, or the next one after it that differs by more than a 256th of the band's width; none before the first reading.
public struct AnalogSensor<Input: AnalogInput & BitwiseCopyable>: Device {
    @inline(__always) public static var interface: StaticString {
        "read:1;watch(low:1 -32767..32767,high:1 -32767..32767)|analog:1|above;below"
    }
    private var input: Input
    private let calibration: Calibration
    private var low: Int32 = -32767
    private var high: Int32 = 32767
    /// Where the last reading was: -1 below, 0 within, 1 above.
    private var side: Int32 = 0
    private var timer = DeviceTimer()
    public private(set) var state = Value.none

    /// Takes an input that the board has configured. The first reading comes 100 ms after the first poll.
    @inline(__always)
    public init(_ input: Input, _ calibration: Calibration) {
        self.input = input
        self.calibration = calibration
    }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if method == 1 {
            if arguments[0] > arguments[1] { throw .implausible }
            (low, high, side) = (arguments[0], arguments[1], 0)
            return .none
        }
        guard let reading = input.read() else { throw .notResponding }
        state = .integer(calibration.value(of: reading))
        return state
    }

    public mutating func poll(_ now: Instant) -> UInt8? {
        let isDue = timer.hasFired(at: now)
        if !timer.isActive { timer.start(.milliseconds(100)) }
        guard isDue, let reading = input.read() else { return nil }
        let value = calibration.value(of: reading)
        if state.kind == .none || abs(value - state.integer) > (high - low) >> 8 { state = .integer(value) }
        let newSide: Int32 = value > high ? 1 : value < low ? -1 : 0
        if newSide == side { return nil }
        side = newSide
        return newSide == 0 ? nil : newSide > 0 ? 0 : 1
    }
}
