// Digital pins, already configured for their direction.

/// A pin that the firmware drives. Polarity is the driver's business: `setHigh` is the voltage.
public protocol OutputPin: ~Copyable {
    mutating func setHigh()
    mutating func setLow()
    /// What the pin is driven to.
    var isSetHigh: Bool { get }
}

/// A pin that the firmware reads.
public protocol InputPin: ~Copyable {
    var isHigh: Bool { get }
}
