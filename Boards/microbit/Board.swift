// BBC micro:bit v1 (nRF51822): which pin is what, and which devices the node has.

@_exported import DeviceModel
@_exported import Drivers
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

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        Output(.lock).configure(high: false)
        Output(.relay).configure(high: false)
        LEDMatrix.configure(firstRow: Pin.row1.rawValue, firstColumn: Pin.column1.rawValue)
        Input(.buttonA).configure(pull: .up)
        Input(.buttonB).configure(pull: .up)
        clock = Timer0Clock()
        Output(.serialTransmit).configure(high: true)
        Input(.serialReceive).configure(pull: .up)
        usb = BoardUSB()
        serial = SerialUART(transmit: Pin.serialTransmit.rawValue, receive: Pin.serialReceive.rawValue)
        entropy = RandomNumberGenerator()
        watchdog = WatchdogTimer()
    }
}

/// Who uses which pin of port 0 (micro:bit v1.5 schematic). A pin may be used once: the compiler names both users when it is not.
enum Pin: UInt32 {
    case serialTransmit = 24  // to the interface chip
    case serialReceive = 25
    case buttonA = 17  // pulled up on the board
    case buttonB = 26
    case lock = 18  // edge connector P8
    case relay = 16  // edge connector P16
    // The LED matrix: nine columns that sink, three rows that feed.
    case column1 = 4, column2, column3, column4, column5, column6, column7, column8, column9
    case row1 = 13, row2, row3
}

extension Output {
    @inline(__always) init(_ pin: Pin) { self.init(pin.rawValue) }
}

extension Input {
    @inline(__always) init(_ pin: Pin) { self.init(pin.rawValue) }
}

/// The devices, in the order of their indices. The compiler says which line is missing when one is added.
enum Name: UInt8 {
    case led, display, lock, relay, buttonA, buttonB, thermometer, dimmer
}

nonisolated(unsafe) private var led = LED(IconOnDisplay(heart))
nonisolated(unsafe) private var display = Display5x5(Screen())
nonisolated(unsafe) private var lock = Lock(Output(.lock))
nonisolated(unsafe) private var relay = Relay(Output(.relay))
nonisolated(unsafe) private var buttonA = Button(ActiveLowInput(Input(.buttonA)))
nonisolated(unsafe) private var buttonB = Button(ActiveLowInput(Input(.buttonB)))
nonisolated(unsafe) private var thermometer = Thermometer(DieTemperature())
nonisolated(unsafe) private var dimmer = Dimmer(WholeDisplay())
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch Name(rawValue: index) {
        case .led: Declaration("led", LED<IconOnDisplay>.self)
        case .display: Declaration("display", Display5x5<Screen>.self)
        case .lock: Declaration("lock", Lock<Output>.self)
        case .relay: Declaration("relay", Relay<Output>.self)
        case .buttonA: Declaration("button-a", Button<ActiveLowInput<Input>>.self)
        case .buttonB: Declaration("button-b", Button<ActiveLowInput<Input>>.self)
        case .thermometer: Declaration("thermometer", Thermometer<DieTemperature>.self)
        case .dimmer: Declaration("dimmer", Dimmer<WholeDisplay>.self)
        case nil: nil
        }
    }

    // Only in this module: a client would get its own copy of every driver it names.
    @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch Name(rawValue: index) {
        case .led: request.reach(&led)
        case .display: request.reach(&display)
        case .lock: request.reach(&lock)
        case .relay: request.reach(&relay)
        case .buttonA: request.reach(&buttonA)
        case .buttonB: request.reach(&buttonB)
        case .thermometer: request.reach(&thermometer)
        case .dimmer: request.reach(&dimmer)
        case nil: break
        }
    }

    public var events: EventQueue {
        @export(interface) get { waiting }
        @export(interface) _modify { yield &waiting }
    }
}

/// A device by the name that owners use: `` `$`("led").on() ``.
@export(implementation) @inline(__always) public func `$`(_ name: StaticString) -> DeviceHandle<BoardDevices> {
    DeviceHandle(name)
}
