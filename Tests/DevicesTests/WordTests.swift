// What a driver answers to is what its interface says: the compiler asks the one, a node sends the other.
import DeviceModel
import Drivers
import HAL
import SimulatedPins
import Testing

/// The words of an interface: a method with its arguments' names, "open(for:)", and events.
func words(_ interface: Interface) -> [String] {
    var words: [String] = []
    var index = 0
    while let method = interface.method(index) {
        var labels = ""
        var position = 0
        while let argument = method.argument(position) {
            labels += "\(argument.name):"
            position += 1
        }
        words.append("\(method.name)" + (labels.isEmpty ? "" : "(\(labels))"))
        index += 1
    }
    index = 0
    while let event = interface.event(index) {
        words.append("\(event)")
        index += 1
    }
    return words
}

private struct Driver: CustomStringConvertible, Sendable {
    let declaration: Declaration
    let answers: @Sendable (String) -> Bool
    init<D: Device>(_ driver: D.Type) {
        declaration = Declaration("x", driver)
        answers = { D.answers($0) }
    }
    var description: String { "\(declaration.interface.kind)" }
}

private struct Screen: Bitmap5x5, BitwiseCopyable {
    var shown: UInt32 = 0
    mutating func show(_ bitmap: UInt32) { shown = bitmap }
}
private struct Channel: PWMChannel, BitwiseCopyable {
    mutating func setDuty(_ duty: UInt16) {}
    mutating func setFrequency(hertz: UInt32) {}
}
private struct Voltage: AnalogInput, BitwiseCopyable {
    mutating func read() -> UInt16? { nil }
}
private struct Bus: I2CBus, BitwiseCopyable {
    mutating func transfer(_ address: UInt8, write written: RawSpan, read: inout MutableRawSpan) throws(I2CError) {}
}
private struct Edges: EdgeCounter, BitwiseCopyable {
    var count: UInt32 { 0 }
}

private let drivers = [
    Driver(LED<SimulatedOutput>.self), Driver(Lock<SimulatedOutput>.self), Driver(Relay<SimulatedOutput>.self),
    Driver(Button<SimulatedInput>.self), Driver(ContactSensor<SimulatedInput>.self), Driver(Dimmer<Channel>.self),
    Driver(RGBLED<Channel>.self), Driver(Buzzer<Channel>.self), Driver(Servo<Channel>.self), Driver(AnalogSensor<Voltage>.self),
    Driver(Thermometer<TMP105<Bus>>.self), Driver(EEPROM<Bus>.self), Driver(Display5x5<Screen>.self),
    Driver(PulseMeter<Edges>.self),
]

@Test("A driver answers to the words of its interface and to no other driver's", arguments: drivers)
private func answers(driver: Driver) {
    let own = words(driver.declaration.interface)
    #expect(!own.isEmpty)
    for word in Set(drivers.flatMap { words($0.declaration.interface) } + ["", "explode", "o", "onn"]) {
        #expect(driver.answers(word) == own.contains(word), "\(word)")
    }
}
