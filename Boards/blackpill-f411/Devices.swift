// The board and its devices, made from board.json by `lightnode build`: edit that.
// swift-format-ignore-file

import Bytes
@_exported import DeviceModel
@_exported import Drivers
import HAL
import MCU

/// The chip's peripherals as this board uses them.
public typealias BoardHardware = ChipHardware<ThisBoard>

/// What the chip's start asks of the board.
public enum ThisBoard: ChipBoard {
    @inline(__always) public static var name: StaticString { "blackpill-f411" }
    @inline(__always) public static var vectors: UInt32 { 0x8020000 }
    @inline(__always) public static var crystalHertz: UInt32 { 25000000 }
    @inline(__always) public static var serialTransmit: UInt32 { 9 }
    @inline(__always) public static var serialReceive: UInt32 { 10 }
    @inline(__always) public static var usbMinus: UInt32 { 11 }
    @inline(__always) public static var usbPlus: UInt32 { 12 }
    @inline(__always) public static func configurePins() {
        Output(45).configure(high: true)
        Output(16).configure(high: false)
        Output(17).configure(high: false)
        Input(0).configure(pull: .up)
        configureAnalog(place: 1, channel: 1)
    }

    /// Devices whose parts depend on the clock that the chip got.
    public static func startDevices(_ clocks: ClockTree) {
        let startedI2C1 = startI2C1(clock: 22, data: 23, clocks)
        dimmer = Dimmer(startPWM(TimerPin(Base.tim3, 1), place: 6, clocks))
        thermometer = Thermometer(TMP105(startedI2C1, address: 0x48))
        eeprom = EEPROM(startedI2C1, address: 0x50)
    }
}

/// The store's pages.
@inline(__always) public func boardFlash() -> ChipFlash { chipFlash(address: 0x8004000, bytes: 0x1C000) }

/// Who uses which pin.
enum Pin: UInt32 {
    case serialTransmit = 9  // PA9
    case serialReceive = 10  // PA10
    case usbMinus = 11  // PA11
    case usbPlus = 12  // PA12
    case i2c1Clock = 22  // PB6
    case i2c1Data = 23  // PB7
    case led = 45  // PC13
    case lock = 16  // PB0
    case relay = 17  // PB1
    case button = 0  // PA0
    case dimmer = 6  // PA6
    case sensor = 1  // PA1
}

nonisolated(unsafe) private var led: LED<ActiveLow<Output>> = LED(ActiveLow(Output(45)))
nonisolated(unsafe) private var lock: Lock<Output> = Lock(Output(16))
nonisolated(unsafe) private var relay: Relay<Output> = Relay(Output(17))
nonisolated(unsafe) private var button: Button<ActiveLowInput<Input>> = Button(ActiveLowInput(Input(0)))
nonisolated(unsafe) private var dimmer: Dimmer<PWM<Peripheral>> = Dimmer(PWM(TimerPin(Base.tim3, 1), clock: 16_000_000))
nonisolated(unsafe) private var sensor: AnalogSensor<ADCInput<Peripheral>> = AnalogSensor(ADCInput(Peripheral(Base.adc1), channel: 1), Calibration(0, is: 0, 65535, is: 3300))
nonisolated(unsafe) private var thermometer: Thermometer<TMP105<I2C<Peripheral>>> = Thermometer(TMP105(I2C(Peripheral(Base.i2c1), busHertz: 16_000_000), address: 0x48))
nonisolated(unsafe) private var eeprom: EEPROM<I2C<Peripheral>> = EEPROM(I2C(Peripheral(Base.i2c1), busHertz: 16_000_000), address: 0x50)
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}
    @inline(__always) public static var keepsCounts: Bool {
        LED<ActiveLow<Output>>.keepsCount || Lock<Output>.keepsCount || Relay<Output>.keepsCount || Button<ActiveLowInput<Input>>.keepsCount || Dimmer<PWM<Peripheral>>.keepsCount || AnalogSensor<ADCInput<Peripheral>>.keepsCount || Thermometer<TMP105<I2C<Peripheral>>>.keepsCount || EEPROM<I2C<Peripheral>>.keepsCount
    }

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led", LED<ActiveLow<Output>>.self)
        case 1: Declaration("lock", Lock<Output>.self)
        case 2: Declaration("relay", Relay<Output>.self)
        case 3: Declaration("button", Button<ActiveLowInput<Input>>.self)
        case 4: Declaration("dimmer", Dimmer<PWM<Peripheral>>.self)
        case 5: Declaration("sensor", AnalogSensor<ADCInput<Peripheral>>.self)
        case 6: Declaration("thermometer", Thermometer<TMP105<I2C<Peripheral>>>.self)
        case 7: Declaration("eeprom", EEPROM<I2C<Peripheral>>.self)
        default: nil
        }
    }

    // Only in this module: a client would get its own copy of every driver it names.
    @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch index {
        case 0: request.reach(&led)
        case 1: request.reach(&lock)
        case 2: request.reach(&relay)
        case 3: request.reach(&button)
        case 4: request.reach(&dimmer)
        case 5: request.reach(&sensor)
        case 6: request.reach(&thermometer)
        case 7: request.reach(&eeprom)
        default: break
        }
    }

    public var events: EventQueue {
        @export(interface) get { waiting }
        @export(interface) _modify { yield &waiting }
    }

    @inline(__always) public static func index(of name: FlashText) -> UInt8 {
        if name.isSame("led") { return 0 }
        if name.isSame("lock") { return 1 }
        if name.isSame("relay") { return 2 }
        if name.isSame("button") { return 3 }
        if name.isSame("dimmer") { return 4 }
        if name.isSame("sensor") { return 5 }
        if name.isSame("thermometer") { return 6 }
        if name.isSame("eeprom") { return 7 }
        return 0
    }

    // The compiler asks this for each name and word that an application writes, "" for the name alone; no image holds it.
    @_optimize(none) @_effects(readnone)
    public static func answers(_ name: LiteralText, _ word: LiteralText) -> Bool {
        if name == "led" { return word == "" || word == "on" || word == "off" || word == "toggle" }
        if name == "lock" { return word == "" || word == "open(for:)" || word == "close" || word == "relocked" }
        if name == "relay" { return word == "" || word == "on" || word == "off" || word == "toggle" || word == "pulse(for:)" }
        if name == "button" { return word == "" || word == "pressed" || word == "released" || word == "held" || word == "double" }
        if name == "dimmer" { return word == "" || word == "on" || word == "off" || word == "toggle" || word == "set(level:)" || word == "fade(level:for:)" }
        if name == "sensor" { return word == "" || word == "read" || word == "watch(low:high:)" || word == "above" || word == "below" }
        if name == "thermometer" { return word == "" || word == "read" }
        if name == "eeprom" { return word == "" || word == "read(at:)" || word == "write(at:value:)" }
        return false
    }

    public static var isResetButtonDown: Bool { @export(interface) get { ActiveLowInput(Input(0)).isHigh } }

    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = ActiveLow(Output(45))
        light.showReset(in: seconds)
    }
}
