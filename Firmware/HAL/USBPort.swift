// The USB device as a board's main loop sees it: a byte pipe like a serial port, and whether and as whom the host sees it.

/// Its other half runs in the controller's interrupt, so that the host gets its answers in time whatever the main loop is busy with.
public protocol USBPort: SerialPort {
    /// False for a board without one: a constant, so that all that would use it takes no flash.
    static var isPresent: Bool { get }

    /// Shows the device to the host under this serial number: printable ASCII, at most 48 bytes, empty for none.
    mutating func attach(serial: RawSpan)
    /// Takes it off the bus. The host needs 100 ms to be sure to notice.
    mutating func detach()

    /// Bytes that `writeByte` takes now; more are lost.
    var room: Int { get }
    /// Starts to send what was written.
    mutating func flush()
    /// True when there is nothing to read: the main loop may sleep.
    var isIdle: Bool { get }

    /// True once the host has asked for the bootloader and been told that it gets it.
    var isBootloaderWanted: Bool { get }
    /// Resets into the bootloader; on a board without one, into the firmware.
    mutating func enterBootloader()
}

/// For a board without USB.
public struct NoUSB: USBPort {
    /// Holds nothing. What is written to it is lost, and there is never anything to read.
    @inline(__always) public init() {}
    @inline(__always) public static var isPresent: Bool { false }
    @inline(__always) public func attach(serial: RawSpan) {}
    @inline(__always) public func detach() {}
    @inline(__always) public func readByte() -> UInt8? { nil }
    @inline(__always) public func writeByte(_ byte: UInt8) {}
    @inline(__always) public var overruns: UInt32 { 0 }
    @inline(__always) public var room: Int { 0 }
    @inline(__always) public func flush() {}
    @inline(__always) public var isIdle: Bool { true }
    @inline(__always) public var isBootloaderWanted: Bool { false }
    @inline(__always) public func enterBootloader() {}
}
