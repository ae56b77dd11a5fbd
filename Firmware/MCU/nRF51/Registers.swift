// Peripherals of the nRF51 at their addresses. Numbers after "RM" are sections of the nRF51 Series Reference Manual v3.0. A peripheral's
// registers are named by their offsets, in the file of its driver.

@_exported import CortexM
import HAL

/// Base addresses (RM 5, table 9). Peripherals at one address share their registers: only one of them at a time.
public enum Base {
    /// CLOCK (RM 12) and POWER (RM 11).
    public static var clock: UInt { 0x4000_0000 }
    /// UART0 (RM 29).
    public static var uart: UInt { 0x4000_2000 }
    /// TWI0 (RM 28) or SPI0 (RM 26).
    public static var serial0: UInt { 0x4000_3000 }
    /// TWI1 (RM 28) or SPI1 (RM 26).
    public static var serial1: UInt { 0x4000_4000 }
    /// GPIOTE (RM 14): tasks and events of pins.
    public static var gpiote: UInt { 0x4000_6000 }
    /// The analog-to-digital converter (RM 31).
    public static var adc: UInt { 0x4000_7000 }
    /// TIMER0 (RM 18), here the clock of the system.
    public static var timer0: UInt { 0x4000_8000 }
    /// TIMER1 (RM 18), which scans a display.
    public static var timer1: UInt { 0x4000_9000 }
    /// TIMER2 (RM 18), which makes PWM.
    public static var timer2: UInt { 0x4000_A000 }
    /// TEMP (RM 23), the die's thermometer.
    public static var temperature: UInt { 0x4000_C000 }
    /// RNG (RM 22).
    public static var random: UInt { 0x4000_D000 }
    /// WDT (RM 20).
    public static var watchdog: UInt { 0x4001_0000 }
    /// NVMC (RM 6), which programs the flash.
    public static var flash: UInt { 0x4001_E000 }
    /// The programmable peripheral interconnect (RM 16).
    public static var ppi: UInt { 0x4001_F000 }
    /// GPIO (RM 13).
    public static var gpio: UInt { 0x5000_0000 }
    /// FICR (RM 8.2), what the factory wrote.
    public static var factory: UInt { 0x1000_0000 }
    /// UICR (RM 7), what its user wrote.
    public static var user: UInt { 0x1000_1000 }
}

/// Tasks are triggered by writing 1; events are set by hardware and cleared by writing 0 (RM 10.1).
extension SharedRegisterBlock {
    /// Triggers the task at offset `task`.
    @inline(__always) func trigger(_ task: UInt32) { store(task, 1) }
    /// Forgets the event at offset `event`.
    @inline(__always) func forget(_ event: UInt32) { store(event, 0) }
    /// True after the event at offset `event` happened.
    @inline(__always) func hasHappened(_ event: UInt32) -> Bool { load(event) != 0 }
}

/// Registers of a timer (RM 18).
enum TimerRegister {
    static var start: UInt32 { 0x000 }  // TASKS_START
    static var stop: UInt32 { 0x004 }  // TASKS_STOP
    static var clear: UInt32 { 0x00C }  // TASKS_CLEAR
    @inline(__always) static func capture(_ n: UInt32) -> UInt32 { 0x040 + n * 4 }  // TASKS_CAPTURE[n]
    @inline(__always) static func compared(_ n: UInt32) -> UInt32 { 0x140 + n * 4 }  // EVENTS_COMPARE[n]
    static var shortcuts: UInt32 { 0x200 }  // SHORTS: bit n COMPARE[n] clears
    static var interruptEnableSet: UInt32 { 0x304 }  // INTENSET: bit 16 + n for COMPARE[n]
    static var mode: UInt32 { 0x504 }
    static var bitMode: UInt32 { 0x508 }  // 0: 16 bits, 3: 32
    static var prescaler: UInt32 { 0x510 }
    @inline(__always) static func compare(_ n: UInt32) -> UInt32 { 0x540 + n * 4 }  // CC[n]
}
