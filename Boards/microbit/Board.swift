// BBC micro:bit v1 (nRF51822): which pin is what, and which devices the node has.

import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var entropy: RandomNumberGenerator
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        clock = Timer0Clock()
        Output(24).configure(high: true)
        Input(25).configure(pull: .up)
        serial = SerialUART(transmit: 24, receive: 25)
        entropy = RandomNumberGenerator()
        watchdog = WatchdogTimer()
    }
}
