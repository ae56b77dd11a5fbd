// The wiring of a board, from the rows of its board.json, and the clashes found in it before anything is built.
import Foundation
import FoundationXML
import Reporting
import Testing

@testable import BoardFacts
@testable import FirmwareBuild

private let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// A source tree of one board, made from one of ours by replacing text in its board.json, with the facts of its chip.
func tree(like board: String, _ changes: [(old: String, new: String)]) throws -> BoardCatalogue {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("ln-wiring-\(UUID().uuidString)")
    for folder in ["Boards/\(board)", "Firmware/MCU"] {
        try FileManager.default.createDirectory(at: root.appendingPathComponent(folder), withIntermediateDirectories: true)
    }
    let path = "Boards/\(board)/board.json"
    var text = try String(contentsOf: sourceRoot.appendingPathComponent(path), encoding: .utf8)
    for (old, new) in changes {
        try #require(text.contains(old), "board.json has no \(old)")
        text = text.replacingOccurrences(of: old, with: new)
    }
    try Data(text.utf8).write(to: root.appendingPathComponent(path))
    try FileManager.default.createSymbolicLink(
        at: root.appendingPathComponent("Firmware/Drivers"),
        withDestinationURL: sourceRoot.appendingPathComponent("Firmware/Drivers"))
    let catalogue = try BoardCatalogue(root: root)
    let mcus = try FileManager.default.contentsOfDirectory(atPath: sourceRoot.path + "/Firmware/MCU")
    for facts in mcus where facts.hasSuffix(".json") {
        try FileManager.default.copyItem(
            atPath: "\(sourceRoot.path)/Firmware/MCU/\(facts)", toPath: "\(root.path)/Firmware/MCU/\(facts)")
    }
    return catalogue
}

/// The place of the row in board.json that holds `text`, as messages name it.
private func place(of text: String, _ board: String, in catalogue: BoardCatalogue) throws -> String {
    let path = "Boards/\(board)/board.json"
    let lines = try String(contentsOf: catalogue.root.appendingPathComponent(path), encoding: .utf8).components(separatedBy: "\n")
    return "\(path):\(try #require(lines.firstIndex { $0.contains(text) }) + 1)"
}

