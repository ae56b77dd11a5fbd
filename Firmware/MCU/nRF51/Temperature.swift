// The die temperature sensor (RM 23). QEMU does not model it: a reading there fails as it would with a broken part.

import HAL

private enum TEMP {
    static let base: UInt = 0x4000_C000
    static let start = Register(base + 0x000)  // TASKS_START
    static let stop = Register(base + 0x004)  // TASKS_STOP
    static let dataReady = Register(base + 0x100)  // EVENTS_DATARDY
    static let anomaly28 = Register(base + 0x504)  // must be cleared before use (nRF51822 PAN v3.0, anomaly 28)
    static let value = Register(base + 0x508)  // TEMP, two's complement, 0.25 °C
}

/// ±4 °C, 35 µs a reading (Product Specification 8.16).
public struct DieTemperature: TemperatureSensor {
    /// Touches nothing: each reading starts the sensor and stops it.
    @inline(__always) public init() {}

    public mutating func readMillidegrees() -> Int32? {
        TEMP.anomaly28.store(0)
        TEMP.dataReady.clear()
        TEMP.start.trigger()
        var patience = 1000
        while !TEMP.dataReady.isSet {
            patience -= 1
            if patience == 0 { return nil }
        }
        // TEMP is 10 bits wide and not sign-extended (PAN v3.0, anomaly 28).
        let quarters = Int32(bitPattern: TEMP.value.load() << 22) >> 22
        TEMP.stop.trigger()
        return quarters * 250
    }
}
