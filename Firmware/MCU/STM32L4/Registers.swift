// Memory-mapped registers of the STM32L475. "RM" is RM0351 revision 9, "DS" the data sheet of the
// STM32L475xx (DS10969). GPIO, EXTI, watchdog and reset reasons are those of the STM32F4, in Firmware/MCU/STM32.

@_exported import CortexM
@_exported import STM32

/// Base addresses (RM 2.2.2, table 1), each in the file of its driver.
public enum Base {}