/// What is said of `board` with these changes; empty when nothing is.
private func fault(_ board: String, _ changes: [(old: String, new: String)]) throws -> String {
    let catalogue = try tree(like: board, changes)
    do {
        try BoardWiring(try catalogue.board(board), in: catalogue).check()
        return ""
    } catch let error as Failure { return error.description }
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

    @Test("A device is at the pin of its row, the board's own wires at theirs")
    func microbit() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board("microbit"), in: catalogue)
        let lock = try #require(wiring.places.first { $0.users == ["lock"] })
        #expect(lock.label == "P0.18" && lock.number == 18 && lock.note == "edge connector P8")
        let column = try #require(wiring.places.first { $0.name == "column9" })
        #expect(column.label == "P0.12" && column.users.isEmpty)
        #expect(wiring.devices.first { $0.name == "button-a" }?.driver == "Button")
    }

    @Test("Buses, ports and timers are places too")
    func blackpill() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board("blackpill-f411"), in: catalogue)
        #expect(wiring.places.first { $0.users == ["dimmer"] }?.label == "PA6")
        #expect(wiring.places.first { $0.users == ["eeprom"] }?.label == "I2C1 0x50")
        #expect(wiring.places.first { $0.users == ["led"] }?.number == 0x2D)
    }

    @Test("An emulated button is a row's, with its pin and level")
    func buttons() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let buttons = try catalogue.board("microbit").emulatedButtons
        #expect(buttons.keys.sorted() == ["button-a", "button-b"])
        #expect(buttons["button-b"]?.pin == 26 && buttons["button-b"]?.pressedIsHigh == false)
        #expect(try catalogue.board("b-l475e-iot01a").emulatedButtons["button"]?.pin == 45)
        #expect(try catalogue.board("mps2-an386").emulatedButtons.isEmpty)
    }

    @Test("A pin that is given twice is refused before the build, with both names")
    func samePin() throws {
        let catalogue = try tree(like: "microbit", [(#""output": "P0.16""#, #""output": "P0.18""#)])
        let board = try catalogue.board("microbit")
        let error = #expect(throws: Failure.self) { try BoardWiring(board, in: catalogue).check() }
        let lock = try place(of: #""name": "lock""#, "microbit", in: catalogue)
        let relay = try place(of: #""name": "relay""#, "microbit", in: catalogue)
        #expect(error?.description.contains("P0.18 is taken twice, by lock (\(lock)) and by relay (\(relay))") == true)
        let early = #expect(throws: Failure.self) {
            try FirmwareBuilder(catalogue: catalogue).build(board: board, products: [])
        }
        #expect(early?.description == error?.description)
        let matrix = try place(of: #""matrix""#, "microbit", in: catalogue)
        #expect(
            try fault("microbit", [(#""output": "P0.16""#, #""output": "P0.4""#)]).contains(
                "P0.4 is taken twice, by column1 (\(matrix)) and by relay (\(relay))"))
    }

    /// The place of a device's row in our blackpill-f411's board.json.
    private func row(_ name: String) throws -> String {
        try place(of: "\"name\": \"\(name)\"", "blackpill-f411", in: try BoardCatalogue(root: sourceRoot))
    }

    @Test("Two parts at one I2C address are refused with both names")
    func sameAddress() throws {
        let text = try fault("blackpill-f411", [(#""address": "0x50""#, #""address": "0x48""#)])
        let first = try row("thermometer"), second = try row("eeprom")
        #expect(text.contains("I2C1 0x48 is taken twice, by thermometer (\(first)) and by eeprom (\(second))"))
    }

    @Test("PWM on a pin that no timer reaches, or that is another's, is refused before the build with the row")
    func timerPin() throws {
        let dimmer = try row("dimmer"), relay = try row("relay")
        func text(_ pin: String) throws -> String { try fault("blackpill-f411", [(#""pwm": "PA6""#, "\"pwm\": \"\(pin)\"")]) }
        #expect(
            try text("PA5").contains(
                "dimmer (PA5, \(dimmer)) wants PWM on PA5, which none reaches; those reached are PA6, PA7, PB0"))
        #expect(try text("PB1").contains("PB1 is taken twice, by relay (\(relay)) and by dimmer (\(dimmer))"))
    }

    @Test("Two devices on one channel of a timer are refused with both names and rows")
    func sameChannel() throws {
        let text = try fault(
            "blackpill-f411",
            [(#"{ "name": "sensor""#, "{ \"name\": \"vent\", \"driver\": \"Servo\", \"pwm\": \"PB4\" },\n{ \"name\": \"sensor\"")]
        )
        let dimmer = try row("dimmer"), vent = try row("sensor")
        #expect(text.contains("PWM TIM3, 1 is used by dimmer (PA6, \(dimmer)) and by vent (PB4, \(vent))"))
    }

    @Test("A pin that the chip itself needs is one that no device can have, and the chip's file is named")
    func chipWire() throws {
        let text = try fault("blackpill-f411", [(#""output": "PB0""#, #""output": "PA12""#)])
        #expect(text.contains("PA12 is taken twice, by usbPlus (Firmware/MCU/STM32F4.json) and by lock (Boards/"), "\(text)")
    }

    @Test(
        "What the chip's start or a bus needs and does not get is refused with the pins that it could have",
        arguments: [
            (#"{ "pin": "PA9", "name": "serialTransmit" }, "#, "", "asks for a wire \"serialTransmit\""),
            (#""pin": "PA9""#, #""pin": "PA8""#, "Give it PA9 or PB6"), (#""clock": "PB6", "#, "", "its \"clock\" on no pin"),
            (#""clock": "PB6""#, #""clock": "PB0""#, "Give it PB6 or PB8"),
            (#""name": "I2C1""#, #""name": "I2C9""#, "no bus \"I2C9\""),
        ])
    func needs(old: String, new: String, message: String) throws {
        let text = try fault("blackpill-f411", [(old, new)])
        #expect(text.contains(message), "\(text)")
    }

    @Test(
        "Of the reset by hand a board has one button, which is an input, and one light",
        arguments: [
            (
                #""pull": "up" }"#, #""pull": "up", "reset": "button" }"#,
                "\"reset\": \"button\" is also at Boards/microbit/board.json:"
            ),
            (#""output": "P0.18","#, #""output": "P0.18", "reset": "button","#, "\"lock\" is no button"),
            (#""pull": "up" }"#, #""pull": "up", "reset": "light" }"#, "\"button-b\" is no light"),
        ])
    func reset(old: String, new: String, message: String) throws {
        let text = try fault("microbit", [(old, new)])
        #expect(text.contains(message), "\(text)")
    }

    @Test("Where a register shows an output, and which are lights, follow from the rows and the chip")
    func lights() throws {
        let mps2 = try tree(like: "mps2-an386", [(#""output": "USERLED1""#, #""active": "low", "output": "USERLED1""#)])
        let board = try mps2.board("mps2-an386")
        #expect(board.outputs["relay"] == Board.OutputLevel(register: Word(0x4002_F004), direction: nil, bit: 1))
        let display = try #require(board.display)
        #expect(!display.isScanned && display.lights.map { $0.map(\.name) } == [["led", "led-1"]])
        #expect(display.lights[0][0].low.isEmpty && display.lights[0][1].high.isEmpty)
        #expect(display.registers == [Word(0x4002_8000)])
        let microbit = try #require(try tree(like: "microbit", []).board("microbit").display)
        #expect(microbit.isScanned && microbit.lights.map(\.count) == [5, 5, 5, 5, 5])
        // "2.4": row 2 is P0.14, column 4 is P0.7.
        #expect(microbit.lights[0][1].high.map(\.bit) == [14] && microbit.lights[0][1].low.map(\.bit) == [7])
        #expect(try tree(like: "b-l475e-iot01a", []).board("b-l475e-iot01a").display?.registers.count == 2)
    }

    @Test("A cell of a matrix that is on no row of it is refused")
    func badCell() throws {
        #expect(try fault("microbit", [("3.2\"", "4.2\"")]).contains("a cell of the matrix has no such row or column"))
    }

    @Test("A second PWM on a chip that has one is refused with both names, the first is not")
    func oneModulator() throws {
        let first = (#""with": ["WholeDisplay()"]"#, #""pwm": "P0.2""#)
        #expect(try fault("microbit", [first]).isEmpty)
        let second = (#""driver": "Relay", "output": "P0.16""#, #""driver": "Servo", "pwm": "P0.16""#)
        let text = try fault("microbit", [first, second])
        #expect(text.contains("the chip's one PWM is used by relay (P0.16, Boards/microbit/board.json:"))
        let none = try fault("b-l475e-iot01a", [(#""driver": "Relay", "output": "PA3""#, #""driver": "Servo", "pwm": "PA3""#)])
        #expect(none.contains("this chip's drivers have none"))
    }

    @Test(
        "A row that cannot be is refused, with the row and what is wrong in it",
        arguments: [
            (#""output": "P0.18""#, #""output": "P1.18""#, "lock is on \"P1.18\", which is no pin of it"),
            (#""output": "P0.18""#, #""output": "P0.018""#, "no pin of it"),
            (#""output": "P0.18""#, #""outptu": "P0.18""#, "a device has no \"outptu\""),
            (#""output": "P0.18""#, #""output": "P0.18", "input": "P0.1""#, "\"lock\" is connected in 2 ways"),
            (#""output": "P0.18", "#, "", "\"lock\" is connected in 0 ways"),
            (#""output": "P0.18""#, #""bus": "I2C", "address": "0x48""#, "a bus \"I2C\" that \"buses\" does not list"),
            (#""name": "lock""#, #""name": "Lock""#, "\"Lock\" is no name of a device"),
            (#""name": "lock""#, #""name": "lock\"); fatalError(""#, "is no name of a device"),
            (#""driver": "Lock""#, #""driver": "Lock<X>""#, "names no driver"),
            (#""name": "lock""#, #""name": "relay""#, "two devices are called relay"),
            (#"["DieTemperature()"]"#, #"["Part(Output(3))"]"#, "takes a pin in \"Part(Output(3))\""),
            (#"["DieTemperature()"]"#, #"["DieTemperature()", "heater: .init(3)"]"#, "takes a pin in \"heater: .init(3)\""),
            (#""output": "P0.18""#, #""output": "P0.40""#, "lock is on P0.40, which the chip does not have"),
            (#""pull": "up""#, #""pull": "sideways""#, "sideways"),
        ])
    func badRow(old: String, new: String, message: String) throws {
        let text = try fault("microbit", [(old, new)])
        #expect(text.contains(message), "\(text)")
    }

    @Test(
        "A label that counts beyond its pins is no other pin's, and what the chip only reads is no output",
        arguments: [
            // USERLED16 would be the number of MCC LED0, which is the lock's.
            (#""output": "MCC LED0""#, #""output": "USERLED16""#, "lock is on USERLED16, which the chip does not have"),
            (#""output": "USERLED1""#, #""output": "USERLED2""#, "led1 is on USERLED2, which the chip does not have"),
            (#""output": "MCC LED0""#, #""output": "USERPB1""#, "lock drives USERPB1, which the chip can only read"),
        ])
    func beyond(old: String, new: String, message: String) throws {
        let text = try fault("mps2-an386", [(old, new)])
        #expect(text.contains(message), "\(text)")
    }

    @Test(
        "A board's own Swift drives no pin that no row names, and none that nothing configures",
        arguments: [
            ("let pin = Output(3)", nil, "Boards/microbit/Beeper.swift:1: Output takes a pin that no row of board.json names"),
            ("let pin = Output(number)", nil, "takes a pin that no row of board.json names"),
            ("let pin = Output(Pin.lock.rawValue)", nil, "nothing makes Pin.lock an output"),
            ("let port = Peripheral(0x5000_0000)", nil, "a board's own Swift works on registers"),
            (
                "struct Beeper {\n    static func configure() { Output(Pin.beep.rawValue).configure(high: false) }\n}", nil,
                "Boards/microbit/Beeper.swift:2: nothing calls Beeper.configure()"
            ),
            (
                "struct Beeper {\n    static func configure() { Output(Pin.beep.rawValue).configure(high: false) }\n}",
                #"{ "name": "beep", "driver": "Relay", "with": ["Beeper()"], "configure": "Beeper.configure()" },"#, ""
            ), ("// Output(3) was the beeper's", nil, ""),
        ])
    func ownSwift(source: String, row: String?, message: String) throws {
        let catalogue = try tree(
            like: "microbit", [(#"{ "name": "led","#, (row ?? "") + #"{ "name": "led","#)])
        try Data(source.utf8).write(to: catalogue.root.appendingPathComponent("Boards/microbit/Beeper.swift"))
        var said = ""
        do { try BoardWiring(try catalogue.board("microbit"), in: catalogue).check() } catch { said = "\(error)" }
        #expect(message.isEmpty ? said.isEmpty : said.contains(message), "\(said)")
    }

    @Test("A seventeenth device is refused: an index is four bits in a node's records")
    func tooMany() throws {
        let more = (0..<9).map { #"{ "name": "extra-\#($0)", "driver": "LED", "with": ["NoPin()"] }, "# }.joined()
        let text = try fault("microbit", [(#"{ "name": "led","#, more + #"{ "name": "led","#)])
        #expect(text.contains("17 devices"))
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
