// Memory-mapped registers of the STM32F411 and the CPU's interrupt enables. "RM" is RM0383 revision 3, "DS" the data sheet of the
// STM32F411xC/xE (DS10314).

import HAL
@_exported import STM32
import _Volatile

/// A peripheral of the chip.
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

/// Base addresses (RM 2.3, table 1).
public enum Base {
    public static var tim3: UInt { 0x4000_0400 }
    public static var tim4: UInt { 0x4000_0800 }
    public static var tim5: UInt { 0x4000_0C00 }
    public static var realTimeClock: UInt { 0x4000_2800 }
    public static var watchdog: UInt { 0x4000_3000 }
    public static var i2c1: UInt { 0x4000_5400 }
    public static var power: UInt { 0x4000_7000 }
    public static var usart1: UInt { 0x4001_1000 }
    public static var adc1: UInt { 0x4001_2000 }
    public static var spi1: UInt { 0x4001_3000 }
    public static var syscfg: UInt { 0x4001_3800 }
    public static var exti: UInt { 0x4001_3C00 }
    public static var gpioA: UInt { 0x4002_0000 }
    public static var rcc: UInt { 0x4002_3800 }
    public static var flash: UInt { 0x4002_3C00 }
    public static var otg: UInt { 0x5000_0000 }
}

/// Nested vectored interrupt controller (ARMv7-M Architecture Reference Manual, B3.4).
enum NVIC {
    /// Enables interrupt `number`, after forgetting an older request.
    static func enable(_ number: UInt32) {
        let word = (number / 32) * 4
        Peripheral(0xE000_E280).store(word, 1 << (number & 31))  // ICPR
        Peripheral(0xE000_E100).store(word, 1 << (number & 31))  // ISER
    }

    /// Makes interrupt `number` happen.
    static func request(_ number: UInt32) { Peripheral(0xE000_E200).store((number / 32) * 4, 1 << (number & 31)) }  // ISPR

    /// 0, the reset value, goes before all others; the chip has the upper four bits of `priority`.
    static func setPriority(_ number: UInt32, _ priority: UInt32) {
        let shift = (number & 3) * 8
        Peripheral(0xE000_E400).modify(number & ~3, clear: 0xFF << shift, set: priority << shift)  // IPR
    }
}
