// The devices that a node of a test can have: real drivers on simulated pins, and a gauge that can be broken.

import DeviceModel
import Drivers
import HAL
import SimulatedPins

/// A device of a test; its name is the case's.
public enum TestDevice: Sendable { case led, lock, dimmer, button, gauge, meter }

/// Which devices a node has, in the order of their indices.
public protocol TestFitting {
    static var devices: [TestDevice] { get }
}

/// A device table with those that `Fitting` names.
public struct TestDevices<Fitting: TestFitting>: DeviceTable {
    public static var keepsCounts: Bool { Fitting.devices.contains(.meter) }
    public var events = EventQueue()
    var led: LED<SimulatedOutput>
    var lock: Lock<SimulatedOutput>
    var dimmer: Dimmer<TestPWM>
    var button: Button<SimulatedInput>
    var gauge: TestGauge
    var meter: PulseMeter<TestPulses>

    public init(_ world: TestWorld) {
        led = LED(SimulatedOutput(world.waveform, "led"))
        lock = Lock(SimulatedOutput(world.waveform, "lock"))
        dimmer = Dimmer(TestPWM(world, "dimmer"))
        button = Button(world.button)
        gauge = TestGauge(world)
        meter = PulseMeter(TestPulses(world: .passUnretained(world)))
    }

    private static func device(_ index: UInt8) -> TestDevice? {
        let devices = Fitting.devices
        return index < devices.count ? devices[Int(index)] : nil
    }

    public static func declaration(_ index: UInt8) -> Declaration? {
        switch device(index) {
        case .led: Declaration("led", LED<SimulatedOutput>.self)
        case .lock: Declaration("lock", Lock<SimulatedOutput>.self)
        case .dimmer: Declaration("dimmer", Dimmer<TestPWM>.self)
        case .button: Declaration("button", Button<SimulatedInput>.self)
        case .gauge: Declaration("gauge", TestGauge.self)
        case .meter: Declaration("meter", PulseMeter<TestPulses>.self)
        case nil: nil
        }
    }

    public mutating func reach(_ index: UInt8, _ request: inout DeviceRequest) {
        switch Self.device(index) {
        case .led: request.reach(&led)
        case .lock: request.reach(&lock)
        case .dimmer: request.reach(&dimmer)
        case .button: request.reach(&button)
        case .gauge: request.reach(&gauge)
        case .meter: request.reach(&meter)
        case nil: break
        }
    }
}

/// A thing with a level, which returns it, and with a method that always fails.
struct TestGauge: Device {
    static var interface: StaticString { "set(level:% 0..100):%;fail|gauge:%|" }
    private let world: TestWorld
    private let signal: Int

    init(_ world: TestWorld) {
        self.world = world
        signal = world.waveform.signal("gauge", width: 32)
    }

    var state: Value { .integer(Int32(bitPattern: world.waveform.value(signal))) }
    mutating func enterSafeState() { world.waveform.set(signal, 0) }
    mutating func invoke(_ method: UInt8, _ arguments: borrowing Arguments) throws(DeviceFault) -> Value {
        if method == 1 || world.isGaugeBroken { throw .notResponding }
        world.waveform.set(signal, UInt32(bitPattern: arguments[0]))
        return state
    }
}

/// A channel of the world's waveform. Drivers hold channels and counters as plain bits, so that the world is kept alive by its owner alone, and
/// gone with it: suites make many.
struct TestPWM: PWMChannel, BitwiseCopyable {
    private let world: Unmanaged<TestWorld>
    private let duty, hertz: Int

    init(_ world: TestWorld, _ name: String) {
        self.world = .passUnretained(world)
        duty = world.waveform.signal(name + ".duty", width: 16)
        hertz = world.waveform.signal(name + ".hertz", width: 32)
    }

    func setDuty(_ value: UInt16) { world._withUnsafeGuaranteedRef { $0.waveform.set(duty, UInt32(value)) } }
    func setFrequency(hertz value: UInt32) { world._withUnsafeGuaranteedRef { $0.waveform.set(hertz, value) } }
}

/// A meter's pulses.
struct TestPulses: EdgeCounter, BitwiseCopyable {
    let world: Unmanaged<TestWorld>
    var count: UInt32 { world._withUnsafeGuaranteedRef { $0.pulses } }
}
