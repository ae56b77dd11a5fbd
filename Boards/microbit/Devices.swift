// The board's devices, made from the rows of board.json by `lightnode build`: edit those.
// swift-format-ignore-file

import Bytes
@_exported import DeviceModel
@_exported import Drivers
import HAL
import MCU

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

extension Output {
    @inline(__always) init(_ pin: Pin) { self.init(pin.rawValue) }
}

extension Input {
    @inline(__always) init(_ pin: Pin) { self.init(pin.rawValue) }
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

/// Every pin that a device uses, made what the device needs, outputs at their safe level. `BoardHardware` holds one.
public struct DevicePins: Sendable {
    @inline(__always) init() {
        Output(18).configure(high: false)
        Output(16).configure(high: false)
        Input(17).configure(pull: .up)
        Input(26).configure(pull: .up)
    }
}

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

    // The compiler asks these for each name and method that an application writes; no image holds them.
    @_optimize(none) @_effects(readnone) public static func has(_ name: LiteralText) -> Bool {
        if name == "led" { return true }
        if name == "display" { return true }
        if name == "lock" { return true }
        if name == "relay" { return true }
        if name == "button-a" { return true }
        if name == "button-b" { return true }
        if name == "thermometer" { return true }
        if name == "dimmer" { return true }
        return false
    }

    @_optimize(none) @_effects(readnone)
    public static func answers(_ name: LiteralText, _ word: LiteralText) -> Bool {
        if name == "led" { return LED<IconOnDisplay>.answers(word) }
        if name == "display" { return Display5x5<Screen>.answers(word) }
        if name == "lock" { return Lock<Output>.answers(word) }
        if name == "relay" { return Relay<Output>.answers(word) }
        if name == "button-a" { return Button<ActiveLowInput<Input>>.answers(word) }
        if name == "button-b" { return Button<ActiveLowInput<Input>>.answers(word) }
        if name == "thermometer" { return Thermometer<DieTemperature>.answers(word) }
        if name == "dimmer" { return Dimmer<WholeDisplay>.answers(word) }
        return false
    }
}
