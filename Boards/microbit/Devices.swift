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
    @inline(__always) public static var name: StaticString { "microbit" }
    @inline(__always) public static var vectors: UInt32 { 0x0 }
    @inline(__always) public static var serialTransmit: UInt32 { 24 }
    @inline(__always) public static var serialReceive: UInt32 { 25 }
    @inline(__always) public static func configurePins() {
        Screen.configure()
        Output(18).configure(high: false)
        Output(16).configure(high: false)
        Input(17).configure(pull: .up)
        Input(26).configure(pull: .up)
    }
}

/// The store's pages.
@inline(__always) public func boardFlash() -> ChipFlash { chipFlash(address: 0x3C000, bytes: 0x4000) }

/// Where each light is in the matrix, line by line: row × 9 + column.
let matrixPlaces: InlineArray<25, UInt8> = [0, 12, 1, 13, 2, 21, 22, 23, 24, 25, 10, 8, 11, 26, 9, 7, 6, 5, 4, 3, 20, 15, 18, 14, 19]

/// Who uses which pin.
enum Pin: UInt32 {
    case serialTransmit = 24  // P0.24: to the interface chip
    case serialReceive = 25  // P0.25
    case column1 = 4  // P0.4
    case column2 = 5  // P0.5
    case column3 = 6  // P0.6
    case column4 = 7  // P0.7
    case column5 = 8  // P0.8
    case column6 = 9  // P0.9
    case column7 = 10  // P0.10
    case column8 = 11  // P0.11
    case column9 = 12  // P0.12
    case row1 = 13  // P0.13
    case row2 = 14  // P0.14
    case row3 = 15  // P0.15
    case lock = 18  // P0.18: edge connector P8
    case relay = 16  // P0.16: edge connector P16
    case buttonA = 17  // P0.17: pulled up on the board
    case buttonB = 26  // P0.26
}

nonisolated(unsafe) private var led: LED<IconOnDisplay> = LED(IconOnDisplay(heart))
nonisolated(unsafe) private var display: Display5x5<Screen> = Display5x5(Screen())
nonisolated(unsafe) private var lock: Lock<Output> = Lock(Output(18))
nonisolated(unsafe) private var relay: Relay<Output> = Relay(Output(16))
nonisolated(unsafe) private var buttonA: Button<ActiveLowInput<Input>> = Button(ActiveLowInput(Input(17)))
nonisolated(unsafe) private var buttonB: Button<ActiveLowInput<Input>> = Button(ActiveLowInput(Input(26)))
nonisolated(unsafe) private var thermometer: Thermometer<DieTemperature> = Thermometer(DieTemperature())
nonisolated(unsafe) private var dimmer: Dimmer<WholeDisplay> = Dimmer(WholeDisplay())
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}
    @inline(__always) public static var keepsCounts: Bool {
        LED<IconOnDisplay>.keepsCount || Display5x5<Screen>.keepsCount || Lock<Output>.keepsCount || Relay<Output>.keepsCount || Button<ActiveLowInput<Input>>.keepsCount || Thermometer<DieTemperature>.keepsCount || Dimmer<WholeDisplay>.keepsCount
    }

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led", LED<IconOnDisplay>.self)
        case 1: Declaration("display", Display5x5<Screen>.self)
        case 2: Declaration("lock", Lock<Output>.self)
        case 3: Declaration("relay", Relay<Output>.self)
        case 4: Declaration("button-a", Button<ActiveLowInput<Input>>.self)
        case 5: Declaration("button-b", Button<ActiveLowInput<Input>>.self)
        case 6: Declaration("thermometer", Thermometer<DieTemperature>.self)
        case 7: Declaration("dimmer", Dimmer<WholeDisplay>.self)
        default: nil
        }
    }

    // Only in this module: a client would get its own copy of every driver it names.
    @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch index {
        case 0: request.reach(&led)
        case 1: request.reach(&display)
        case 2: request.reach(&lock)
        case 3: request.reach(&relay)
        case 4: request.reach(&buttonA)
        case 5: request.reach(&buttonB)
        case 6: request.reach(&thermometer)
        case 7: request.reach(&dimmer)
        default: break
        }
    }

    public var events: EventQueue {
        @export(interface) get { waiting }
        @export(interface) _modify { yield &waiting }
    }

    @inline(__always) public static func index(of name: FlashText) -> UInt8 {
        if name.isSame("led") { return 0 }
        if name.isSame("display") { return 1 }
        if name.isSame("lock") { return 2 }
        if name.isSame("relay") { return 3 }
        if name.isSame("button-a") { return 4 }
        if name.isSame("button-b") { return 5 }
        if name.isSame("thermometer") { return 6 }
        if name.isSame("dimmer") { return 7 }
        return 0
    }

    // The compiler asks this for each name and word that an application writes, "" for the name alone; no image holds it.
    @_optimize(none) @_effects(readnone)
    public static func answers(_ name: LiteralText, _ word: LiteralText) -> Bool {
        if name == "led" { return word == "" || word == "on" || word == "off" || word == "toggle" }
        if name == "display" { return word == "" || word == "clear" || word == "icon(dots:)" || word == "text(text:)" || word == "scrolled" }
        if name == "lock" { return word == "" || word == "open(for:)" || word == "close" || word == "relocked" }
        if name == "relay" { return word == "" || word == "on" || word == "off" || word == "toggle" || word == "pulse(for:)" }
        if name == "button-a" { return word == "" || word == "pressed" || word == "released" || word == "held" || word == "double" }
        if name == "button-b" { return word == "" || word == "pressed" || word == "released" || word == "held" || word == "double" }
        if name == "thermometer" { return word == "" || word == "read" }
        if name == "dimmer" { return word == "" || word == "on" || word == "off" || word == "toggle" || word == "set(level:)" || word == "fade(level:for:)" }
        return false
    }

    public static var isResetButtonDown: Bool { @export(interface) get { ActiveLowInput(Input(17)).isHigh } }

    @export(interface) public static func showReset(in seconds: UInt8) {
        var light = Screen()
        light.showReset(in: seconds)
    }
}
