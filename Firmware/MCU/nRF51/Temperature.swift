// The die temperature sensor (RM 23). QEMU does not model it: a reading there fails as it would with a broken part.

import HAL

/// Registers of the sensor (RM 23).
private enum Offset {
    static var start: UInt32 { 0x000 }  // TASKS_START
    static var stop: UInt32 { 0x004 }  // TASKS_STOP
    static var dataReady: UInt32 { 0x100 }  // EVENTS_DATARDY
    static var anomaly28: UInt32 { 0x504 }  // must be cleared before use (nRF51822 PAN v3.0, anomaly 28)
    static var value: UInt32 { 0x508 }  // TEMP, two's complement, 0.25 °C
}

extension Base {
    /// TEMP (RM 23), the die's thermometer.
    public static var temperature: UInt { 0x4000_C000 }
}

/// ±4 °C, 35 µs a reading (Product Specification 8.16).
public struct DieTemperature: TemperatureSensor {
    /// Touches nothing: each reading starts the sensor and stops it.
    @inline(__always) public init() {}

    public mutating func readMillidegrees() -> Int32? {
        let sensor = Peripheral(Base.temperature)
        sensor.store(Offset.anomaly28, 0)
        sensor.forget(Offset.dataReady)
        sensor.trigger(Offset.start)
        var patience = 1000
        while !sensor.hasHappened(Offset.dataReady) {
            patience -= 1
            if patience == 0 { return nil }
        }
        // TEMP is 10 bits wide and not sign-extended (PAN v3.0, anomaly 28).
        let quarters = Int32(bitPattern: sensor.load(Offset.value) << 22) >> 22
        sensor.trigger(Offset.stop)
        return quarters * 250
    }
}
