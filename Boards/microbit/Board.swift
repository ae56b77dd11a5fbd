// BBC micro:bit v1 (nRF51822): what runs when it starts; pins and devices are rows of board.json.

import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var usb: BoardUSB
    public var entropy: RandomNumberGenerator
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason
    /// That the devices' pins are what they need to be.
    public let pins: DevicePins

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        pins = DevicePins()
        LEDMatrix.configure(firstRow: Pin.row1.rawValue, firstColumn: Pin.column1.rawValue)
        clock = Timer0Clock()
        Output(.serialTransmit).configure(high: true)
        Input(.serialReceive).configure(pull: .up)
        usb = BoardUSB()
        serial = SerialUART(transmit: Pin.serialTransmit.rawValue, receive: Pin.serialReceive.rawValue)
        entropy = RandomNumberGenerator()
        watchdog = WatchdogTimer()
    }
}
