// Pins that are more than high or low.

/// One output of a pulse-width modulator. The board chose a pin that has a timer channel.
public protocol PWMChannel: ~Copyable {
    /// Share of the period that the pin is high: 0 never, 65535 always.
    mutating func setDuty(_ duty: UInt16)
    /// Periods per second, 1…50,000; the duty stays. Channels of one timer share it.
    mutating func setFrequency(hertz: UInt32)
}

/// One input of an analog-to-digital converter.
public protocol AnalogInput: ~Copyable {
    /// The voltage as a share of full scale, 0…65535, or nil when the converter does not finish.
    mutating func read() -> UInt16?
}

/// Counts edges by interrupt, so that none is lost while the main loop is busy.
public protocol EdgeCounter: ~Copyable {
    /// Edges since reset; wraps.
    var count: UInt32 { get }
}
