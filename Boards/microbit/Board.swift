// BBC micro:bit v1 (nRF51822): which pin is what, and which devices the node has.

import Devices
import HAL
import MCU
import Startup

/// As in the folder's name.
public let boardName: StaticString = "microbit"

/// The node's records: the last 16 KB of the code flash.
public typealias BoardFlash = CodeFlash

extension CodeFlash {
    /// The region that the linker script sets aside.
    public init() { self.init(address: UInt(startup_store_address()), pageCount: 16) }
}

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var entropy: RandomNumberGenerator
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason

    /// Starts them, outputs at their safe level. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        Pins.lock.configure(high: false)
        Pins.relay.configure(high: false)
        LEDMatrix.configure(firstRow: Pins.firstRow, firstColumn: Pins.firstColumn)
        Pins.buttonA.configure()
        Pins.buttonB.configure()
        clock = Timer0Clock()
        Output(Pins.transmit).configure(high: true)
        Input(Pins.receive).configure(pull: .up)
        serial = SerialUART(transmit: Pins.transmit, receive: Pins.receive)
        entropy = RandomNumberGenerator()
        watchdog = WatchdogTimer()
    }
}

/// Port 0 of the nRF51822 (micro:bit v1.5 schematic).
enum Pins {
    static let transmit: UInt32 = 24  // to the interface chip
    static let receive: UInt32 = 25
    static let buttonA = Input(17)  // pulled up on the board
    static let buttonB = Input(26)
    static let firstColumn: UInt32 = 4  // P0.04…12 sink the columns of the LED matrix
    static let firstRow: UInt32 = 13  // P0.13…15 feed its rows
    static let lock = Output(18)  // edge connector P8
    static let relay = Output(16)  // edge connector P16
}

/// The devices, in the order of their indices. The compiler says which line is missing when one is added.
enum Name: UInt8 {
    case led, display, lock, relay, buttonA, buttonB, thermometer
}

nonisolated(unsafe) private var led = LED(IconOnDisplay(heart))
nonisolated(unsafe) private var display = Display5x5(Screen())
nonisolated(unsafe) private var lock = Lock(Pins.lock)
nonisolated(unsafe) private var relay = Relay(Pins.relay)
nonisolated(unsafe) private var buttonA = Button(ActiveLowInput(Pins.buttonA))
nonisolated(unsafe) private var buttonB = Button(ActiveLowInput(Pins.buttonB))
nonisolated(unsafe) private var thermometer = Thermometer(DieTemperature())
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
