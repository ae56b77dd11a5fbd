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
    @inline(__always) public static var name: StaticString { "b-l475e-iot01a" }
    @inline(__always) public static var vectors: UInt32 { 0x8000000 }
    @inline(__always) public static var serialTransmit: UInt32 { 22 }
    @inline(__always) public static var serialReceive: UInt32 { 23 }
    @inline(__always) public static func configurePins() {
        Output(30).configure(high: false)
        Output(5).configure(high: false)
        Output(62).configure(high: false)
        Output(3).configure(high: false)
        Input(45).configure()
        Input(15).configure()
        PinCounter().configure(place: 15, edge: .rising)
    }
}

/// The store's pages.
@inline(__always) public func boardFlash() -> ChipFlash { chipFlash(address: 0x8070000, bytes: 0x10000) }

/// Who uses which pin.
enum Pin: UInt32 {
    case serialTransmit = 22  // PB6: to the debug probe
    case serialReceive = 23  // PB7
    case led = 30  // PB14: LD2, green
    case led1 = 5  // PA5: LD1, green, also D13
    case lock = 62  // PD14: D2
    case relay = 3  // PA3: D4
    case button = 45  // PC13: B1, blue; low while pressed
    case meter = 15  // PA15: D9
}

nonisolated(unsafe) private var led: LED<Output> = LED(Output(30))
nonisolated(unsafe) private var led1: LED<Output> = LED(Output(5))
nonisolated(unsafe) private var lock: Lock<Output> = Lock(Output(62))
nonisolated(unsafe) private var relay: Relay<Output> = Relay(Output(3))
nonisolated(unsafe) private var button: Button<ActiveLowInput<Input>> = Button(ActiveLowInput(Input(45)))
nonisolated(unsafe) private var meter: PulseMeter<PinCounter> = PulseMeter(PinCounter())
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}
    @inline(__always) public static var keepsCounts: Bool {
        LED<Output>.keepsCount || Lock<Output>.keepsCount || Relay<Output>.keepsCount || Button<ActiveLowInput<Input>>.keepsCount || PulseMeter<PinCounter>.keepsCount
    }

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch index {
        case 0: Declaration("led", LED<Output>.self)
        case 1: Declaration("led-1", LED<Output>.self)
        case 2: Declaration("lock", Lock<Output>.self)
        case 3: Declaration("relay", Relay<Output>.self)
        case 4: Declaration("button", Button<ActiveLowInput<Input>>.self)
        case 5: Declaration("meter", PulseMeter<PinCounter>.self)
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
        case 5: request.reach(&meter)
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
        if name.isSame("meter") { return 5 }
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
        if name == "meter" { return word == "" || word == "read" }
        return false
    }
}
