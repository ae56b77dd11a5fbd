// Memory-mapped registers of the STM32F411. "RM" is RM0383 revision 3, "DS" the data sheet of the
// STM32F411xC/xE (DS10314).

@_exported import CortexM
@_exported import STM32

/// Base addresses (RM 2.3, table 1), each in the file of its driver.
public enum Base {}
