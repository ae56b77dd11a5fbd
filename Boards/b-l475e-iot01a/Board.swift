// ST B-L475E-IOT01A (STM32L475VG): which pin is what, and which devices the node has (user manual UM2153, 7 and appendix A).

@_exported import DeviceModel
@_exported import Drivers
import HAL
import MCU
import Startup

/// The chip's peripherals as this board uses them.
public struct BoardHardware {
    public var clock: SystemTimer
    public var serial: SerialUART
    public var usb: BoardUSB
    public var entropy: CycleCounterMix<Peripheral>
    public var watchdog: WatchdogTimer<Peripheral>
    public let resetReason: ResetReason

    /// Starts them; every output is at its safe level. Call once, first of all.
    public init() {
        useVectors(at: 0x0800_0000)
        let clocks = startClocks()
        resetReason = takeResetReason()
        Pin.led.output.configure(high: false)
        Pin.led1.output.configure(high: false)
        Pin.lock.output.configure(high: false)
        Pin.relay.output.configure(high: false)
        Pin.button.input.configure()
        Pin.meter.input.configure()
        pulses.configure(pin: 15, port: 0, edge: .rising)
        clock = SystemTimer(clock: clocks.system)
        serial = SerialUART(clock: clocks.system)
        usb = BoardUSB()
        entropy = CycleCounterMix(Peripheral(Base.sysTick))
        watchdog = WatchdogTimer(Peripheral(Base.watchdog))
    }
}

/// Who uses which pin: 16 times the port's number (A is 0) and the pin's. One may be used once: the compiler names both users when it is not.
public enum Pin: UInt8 {
    case led = 0x1E  // PB14: LD2, green
    case led1 = 0x05  // PA5: LD1, green, also D13
    case lock = 0x3E  // PD14: D2
    case relay = 0x03  // PA3: D4
    case meter = 0x0F  // PA15: D9
    case button = 0x2D  // PC13: B1, blue; low while pressed

    var output: Output { Output(port(UInt(rawValue >> 4)), UInt32(rawValue & 15)) }
    public var input: Input { Input(port(UInt(rawValue >> 4)), UInt32(rawValue & 15)) }
}

/// The devices, in the order of their indices. The compiler says which line is missing when one is added.
enum Name: UInt8 {
    case led, led1, lock, relay, button, meter
}

nonisolated(unsafe) private var led = LED(Pin.led.output)
nonisolated(unsafe) private var led1 = LED(Pin.led1.output)
nonisolated(unsafe) private var lock = Lock(Pin.lock.output)
nonisolated(unsafe) private var relay = Relay(Pin.relay.output)
nonisolated(unsafe) private var button = Button(ActiveLowInput(Pin.button.input))
private let pulses = PinCounter()
nonisolated(unsafe) private var meter = PulseMeter(pulses)
nonisolated(unsafe) private var waiting = EventQueue()

public struct BoardDevices: StaticDeviceTable {
    @inline(__always) public init() {}
    @inline(__always) public static var keepsCounts: Bool { true }

    @inline(__always) public static func declaration(_ index: UInt8) -> Declaration? {
        switch Name(rawValue: index) {
        case .led: Declaration("led", LED<Output>.self)
        case .led1: Declaration("led-1", LED<Output>.self)
        case .lock: Declaration("lock", Lock<Output>.self)
        case .relay: Declaration("relay", Relay<Output>.self)
        case .button: Declaration("button", Button<ActiveLowInput<Input>>.self)
        case .meter: Declaration("meter", PulseMeter<PinCounter>.self)
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
        case .meter: request.reach(&meter)
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
