// The board has no serial number of its own that the CPU can read.

/// 0: none.
public func hardwareSerialNumber() -> UInt64 { 0 }
