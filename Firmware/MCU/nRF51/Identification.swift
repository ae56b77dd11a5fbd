// The chip's own serial number (RM 8.2.6, FICR DEVICEID[0] and [1]): random, written by the maker. QEMU has a constant.

extension Base {
    /// FICR (RM 8.2), what the factory wrote.
    public static var factory: UInt { 0x1000_0000 }
}

/// 64 bits.
public func hardwareSerialNumber() -> UInt64 {
    UInt64(Peripheral(Base.factory).load(0x60)) | UInt64(Peripheral(Base.factory).load(0x64)) << 32
}
