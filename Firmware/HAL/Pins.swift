// Digital pins, already configured for their direction.

/// A pin that the firmware drives. Polarity is the driver's business: `setHigh` is the voltage.
public protocol OutputPin: ~Copyable {
    /// Drives the supply voltage, whether or not the pin did so before.
    mutating func setHigh()
    /// Drives 0 V, whether or not the pin did so before.
    mutating func setLow()
    /// What the pin is driven to.
    var isSetHigh: Bool { get }
}

/// A pin that the firmware reads.
public protocol InputPin: ~Copyable {
    /// The level on the pin at the time of reading, not debounced.
    var isHigh: Bool { get }
}

/// A display of 5 × 5 dots. Bit 5 × y + x of a bitmap is the dot in column x of row y, both counted from the upper left.
public protocol Bitmap5x5: ~Copyable {
    /// Lights the dots whose bits are set and darkens the others; bits 25…31 mean nothing. They stay until the next call.
    mutating func show(_ bitmap: UInt32)
    /// What was shown last.
    var shown: UInt32 { get }
}
