// A peripheral of the nRF51 as drivers that are tested on the host see it.

import HAL
import _Volatile

/// The registers from `base`, by the offsets of the reference manual.
public struct Peripheral: SharedRegisterBlock {
    /// Address of the register at offset 0.
    public let base: UInt
    /// Touches nothing. A wrong address makes the first access a fault.
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
    /// TWI0 (RM 28) or SPI0 (RM 26).
    public static var serial0: UInt { 0x4000_3000 }  // TWI0 or SPI0
    /// TWI1 (RM 28) or SPI1 (RM 26).
    public static var serial1: UInt { 0x4000_4000 }  // TWI1 or SPI1
    /// GPIOTE (RM 14): tasks and events of pins.
    public static var gpiote: UInt { 0x4000_6000 }
    /// The analog-to-digital converter (RM 31).
    public static var adc: UInt { 0x4000_7000 }
    /// TIMER2 (RM 18), which makes PWM.
    public static var timer2: UInt { 0x4000_A000 }
    /// The programmable peripheral interconnect (RM 16).
    public static var ppi: UInt { 0x4001_F000 }
}
