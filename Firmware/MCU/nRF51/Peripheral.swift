// A peripheral of the nRF51 as drivers that are tested on the host see it.

import HAL
import _Volatile

/// The registers from `base`, by the offsets of the reference manual.
public struct Peripheral: SharedRegisterBlock {
    public let base: UInt
    @inline(__always) public init(_ base: UInt) { self.base = base }
    @inline(__always) public func load(_ offset: UInt32) -> UInt32 {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: base + UInt(offset)).load()
    }
    @inline(__always) public func store(_ offset: UInt32, _ value: UInt32) {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: base + UInt(offset)).store(value)
    }
}

/// Base addresses (RM 5, table 9). Peripherals at one address share their registers: only one of them at a time.
public enum Base {
    public static var serial0: UInt { 0x4000_3000 }  // TWI0 or SPI0
    public static var serial1: UInt { 0x4000_4000 }  // TWI1 or SPI1
    public static var gpiote: UInt { 0x4000_6000 }
    public static var adc: UInt { 0x4000_7000 }
    public static var timer2: UInt { 0x4000_A000 }
    public static var ppi: UInt { 0x4001_F000 }
}
