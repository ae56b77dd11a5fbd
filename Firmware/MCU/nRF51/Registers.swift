// Peripherals of the nRF51 at their addresses. Numbers after "RM" are sections of the nRF51 Series Reference Manual v3.0. A peripheral's
// registers are named by their offsets, in the file of its driver.

@_exported import CortexM
import HAL

/// Base addresses (RM 5, table 9), each in the file of its driver. Peripherals at one address share their registers: only one of them at a time.
public enum Base {}

/// Tasks are triggered by writing 1; events are set by hardware and cleared by writing 0 (RM 10.1).
extension SharedRegisterBlock {
    /// Triggers the task at offset `task`.
    @inline(__always) func trigger(_ task: UInt32) { store(task, 1) }
    /// Forgets the event at offset `event`.
    @inline(__always) func forget(_ event: UInt32) { store(event, 0) }
    /// True after the event at offset `event` happened.
    @inline(__always) func hasHappened(_ event: UInt32) -> Bool { load(event) != 0 }
}

/// Registers that UART, TWI and SPI have alike (RM 26, 28, 29).
enum SerialRegister {
    static var startReceive: UInt32 { 0x000 }  // TASKS_STARTRX
    static var startTransmit: UInt32 { 0x008 }  // TASKS_STARTTX
    static var enable: UInt32 { 0x500 }
    static var clockPin: UInt32 { 0x508 }  // PSELSCK, PSELSCL; the UART has none
    static var received: UInt32 { 0x518 }  // RXD
    static var sent: UInt32 { 0x51C }  // TXD
    static var frequency: UInt32 { 0x524 }  // of the UART: BAUDRATE
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
