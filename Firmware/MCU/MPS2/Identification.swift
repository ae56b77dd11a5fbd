// The board has no serial number of its own that the CPU can read.

/// 0: none.
public func hardwareSerialNumber() -> UInt64 { 0 }

/// The FPGA image has no protection against its debugger.
public func isFlashReadbackProtected() -> Bool { false }
/// Does nothing: a debugger reads the flash as before.
public func protectFlashReadback() {}
