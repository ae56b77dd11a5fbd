// Arm MPS2 with the AN386 image (Cortex-M4): what runs when it starts; pins and devices are rows of board.json.

import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var usb: BoardUSB
    public var entropy: CycleCounterMix
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason
    /// That the devices' pins are what they need to be.
    public let pins: DevicePins

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        pins = DevicePins()
        clock = Timer0Clock()
        serial = SerialUART()
        usb = BoardUSB(board: boardName)
        entropy = CycleCounterMix()
        watchdog = WatchdogTimer()
    }
}
