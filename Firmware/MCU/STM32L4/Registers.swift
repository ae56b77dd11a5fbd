// Memory-mapped registers of the STM32L475. "RM" is RM0351 revision 9, "DS" the data sheet of the
// STM32L475xx (DS10969). GPIO, EXTI, watchdog and reset reasons are those of the STM32F4, in Firmware/MCU/STM32.

@_exported import CortexM
@_exported import STM32

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
}
