// The words that the compiler accepts of a device are those of its driver's interface, as the node itself takes it apart.
import BoardFacts
import DeviceModel
import Drivers
import Foundation
import HAL
import Reporting
import SimulatedPins
import Testing

@testable import FirmwareBuild

private let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// The words of an interface: a method with its arguments' names, "open(for:)", and events.
private func words(_ interface: Interface) -> [String] {
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
    let description: String
    let declaration: Declaration
    init<D: Device>(_ driver: D.Type) {
        description = String("\(driver)".prefix { $0 != "<" })
        declaration = Declaration("x", driver)
    }
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

@Suite("Words of drivers")
struct DriverWordsTests {
    @Test("What the build reads in a driver's file is what the node says of itself", arguments: drivers)
    fileprivate func same(driver: Driver) throws {
        let own = words(driver.declaration.interface)
        #expect(!own.isEmpty)
        #expect(try DriverWords(of: driver.description, in: BoardCatalogue(root: sourceRoot)).words == own)
    }

    @Test("Every driver is looked at")
    func complete() throws {
        let folder = sourceRoot.appendingPathComponent("Firmware/Drivers")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { file in
            try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8).contains(": Device {")
        }
        #expect(files.map { String($0.dropLast(6)) }.sorted() == drivers.map(\.description).sorted())
    }

    @Test("A driver that is none, or that hides its interface, is refused with its file")
    func unread() throws {
        let catalogue = try tree(like: "microbit", [(#""driver": "Lock""#, #""driver": "Lokc""#)])
        let error = #expect(throws: Failure.self) { try DeviceSource(try catalogue.board("microbit"), in: catalogue) }
        #expect(error?.description.contains("Firmware/Drivers/Lokc.swift does not exist") == true)
        let pins = #expect(throws: Failure.self) { try DriverWords(of: "Pins", in: catalogue) }
        #expect(pins?.description.contains("Firmware/Drivers/Pins.swift does not state") == true)
    }

    @Test(
        "An interface with nothing in a part has no words of it",
        arguments: [("|x|", []), ("", []), ("a;b(c:1 0..1)|x|d", ["a", "b(c:)", "d"])])
    func parts(interface: String, words: [String]) { #expect(DriverWords(interface: interface).words == words) }
}
