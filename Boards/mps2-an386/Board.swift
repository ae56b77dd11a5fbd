// Arm MPS2 with the AN386 image (Cortex-M4): which pin is what, and which devices the node has.

@_exported import DeviceModel
@_exported import Drivers
import HAL
import MCU

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: Timer0Clock
    public var serial: SerialUART
    public var usb: BoardUSB
    public var entropy: CycleCounterMix
    public var watchdog: WatchdogTimer
    public let resetReason: ResetReason

    /// Starts them; every output is a latch that resets to low. Call once, first of all.
    public init() {
        resetReason = takeResetReason()
        clock = Timer0Clock()
        serial = SerialUART()
        usb = BoardUSB(board: boardName)
        entropy = CycleCounterMix()
        watchdog = WatchdogTimer()
    }
}

/// Who uses which of the board's lights and buttons. One may be used once: the compiler names both users when it is not.
enum UserLED: UInt32 {
    case led = 0
    case led1 = 1
}

enum MCCLED: UInt32 {
    case lock = 0
    case relay = 1
}

enum UserButton: UInt32 {
    case button = 0
    case button1 = 1
}

/// Addresses on shield connector 1. The parts are optional: a missing one is a fault of its device.
enum ShieldPart: UInt8 {
    case thermometer = 0x48
    case eeprom = 0x50
}

typealias I2C = BitBangI2C<ShieldI2C>
private let shieldI2C = I2C(ShieldI2C(shield: 1))

/// The devices, in the order of their indices. The compiler says which line is missing when one is added.
enum Name: UInt8 {
    case led, led1, lock, relay, button, button1, thermometer, eeprom
}

nonisolated(unsafe) private var led = LED(Output.userLED(UserLED.led.rawValue))
nonisolated(unsafe) private var led1 = LED(Output.userLED(UserLED.led1.rawValue))
nonisolated(unsafe) private var lock = Lock(Output.mccLED(MCCLED.lock.rawValue))
nonisolated(unsafe) private var relay = Relay(Output.mccLED(MCCLED.relay.rawValue))
nonisolated(unsafe) private var button = Button(Input.userButton(UserButton.button.rawValue))
nonisolated(unsafe) private var button1 = Button(Input.userButton(UserButton.button1.rawValue))
nonisolated(unsafe) private var thermometer = Thermometer(TMP105(shieldI2C, address: ShieldPart.thermometer.rawValue))
nonisolated(unsafe) private var eeprom = EEPROM(shieldI2C, address: ShieldPart.eeprom.rawValue, size: 4096)
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch Name(rawValue: index) {
        case .led: Declaration("led", LED<Output>.self)
        case .led1: Declaration("led-1", LED<Output>.self)
        case .lock: Declaration("lock", Lock<Output>.self)
        case .relay: Declaration("relay", Relay<Output>.self)
        case .button: Declaration("button", Button<Input>.self)
        case .button1: Declaration("button-1", Button<Input>.self)
        case .thermometer: Declaration("thermometer", Thermometer<TMP105<I2C>>.self)
        case .eeprom: Declaration("eeprom", EEPROM<I2C>.self)
        case nil: nil
        }
    }

    // Only in this module: a client would get its own copy of every driver it names.
    @export(interface) public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch Name(rawValue: index) {
        case .led: request.reach(&led)
        case .led1: request.reach(&led1)
        case .lock: request.reach(&lock)
        case .relay: request.reach(&relay)
        case .button: request.reach(&button)
        case .button1: request.reach(&button1)
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
@export(implementation) @inline(__always) public func `$`(_ name: StaticString) -> DeviceHandle<BoardDevices> {
    DeviceHandle(name)
}
