// Polarity is part of a pin's type: drivers say on and off, and never ask which level that is.

import HAL

/// A pin whose load is on while the pin is low.
public struct ActiveLow<Pin: OutputPin>: OutputPin {
    @usableFromInline var pin: Pin
    /// Changes nothing on the pin: set it before, or after through this one.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }
    /// Switches the load on: the pin goes low.
    @inline(__always) public mutating func setHigh() { pin.setLow() }
    /// Switches the load off: the pin goes high.
    @inline(__always) public mutating func setLow() { pin.setHigh() }
    @inline(__always) public var isSetHigh: Bool { !pin.isSetHigh }
}

/// An input that is low while the contact is closed, as with a pull-up.
public struct ActiveLowInput<Pin: InputPin>: InputPin {
    @usableFromInline let pin: Pin
    /// Takes a pin to which the board has given its pull-up.
    @inline(__always) public init(_ pin: Pin) { self.pin = pin }
    /// True while the contact is closed, that is while the pin is low.
    @inline(__always) public var isHigh: Bool { !pin.isHigh }
}
