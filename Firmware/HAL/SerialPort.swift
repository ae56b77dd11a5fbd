// A byte pipe: a UART, or a USB endpoint pair.

/// Bytes in both directions, in order and without frames. What is written may be lost if the other end does not read.
public protocol SerialPort: ~Copyable {
    /// The next received byte, or nil when there is none. Bytes lost to an overrun are counted in `overruns`.
    mutating func readByte() -> UInt8?
    /// Sends one byte, waiting for room if there is none.
    mutating func writeByte(_ byte: UInt8)
    /// Received bytes lost since reset because nobody read them in time.
    var overruns: UInt32 { get }
}
