// Memory-mapped registers of the STM32F411. "RM" is RM0383 revision 3, "DS" the data sheet of the
// STM32F411xC/xE (DS10314).

@_exported import CortexM
@_exported import STM32

/// Base addresses (RM 2.3, table 1).
public enum Base {
    /// TIM3 (RM 13), a timer of 16 bits; clock: APB1ENR bit 1.
    public static var tim3: UInt { 0x4000_0400 }
    /// TIM4 (RM 13), a timer of 16 bits; clock: APB1ENR bit 2.
    public static var tim4: UInt { 0x4000_0800 }
    /// TIM5 (RM 13), a timer of 32 bits, here the clock of the system; clock: APB1ENR bit 3.
    public static var tim5: UInt { 0x4000_0C00 }
    /// RTC (RM 17), of which the backup registers are used.
    public static var realTimeClock: UInt { 0x4000_2800 }
    /// IWDG (RM 15), the independent watchdog; it has its own oscillator.
    public static var watchdog: UInt { 0x4000_3000 }
    /// I2C1 (RM 18); clock: APB1ENR bit 21.
    public static var i2c1: UInt { 0x4000_5400 }
    /// PWR (RM 5); clock: APB1ENR bit 28.
    public static var power: UInt { 0x4000_7000 }
    /// USART1 (RM 19); clock: APB2ENR bit 4.
    public static var usart1: UInt { 0x4001_1000 }
    /// ADC1 (RM 11), and the common registers from offset 0x300; clock: APB2ENR bit 8.
    public static var adc1: UInt { 0x4001_2000 }
    /// SPI1 (RM 20), on APB2.
    public static var spi1: UInt { 0x4001_3000 }
    /// SYSCFG (RM 7); clock: APB2ENR bit 14.
    public static var syscfg: UInt { 0x4001_3800 }
    /// EXTI (RM 10): interrupts from pins.
    public static var exti: UInt { 0x4001_3C00 }
    /// GPIOA (RM 8), and each further port 0x400 higher; clock: AHB1ENR bit 0 and up.
    public static var gpioA: UInt { 0x4002_0000 }
    /// RCC (RM 6): clocks, and why the chip was reset.
    public static var rcc: UInt { 0x4002_3800 }
    /// The flash interface (RM 3.8), not the memory.
    public static var flash: UInt { 0x4002_3C00 }
    /// OTG_FS (RM 22); clock: AHB2ENR bit 7.
    public static var otg: UInt { 0x5000_0000 }
}
