// WeAct Black Pill (STM32F411CE): which pin is what, and which devices the node has.

import Devices
import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: TIM5Clock
    public var serial: SerialUART
    public var entropy: ConverterNoise<ADCInput<Peripheral>>
    public var watchdog: WatchdogTimer<Peripheral>
    public let resetReason: ResetReason
    /// What the chip runs on: tells a dead crystal.
    public let clocks: ClockTree

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        clocks = startChip(crystalHertz: 25_000_000, vectors: 0x0800_0000)
        Pins.lock.configure(high: false)
        Pins.relay.configure(high: false)
        Pins.led.configure(high: true)
        Pins.button.configure(pull: .up)
        port(0).configureAnalog(1)
        port(0).configureAlternate(6, function: 2)  // TIM3_CH1
        port(1).configureAlternate(6, function: 4, openDrain: true)  // I2C1_SCL
        port(1).configureAlternate(7, function: 4, openDrain: true)  // I2C1_SDA
        clock = TIM5Clock(clock: clocks.timers1)
        serial = SerialUART(clock: clocks.apb2)
        let die = ADCInput(Peripheral(Base.adc1), channel: 18)
        die.configure()
        analogInput.configure()
        entropy = ConverterNoise(die)
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
        start(clocks)
    }
}

/// Port A is 0, B 1, C 2 (STM32F411xC/E data sheet DS10314, table 8).
enum Pins {
    static let led = Output(port(2), 13)
    static let button = Input(port(0), 0)
    static let lock = Output(port(1), 0)
    static let relay = Output(port(1), 1)
}

typealias Bus = I2C<Peripheral>
typealias Analog = ADCInput<Peripheral>
typealias Lamp = PWM<Peripheral>

private let analogInput = Analog(Peripheral(Base.adc1), channel: 1)

/// Peripherals whose speed depends on the clock that the chip got.
private func start(_ clocks: ClockTree) {
    let bus = Bus(Peripheral(Base.i2c1), busHertz: clocks.apb1)
    bus.configure()
    thermometer = Thermometer(TMP105(bus))
    eeprom = EEPROM(bus)
    var channel = Lamp(Peripheral(Base.tim3), channel: 1, clock: clocks.timers1)
    channel.configure(hertz: 1000)
    dimmer = Dimmer(channel)
}

/// The devices, in the order of their indices. The compiler says which line is missing when one is added.
enum Name: UInt8 {
    case led, lock, relay, button, dimmer, sensor, thermometer, eeprom
}

nonisolated(unsafe) private var led = LED(ActiveLow(Pins.led))
nonisolated(unsafe) private var lock = Lock(Pins.lock)
nonisolated(unsafe) private var relay = Relay(Pins.relay)
nonisolated(unsafe) private var button = Button(ActiveLowInput(Pins.button))
nonisolated(unsafe) private var dimmer = Dimmer(Lamp(Peripheral(Base.tim3), channel: 1, clock: 16_000_000))
nonisolated(unsafe) private var sensor = AnalogSensor(analogInput, Calibration(0, is: 0, 65535, is: 3300))
nonisolated(unsafe) private var thermometer = Thermometer(TMP105(Bus(Peripheral(Base.i2c1), busHertz: 16_000_000)))
nonisolated(unsafe) private var eeprom = EEPROM(Bus(Peripheral(Base.i2c1), busHertz: 16_000_000))
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch Name(rawValue: index) {
        case .led: Declaration("led", LED<ActiveLow<Output>>.self)
        case .lock: Declaration("lock", Lock<Output>.self)
        case .relay: Declaration("relay", Relay<Output>.self)
        case .button: Declaration("button", Button<ActiveLowInput<Input>>.self)
        case .dimmer: Declaration("dimmer", Dimmer<Lamp>.self)
        case .sensor: Declaration("sensor", AnalogSensor<Analog>.self)
        case .thermometer: Declaration("thermometer", Thermometer<TMP105<Bus>>.self)
        case .eeprom: Declaration("eeprom", EEPROM<Bus>.self)
        case nil: nil
        }
    }

    // Only in this module: a client would get its own copy of every driver it names.
    @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch Name(rawValue: index) {
        case .led: request.reach(&led)
        case .lock: request.reach(&lock)
        case .relay: request.reach(&relay)
        case .button: request.reach(&button)
        case .dimmer: request.reach(&dimmer)
        case .sensor: request.reach(&sensor)
        case .thermometer: request.reach(&thermometer)
        case .eeprom: request.reach(&eeprom)
        case nil: break
        }
    }

    public var events: EventQueue {
        @export(interface) get { waiting }
        @export(interface) _modify { yield &waiting }
    }
}

/// A device by the name that owners use: `` `$`("led").on() ``.
@export(implementation) @inline(__always)
public func `$`(_ name: StaticString) -> DeviceHandle<BoardDevices> { DeviceHandle(name) }
