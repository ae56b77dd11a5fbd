// The wiring of a board, read from its Board.swift, and the clashes found in it before anything is built.
import Foundation
import FoundationXML
import Reporting
import Testing

@testable import FirmwareBuild

private let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// A source tree of one board, made from one of ours by replacing text in its Board.swift, with its chip's PWM driver.
private func tree(like board: String, replacing old: String, by new: String) throws -> BoardCatalogue {
    try tree(like: board, [(old, new)])
}

private func tree(like board: String, _ changes: [(old: String, new: String)]) throws -> BoardCatalogue {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("ln-wiring-\(UUID().uuidString)")
    let folder = root.appendingPathComponent("Boards/\(board)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let original = sourceRoot.appendingPathComponent("Boards/\(board)")
    try FileManager.default.copyItem(
        at: original.appendingPathComponent("board.json"), to: folder.appendingPathComponent("board.json"))
    var source = try String(contentsOf: original.appendingPathComponent("Board.swift"), encoding: .utf8)
    for (old, new) in changes {
        try #require(source.contains(old))
        source = source.replacingOccurrences(of: old, with: new)
    }
    try Data(source.utf8).write(to: folder.appendingPathComponent("Board.swift"))
    let catalogue = try BoardCatalogue(root: root)
    let chip = "Firmware/MCU/\(try catalogue.board(board).mcu)"
    try FileManager.default.createDirectory(at: root.appendingPathComponent(chip), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
        at: sourceRoot.appendingPathComponent("\(chip)/PWM.swift"), to: root.appendingPathComponent("\(chip)/PWM.swift"))
    return catalogue
}

@Suite("Wiring of a board")
struct WiringTests {
    @Test("Every board's wiring is read and is free of clashes", arguments: try BoardCatalogue(root: sourceRoot).names)
    func everyBoard(name: String) throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board(name), in: catalogue)
        #expect(!wiring.devices.isEmpty && wiring.clashes.isEmpty)
        #expect(wiring.devices.contains { $0.name == "led" })
    }

    @Test("A device is found at the pin that its initialiser names")
    func microbit() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board("microbit"), in: catalogue)
        let lock = try #require(wiring.places.first { $0.users == ["lock"] })
        #expect(lock.label == "P0.18" && lock.note == "edge connector P8")
        let column = try #require(wiring.places.first { $0.name == "column9" })
        #expect(column.label == "P0.12" && column.users.isEmpty)
        #expect(wiring.devices.first { $0.name == "button-a" }?.driver == "Button")
    }

    @Test("A device that is assigned later, and one behind a timer's channel, are found as well")
    func blackpill() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board("blackpill-f411"), in: catalogue)
        #expect(wiring.places.first { $0.users == ["dimmer"] }?.label == "PA6")
        #expect(wiring.places.first { $0.users == ["eeprom"] }?.label == "I2C1 0x50")
        #expect(wiring.places.first { $0.users == ["led"] }?.label == "PC13")
    }

    @Test("A pin that is given twice is refused before the build, with both names and lines")
    func samePin() throws {
        let catalogue = try tree(like: "microbit", replacing: "case relay = 16", by: "case relay = 18")
        let board = try catalogue.board("microbit")
        let error = #expect(throws: Failure.self) { try BoardWiring(board, in: catalogue).check() }
        let text = try #require(error?.description)
        #expect(text.contains("P0.18 is taken twice, by lock (line") && text.contains("and by relay (line"))
        let early = #expect(throws: Failure.self) {
            try FirmwareBuilder(catalogue: catalogue).build(board: board, products: [])
        }
        #expect(early?.description == text)
    }

    @Test("A pin that two devices use is refused with both devices")
    func sharedPin() throws {
        let catalogue = try tree(like: "microbit", replacing: "Relay(Output(.relay))", by: "Relay(Output(.lock))")
        let wiring = try BoardWiring(try catalogue.board("microbit"), in: catalogue)
        #expect(wiring.clashes.count == 1 && wiring.clashes[0].contains("is used by lock and by relay"))
    }

    @Test("Two parts at one I2C address are refused with both names")
    func sameAddress() throws {
        let catalogue = try tree(like: "blackpill-f411", replacing: "case eeprom = 0x50", by: "case eeprom = 0x48")
        let wiring = try BoardWiring(try catalogue.board("blackpill-f411"), in: catalogue)
        #expect(wiring.clashes.count == 1 && wiring.clashes[0].contains("I2C1 0x48 is taken twice, by thermometer"))
    }

    @Test(
        "PWM on a pin that no timer reaches, or that is another's, is refused before the build",
        arguments: [
            ("pa5", "dimmer wants PWM on PA5, which no timer reaches; those reached are PA6, PA7, PB0"),
            ("pb1", "PB1 is used by relay (line 56) and by the PWM of dimmer"),
            ("pa7", "the PWM of dimmer is on PA7, which no case of Pin names"),
        ])
    func timerPin(pin: String, message: String) throws {
        let catalogue = try tree(like: "blackpill-f411", replacing: "TimerPin.pa6", by: "TimerPin.\(pin)")
        let board = try catalogue.board("blackpill-f411")
        let error = #expect(throws: Failure.self) {
            try FirmwareBuilder(catalogue: catalogue).build(board: board, products: [])
        }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("Two devices on one channel of a timer are refused with both names")
    func sameChannel() throws {
        let catalogue = try tree(
            like: "blackpill-f411",
            [
                ("case led = 0x2D", "case led = 0x2D\n    case vent = 0x14"),
                ("nonisolated(unsafe) private var sensor", "private var vent = Servo(Lamp(.pb4, clock: 1))\nprivate var sensor"),
                ("case .sensor: Decl", "case .vent: Declaration(\"vent\", Servo<Lamp>.self)\n        case .sensor: Decl"),
            ])
        let wiring = try BoardWiring(try catalogue.board("blackpill-f411"), in: catalogue)
        #expect(wiring.clashes == ["channel 1 of TIM3 is used by dimmer (PA6) and by vent (PB4)"])
    }

    @Test("A second PWM on a chip that has one is refused with both names, the first is not")
    func oneModulator() throws {
        let first = ("Dimmer(WholeDisplay())", "Dimmer(PWM(pin: 2))")
        let one = try tree(like: "microbit", [first])
        #expect(try BoardWiring(try one.board("microbit"), in: one).clashes.isEmpty)
        let two = try tree(like: "microbit", [first, ("Relay(Output(.relay))", "Servo(PWM(pin: Pin.relay.rawValue))")])
        let clashes = try BoardWiring(try two.board("microbit"), in: two).clashes
        #expect(clashes == ["the chip's one PWM is used by relay and by dimmer"])
    }

    @Test("A Board.swift that does not parse is reported with its line")
    func syntaxError() throws {
        let catalogue = try tree(like: "microbit", replacing: "enum Pin: UInt32 {", by: "enum Pin: UInt32 (")
        let board = try catalogue.board("microbit")
        let error = #expect(throws: Failure.self) { try BoardWiring(board, in: catalogue) }
        #expect(error?.description.contains("Board.swift:") == true)
    }

    @Test("The drawing shows every place, and its SVG is well-formed XML")
    func drawing() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board("microbit"), in: catalogue)
        let drawing = WiringDrawing(wiring)
        for place in wiring.places {
            #expect(drawing.text.contains("│ \(place.label)") && drawing.svg.contains(">\(place.label)<"))
        }
        #expect(drawing.text.contains("$('lock')  Lock"))
        #expect(XMLParser(data: Data(drawing.svg.utf8)).parse())
    }
}
