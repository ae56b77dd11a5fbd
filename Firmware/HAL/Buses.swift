// Buses that several parts share.

/// Why an I2C transfer failed, and what to do about it.
public enum I2CError: UInt8, Error, Sendable {
    /// Nobody acknowledged the address: check the part's supply, its wiring and its address pins.
    case noAddressAcknowledge = 1
    /// The part refused a byte: it is busy, or the register does not exist.
    case noDataAcknowledge
    /// SDA or SCL stays low: a part hangs, or a pull-up resistor is missing. Power-cycle the board.
    case busStuck
    /// Another controller took the bus: try again.
    case arbitrationLost
    /// The controller did not finish in time.
    case timeout
}

/// An I2C controller (NXP UM10204).
public protocol I2CBus: ~Copyable {
    /// Writes `written` to the part at the 7-bit `address`, then, after a repeated start, fills `read`; either may be empty. Two
    /// empty ones ask whether the part is there.
    mutating func transfer(_ address: UInt8, write written: RawSpan, read: inout MutableRawSpan) throws(I2CError)
}

extension I2CBus where Self: ~Copyable {
    /// Writes only.
    public mutating func write(_ address: UInt8, _ bytes: RawSpan) throws(I2CError) {
        var nothing = MutableRawSpan()
        try transfer(address, write: bytes, read: &nothing)
    }
}

/// The lines of an I2C bus without a controller: two open-drain lines with pull-ups: released they are high unless a part holds them low.
public protocol OpenDrainLines: BitwiseCopyable, Sendable {
    /// Pulls SCL low, or lets go of it; it rises only when no part holds it low (clock stretching, UM10204 3.1.9).
    mutating func setClock(released: Bool)
    /// Pulls SDA low, or lets go of it.
    mutating func setData(released: Bool)
    /// The level on SCL now: low also while a part holds it.
    var isClockHigh: Bool { get }
    /// The level on SDA now: low also while a part holds it.
    var isDataHigh: Bool { get }
    /// Waits half a bit: 5 µs for 100 kHz.
    func waitHalfBit()
}

/// An SPI controller, set to mode and speed by the board; chip select is an `OutputPin` of the driver.
public protocol SPIBus: ~Copyable {
    /// Sends a byte, most significant bit first, and returns the one that came in meanwhile.
    mutating func exchange(_ byte: UInt8) -> UInt8
}
