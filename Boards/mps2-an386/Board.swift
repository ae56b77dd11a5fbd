// Arm MPS2 with the AN386 image (Cortex-M4): which pin is what, and which devices the node has.

import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var entropy: CycleCounterMix
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason

    /// Starts them. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        clock = Timer0Clock()
        serial = SerialUART()
        entropy = CycleCounterMix()
        watchdog = WatchdogTimer()
    }
}
