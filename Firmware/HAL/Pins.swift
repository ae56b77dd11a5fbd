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

/// A display of 5 × 5 dots. Bit 5 × y + x of a bitmap is the dot in column x of row y, both counted from the upper left.
public protocol Bitmap5x5: ~Copyable {
    mutating func show(_ bitmap: UInt32)
    /// What was shown last.
    var shown: UInt32 { get }
}
