// Memory-mapped registers of the STM32L475 and the CPU's interrupt enables. "RM" is RM0351 revision 9, "DS" the data sheet of the
// STM32L475xx (DS10969). GPIO, EXTI, watchdog and reset reasons are those of the STM32F4, and so are their files here: links.

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

/// Base addresses (RM 2.2.2, table 1).
public enum Base {
    public static var watchdog: UInt { 0x4000_3000 }
    public static var syscfg: UInt { 0x4001_0000 }
    public static var exti: UInt { 0x4001_0400 }
    public static var usart1: UInt { 0x4001_3800 }
    public static var rcc: UInt { 0x4002_1000 }
    public static var flash: UInt { 0x4002_2000 }
    public static var gpioA: UInt { 0x4800_0000 }
    public static var sysTick: UInt { 0xE000_E010 }
    public static var systemControl: UInt { 0xE000_ED00 }
}

/// Nested vectored interrupt controller (ARMv7-M Architecture Reference Manual, B3.4).
enum NVIC {
    /// Enables interrupt `number`, after forgetting an older request.
    static func enable(_ number: UInt32) {
        Peripheral(0xE000_E280).store(number / 32 * 4, 1 << (number & 31))  // ICPR
        Peripheral(0xE000_E100).store(number / 32 * 4, 1 << (number & 31))  // ISER
    }

    /// Requests it, as its peripheral would.
    static func pend(_ number: UInt32) { Peripheral(0xE000_E200).store(number / 32 * 4, 1 << (number & 31)) }  // ISPR
}
