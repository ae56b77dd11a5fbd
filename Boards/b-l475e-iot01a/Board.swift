// ST B-L475E-IOT01A (STM32L475VG): what runs when it starts; pins and devices are rows of board.json (user manual UM2153, 7 and appendix A).

import HAL
import MCU
import Startup

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: SystemTimer
    public var serial: SerialUART
    public var usb: BoardUSB
    public var entropy: CycleCounterMix<Peripheral>
    public var watchdog: WatchdogTimer<Peripheral>
    public let resetReason: ResetReason
    /// That the devices' pins are what they need to be.
    public let pins: DevicePins

    /// Starts them; every output is at its safe level. Call once, first of all.
    public init() {
        useVectors(at: 0x0800_0000)
        let clocks = startClocks()
        resetReason = takeResetReason()
        pins = DevicePins()
        clock = SystemTimer(clock: clocks.system)
        serial = SerialUART(clock: clocks.system)
        usb = BoardUSB()
        entropy = CycleCounterMix(Peripheral(Base.sysTick))
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
    }
}
