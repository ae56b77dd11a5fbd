// Why an STM32F4 or L4 started (RM0383 6.3.20, RM0351 6.4.29: RCC_CSR).

import HAL

/// What the bits of RCC_CSR mean: 26 PINRSTF is set with every other reason, so it counts only alone.
public func resetReason(_ bits: UInt32) -> ResetReason {
    if bits & (1 << 29 | 1 << 30) != 0 { return .watchdog }  // IWDGRSTF, WWDGRSTF
    if bits & (1 << 28) != 0 { return .software }  // SFTRSTF
    if bits & (1 << 25 | 1 << 27) != 0 { return .power }  // BORRSTF, PORRSTF
    if bits & (1 << 31) != 0 { return .wakeUp }  // LPWRRSTF
    if bits & (1 << 26) != 0 { return .pin }
    return .power
}
