// WeAct Black Pill (STM32F411CE): what runs when it starts; pins and devices are rows of board.json.

import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: TIM5Clock
    public var serial: SerialUART
    public var usb: BoardUSB
    public var entropy: ConverterNoise<ADCInput<Peripheral>>
    public var watchdog: WatchdogTimer<Peripheral>
    public let resetReason: ResetReason
    /// That the devices' pins are what they need to be.
    public let pins: DevicePins
    /// What the chip runs on: tells a dead crystal.
    public let clocks: ClockTree

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        enterBootloaderIfAsked()
        resetReason = takeResetReason()
        clocks = startChip(crystalHertz: 25_000_000, vectors: 0x0802_0000)
        pins = DevicePins()
        clock = TIM5Clock(clock: clocks.timers1)
        serial = SerialUART(clock: clocks.apb2)
        handOver(.usbMinus, function: 10)
        handOver(.usbPlus, function: 10)
        usb = BoardUSB(board: boardName, clocks: clocks)
        let die = ADCInput(Peripheral(Base.adc1), channel: 18)
        die.configure()
        entropy = ConverterNoise(die)
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
        startDevices(clocks)
    }
}

private func handOver(_ pin: Pin, function: UInt32, openDrain: Bool = false) {
    port(UInt(pin.rawValue >> 4)).configureAlternate(pin.rawValue & 15, function: function, openDrain: openDrain)
}

/// I2C1, whose speed depends on the clock that the chip got.
func startBus(_ clocks: ClockTree) -> I2C<Peripheral> {
    handOver(.busClock, function: 4, openDrain: true)
    handOver(.busData, function: 4, openDrain: true)
    let bus = I2C(Peripheral(Base.i2c1), busHertz: clocks.apb1)
    bus.configure()
    return bus
}
