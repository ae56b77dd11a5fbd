// A thermometer over whatever part measures.

import DeviceModel
import HAL

/// Reads on demand, and by itself every ten seconds so that a subscriber sees the temperature change. State: in thousandths
/// of a degree the last reading on demand, or the next of its own that differs by half a degree or more; none before the first.
public struct Thermometer<Sensor: TemperatureSensor>: Device {
    @inline(__always) public static var interface: StaticString { "read:mCel|thermometer:mCel|" }
    private var sensor: Sensor
    private var timer = DeviceTimer()
    public private(set) var state = Value.none

    /// Asks the sensor nothing yet: the first reading comes ten seconds after the first poll, or on demand.
    @inline(__always) public init(_ sensor: Sensor) { self.sensor = sensor }

    public mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        guard let reading = sensor.readMillidegrees() else { throw .notResponding }
        state = .integer(reading)
        return state
    }

    public mutating func poll(_ now: Instant) -> UInt8? {
        if timer.hasFired(at: now), let reading = sensor.readMillidegrees() {
            if state.kind == .none || abs(reading - state.integer) >= 500 { state = .integer(reading) }
        }
        if !timer.isActive { timer.start(.seconds(10)) }
        return nil
    }
}
