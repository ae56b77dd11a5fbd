// The independent watchdog of the STM32F4 and L4 (RM0383 15), which runs on the 32 kHz oscillator whatever happens to the other clocks.

import HAL

/// The oscillator is between 17 and 47 kHz (DS10314 6.3.9): a timeout may be 30 % short or 90 % long.
public struct WatchdogTimer<Registers: SharedRegisterBlock>: Watchdog {
    let registers: Registers
    /// The registers of IWDG. Leaves it as it is: off after a reset, unless an option byte starts it.
    public init(_ registers: Registers) { self.registers = registers }

    /// `timeoutMilliseconds` 1…32,768; more is taken for that.
    public mutating func start(timeoutMilliseconds: UInt32) {
        registers.store(0x00, 0xCCCC)  // KR: start, and the oscillator with it
        registers.store(0x00, 0x5555)  // KR: unlock
        let prescaler: UInt32 = timeoutMilliseconds > 4096 ? 6 : 3  // /256: 8 ms a tick; /32: 1 ms
        let ticks = prescaler == 6 ? timeoutMilliseconds / 8 : timeoutMilliseconds
        registers.store(0x04, prescaler)  // PR
        registers.store(0x08, min(max(ticks, 1), 4096) - 1)  // RLR
        _ = registers.wait(0x0C, 3, is: 0, patience: 100_000)  // SR: PVU, RVU
        feed()
    }

    public mutating func feed() { registers.store(0x00, 0xAAAA) }
}
