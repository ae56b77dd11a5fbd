// WeAct Black Pill (STM32F411CE): which pin is what, and which devices the node has.

@_exported import DeviceModel
@_exported import Drivers
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
    /// What the chip runs on: tells a dead crystal.
    public let clocks: ClockTree

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        enterBootloaderIfAsked()
        resetReason = takeResetReason()
        clocks = startChip(crystalHertz: 25_000_000, vectors: 0x0802_0000)
        Pin.lock.output.configure(high: false)
        Pin.relay.output.configure(high: false)
        Pin.led.output.configure(high: true)
        Pin.button.input.configure(pull: .up)
        Pin.sensor.port.configureAnalog(Pin.sensor.number)
        Pin.dimmer.handOver(function: lampPin.function)
        Pin.busClock.handOver(function: 4, openDrain: true)
        Pin.busData.handOver(function: 4, openDrain: true)
        clock = TIM5Clock(clock: clocks.timers1)
        serial = SerialUART(clock: clocks.apb2)
        Pin.usbMinus.handOver(function: 10)
        Pin.usbPlus.handOver(function: 10)
        usb = BoardUSB(board: boardName, clocks: clocks)
        let die = ADCInput(Peripheral(Base.adc1), channel: 18)
        die.configure()
        analogInput.configure()
        entropy = ConverterNoise(die)
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
        start(clocks)
    }
}

/// Who uses which pin: first digit the port (A is 0), second its pin. A pin may be used once: the compiler names both users when it is
/// not.
enum Pin: UInt32 {
    case button = 0x00
    case sensor = 0x01
    case dimmer = 0x06
    case serialTransmit = 0x09
    case serialReceive = 0x0A
    case usbMinus = 0x0B
    case usbPlus = 0x0C
    case lock = 0x10
    case relay = 0x11
    case busClock = 0x16
    case busData = 0x17
    case led = 0x2D

    @inline(__always) var port: Port<Peripheral> { MCU.port(UInt(rawValue >> 4)) }
    @inline(__always) var number: UInt32 { rawValue & 0xF }
    @inline(__always) var output: Output { Output(port, number) }
    @inline(__always) var input: Input { Input(port, number) }
    func handOver(function: UInt32, openDrain: Bool = false) {
        port.configureAlternate(number, function: function, openDrain: openDrain)
    }
}

/// Addresses on I2C1.
enum BusPart: UInt8 {
    case thermometer = 0x48
    case eeprom = 0x50
}

typealias Bus = I2C<Peripheral>
typealias Analog = ADCInput<Peripheral>
typealias Lamp = PWM<Peripheral>

/// Only pins that a timer reaches exist as such.
private let lampPin = TimerPin.pa6
private let analogInput = Analog(Peripheral(Base.adc1), channel: 1)

/// Peripherals whose speed depends on the clock that the chip got.
private func start(_ clocks: ClockTree) {
    let bus = Bus(Peripheral(Base.i2c1), busHertz: clocks.apb1)
    bus.configure()
    thermometer = Thermometer(TMP105(bus, address: BusPart.thermometer.rawValue))
    eeprom = EEPROM(bus, address: BusPart.eeprom.rawValue)
    var channel = Lamp(lampPin, clock: clocks.timers1)
    channel.configure(hertz: 1000)
    dimmer = Dimmer(channel)
}

/// The devices, in the order of their indices. The compiler says which line is missing when one is added.
enum Name: UInt8 {
    case led, lock, relay, button, dimmer, sensor, thermometer, eeprom
}

nonisolated(unsafe) private var led = LED(ActiveLow(Pin.led.output))
nonisolated(unsafe) private var lock = Lock(Pin.lock.output)
nonisolated(unsafe) private var relay = Relay(Pin.relay.output)
nonisolated(unsafe) private var button = Button(ActiveLowInput(Pin.button.input))
nonisolated(unsafe) private var dimmer = Dimmer(Lamp(lampPin, clock: 16_000_000))
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
