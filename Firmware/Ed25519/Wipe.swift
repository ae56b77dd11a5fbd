// Zeroing of secrets that no optimiser may drop.
import _Volatile

extension Ed25519 {
    /// Overwrites every byte of `secret` with zero. The stores are volatile: the compiler keeps them even if nobody reads the bytes again.
    public static func wipe<let size: Int>(_ secret: inout InlineArray<size, UInt8>) {
        withUnsafeMutableBytes(of: &secret) { wipe($0.baseAddress!, count: $0.count) }
    }

    /// Overwrites every byte of `secret` with zero, by volatile stores.
    public static func wipe(_ secret: inout MutableRawSpan) {
        secret.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { wipe(base, count: bytes.count) }
        }
    }

    /// Overwrites `count` bytes (at least 0) from `base` on with zero, by volatile stores.
    @inline(never)
    public static func wipe(_ base: UnsafeMutableRawPointer, count: Int) {
        var address = UInt(bitPattern: base)
        let end = address &+ UInt(bitPattern: count)
        while address & 3 != 0, address < end {
            VolatileMappedRegister<UInt8>(unsafeBitPattern: address).store(0)
            address &+= 1
        }
        let whole = address &+ ((end &- address) & ~15)
        while address < whole {
            VolatileMappedRegister<UInt32>(unsafeBitPattern: address).store(0)
            VolatileMappedRegister<UInt32>(unsafeBitPattern: address &+ 4).store(0)
            VolatileMappedRegister<UInt32>(unsafeBitPattern: address &+ 8).store(0)
            VolatileMappedRegister<UInt32>(unsafeBitPattern: address &+ 12).store(0)
            address &+= 16
        }
        while address < end {
            VolatileMappedRegister<UInt8>(unsafeBitPattern: address).store(0)
            address &+= 1
        }
    }
}
