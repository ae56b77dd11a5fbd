// Memory-mapped registers of the STM32L475 and the CPU's interrupt enables. "RM" is RM0351 revision 9, "DS" the data sheet of the
// STM32L475xx (DS10969). GPIO, EXTI, watchdog and reset reasons are those of the STM32F4, in Firmware/MCU/STM32.

import HAL
@_exported import STM32
import _Volatile

/// A peripheral of the chip.
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

/// Base addresses (RM 2.2.2, table 1).
public enum Base {
    /// IWDG, the independent watchdog; it has its own oscillator.
    public static var watchdog: UInt { 0x4000_3000 }
    /// SYSCFG; clock: APB2ENR bit 0.
    public static var syscfg: UInt { 0x4001_0000 }
    /// EXTI (RM 14): interrupts from pins.
    public static var exti: UInt { 0x4001_0400 }
    /// USART1 (RM 40); clock: APB2ENR bit 14.
    public static var usart1: UInt { 0x4001_3800 }
    /// RCC (RM 6): clocks, and why the chip was reset.
    public static var rcc: UInt { 0x4002_1000 }
    /// The flash interface (RM 3.7), not the memory.
    public static var flash: UInt { 0x4002_2000 }
    /// GPIOA (RM 8), and each further port 0x400 higher; clock: AHB2ENR bit 0 and up.
    public static var gpioA: UInt { 0x4800_0000 }
    /// SysTick of the CPU (ARMv7-M Architecture Reference Manual, B3.3).
    public static var sysTick: UInt { 0xE000_E010 }
    /// System control block of the CPU (ARMv7-M Architecture Reference Manual, B3.2).
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
