// Peripherals of the MPS2 board with the AN386 image, at their addresses. "CMSDK" is the Cortex-M System Design Kit Technical Reference
// Manual (Arm DDI 0479), "AN386" the Application Note of that number (Arm DAI 0386). The image has 32 interrupts.

@_exported import CortexM
import HAL

/// Base addresses (AN386, 3), each in the file of its driver.
public enum Base {}

/// The clock of CPU and peripherals: 25 MHz (AN386, 4.2).
let clockHertz: UInt32 = 25_000_000

extension Base {
    /// APB timer 0 (CMSDK 4.4), here the clock of the system.
    public static var timer0: UInt { 0x4000_0000 }
    /// APB timer 1 (CMSDK 4.4), which wakes the CPU.
    public static var timer1: UInt { 0x4000_1000 }
}

/// Registers of a timer (CMSDK 4.4).
enum TimerRegister {
    static var control: UInt32 { 0x0 }  // CTRL: bit 0 enable, 3 interrupt
    static var value: UInt32 { 0x4 }
    static var reload: UInt32 { 0x8 }
    static var interrupt: UInt32 { 0xC }  // INTSTATUS, INTCLEAR: read: status; write 1: clear
}

extension Base {
    /// APB UART 0 (CMSDK 4.3), the board's serial connector.
    public static var uart0: UInt { 0x4000_4000 }
    /// APB UART 1 (CMSDK 4.3), the wire of the virtual USB.
    public static var uart1: UInt { 0x4000_5000 }
}

/// Registers of a UART (CMSDK 4.3).
enum UARTRegister {
    static var data: UInt32 { 0x00 }
    static var state: UInt32 { 0x04 }  // STATE: bit 0 TX full, 1 RX full, 2 TX overrun, 3 RX overrun
    static var control: UInt32 { 0x08 }  // CTRL: bit 0 TX enable, 1 RX enable, 2 TX interrupt, 3 RX interrupt
    static var interruptClear: UInt32 { 0x0C }  // INTCLEAR: bit 0 TX, 1 RX, 2 TX overrun, 3 RX overrun
    static var baudDivisor: UInt32 { 0x10 }  // BAUDDIV
}
