// Parts that measure.

/// Whatever measures a temperature.
public protocol TemperatureSensor: ~Copyable {
    /// Thousandths of a degree Celsius, or nil when the part does not answer.
    mutating func readMillidegrees() -> Int32?
}
