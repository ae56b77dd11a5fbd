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
    @inline(__always) public static var name: StaticString { "mps2-an386" }
    @inline(__always) public static var vectors: UInt32 { 0x0 }
    @inline(__always) public static func configurePins() {
        Output(0).configure(high: false)
        Output(1).configure(high: false)
        Output(16).configure(high: false)
        Output(17).configure(high: false)
        Input(32).configure()
        Input(33).configure()
    }
}

/// The store's pages.
@inline(__always) public func boardFlash() -> ChipFlash { chipFlash(address: 0x21000000, bytes: 0x10000) }

/// Who uses which pin.
enum Pin: UInt32 {
    case led = 0  // USERLED0
    case led1 = 1  // USERLED1
    case lock = 16  // MCC LED0
    case relay = 17  // MCC LED1
    case button = 32  // USERPB0
    case button1 = 33  // USERPB1
}

nonisolated(unsafe) private var led: LED<Output> = LED(Output(0))
nonisolated(unsafe) private var led1: LED<Output> = LED(Output(1))
nonisolated(unsafe) private var lock: Lock<Output> = Lock(Output(16))
nonisolated(unsafe) private var relay: Relay<Output> = Relay(Output(17))
nonisolated(unsafe) private var button: Button<Input> = Button(Input(32))
nonisolated(unsafe) private var button1: Button<Input> = Button(Input(33))
nonisolated(unsafe) private var thermometer: Thermometer<TMP105<BitBangI2C<ShieldI2C>>> = Thermometer(TMP105(BitBangI2C(ShieldI2C(shield: 1)), address: 0x48))
nonisolated(unsafe) private var eeprom: EEPROM<BitBangI2C<ShieldI2C>> = EEPROM(BitBangI2C(ShieldI2C(shield: 1)), address: 0x50, size: 4096)
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}
    @inline(__always) public static var keepsCounts: Bool {
        LED<Output>.keepsCount || Lock<Output>.keepsCount || Relay<Output>.keepsCount || Button<Input>.keepsCount || Thermometer<TMP105<BitBangI2C<ShieldI2C>>>.keepsCount || EEPROM<BitBangI2C<ShieldI2C>>.keepsCount
    }

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led", LED<Output>.self)
        case 1: Declaration("led-1", LED<Output>.self)
        case 2: Declaration("lock", Lock<Output>.self)
        case 3: Declaration("relay", Relay<Output>.self)
        case 4: Declaration("button", Button<Input>.self)
        case 5: Declaration("button-1", Button<Input>.self)
        case 6: Declaration("thermometer", Thermometer<TMP105<BitBangI2C<ShieldI2C>>>.self)
        case 7: Declaration("eeprom", EEPROM<BitBangI2C<ShieldI2C>>.self)
        default: nil
        }
    }

    // Only in this module: a client would get its own copy of every driver it names.
    @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch index {
        case 0: request.reach(&led)
        case 1: request.reach(&led1)
        case 2: request.reach(&lock)
        case 3: request.reach(&relay)
        case 4: request.reach(&button)
        case 5: request.reach(&button1)
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
        if name.isSame("led-1") { return 1 }
        if name.isSame("lock") { return 2 }
        if name.isSame("relay") { return 3 }
        if name.isSame("button") { return 4 }
        if name.isSame("button-1") { return 5 }
        if name.isSame("thermometer") { return 6 }
        if name.isSame("eeprom") { return 7 }
        return 0
    }

    // The compiler asks this for each name and word that an application writes, "" for the name alone; no image holds it.
    @_optimize(none) @_effects(readnone)
    public static func answers(_ name: LiteralText, _ word: LiteralText) -> Bool {
        if name == "led" { return word == "" || word == "on" || word == "off" || word == "toggle" }
        if name == "led-1" { return word == "" || word == "on" || word == "off" || word == "toggle" }
        if name == "lock" { return word == "" || word == "open(for:)" || word == "close" || word == "relocked" }
        if name == "relay" { return word == "" || word == "on" || word == "off" || word == "toggle" || word == "pulse(for:)" }
        if name == "button" { return word == "" || word == "pressed" || word == "released" || word == "held" || word == "double" }
        if name == "button-1" { return word == "" || word == "pressed" || word == "released" || word == "held" || word == "double" }
        if name == "thermometer" { return word == "" || word == "read" }
        if name == "eeprom" { return word == "" || word == "read(at:)" || word == "write(at:value:)" }
        return false
    }

    public static var isResetButtonDown: Bool { @export(interface) get { Input(32).isHigh } }

    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = Output(1)
        light.showReset(in: seconds)
    }
}
