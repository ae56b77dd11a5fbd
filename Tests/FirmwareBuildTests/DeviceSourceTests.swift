// The Swift that a board's rows give. That a name or method that the board has not is an error at its line, Tools/test-skeletons shows.
import BoardFacts
import Foundation
import Reporting
import Testing

@testable import FirmwareBuild

private let sourceRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

@Suite("Swift of a board's devices")
struct DeviceSourceTests {
    private func source(_ board: String, _ changes: [(old: String, new: String)] = []) throws -> DeviceSource {
        let catalogue = try tree(like: board, changes)
        return try DeviceSource(try catalogue.board(board), in: catalogue)
    }

    @Test("What is committed is what the rows give", arguments: try BoardCatalogue(root: sourceRoot).names)
    func current(name: String) throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        #expect(try DeviceSource(try catalogue.board(name), in: catalogue).isCurrent(in: catalogue))
    }

    @Test("One row gives a device its storage, index, declaration, dispatch, names and configured pin")
    func oneRow() throws {
        let row = #"{ "name": "porch-light", "driver": "LED", "output": "P0.1", "active": "low", "freshness": 9 },"#
        let text = try source("microbit", [(#"{ "name": "led","#, row + #"{ "name": "led","#)]).text
        for line in [
            "    case porchLight = 1  // P0.1",
            "private var porchLight: LED<ActiveLow<Output>> = LED(ActiveLow(Output(1)))",
            "        Output(1).configure(high: true)",
            "        case 0: Declaration(\"porch-light\", LED<ActiveLow<Output>>.self, freshness: 9)",
            "        case 0: request.reach(&porchLight)",
            "        if name.isSame(\"porch-light\") { return 0 }",
            "        if name == \"porch-light\" { return word == \"\" || word == \"on\" || word == \"off\" || word == \"toggle\" }",
            "        case 1: Declaration(\"led\", LED<IconOnDisplay>.self)",
        ] {
            #expect(text.split(separator: "\n").contains { $0.hasSuffix(line) }, "no line \(line)")
        }
    }

    @Test(
        "Every pin of a device is configured, whatever way it is connected", arguments: try BoardCatalogue(root: sourceRoot).names
    )
    func configured(name: String) throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let board = try catalogue.board(name)
        let text = try DeviceSource(board, in: catalogue).text
        for pin in (board.devices ?? []).filter({ $0.pwm == nil }).flatMap(\.pins) {
            let number = try #require(board.place(of: pin))
            let ways = ["Output(\(number)).configure(", "Input(\(number)).configure(", "configureAnalog(place: \(number),"]
            #expect(ways.contains { text.contains($0) }, "\(pin) is not configured")
        }
    }

    @Test("A modulator is started once the clocks run, a bus once for all that are on it")
    func started() throws {
        let text = try source("blackpill-f411").text
        #expect(text.contains("        dimmer = Dimmer(startPWM(TimerPin(Base.tim3, 1), place: 6, clocks))\n"))
        #expect(text.components(separatedBy: "let startedI2C1 = startI2C1(clock: 22, data: 23, clocks)\n").count == 2)
        #expect(text.contains("        eeprom = EEPROM(startedI2C1, address: 0x50)\n"))
    }

    @Test("What the chip's start asks of the board is what board.json says of name, memory, crystal and wires")
    func facts() throws {
        let text = try source("blackpill-f411").text
        for line in [
            "StaticString { \"blackpill-f411\" }", "vectors: UInt32 { 0x8020000 }", "crystalHertz: UInt32 { 25000000 }",
            "serialTransmit: UInt32 { 9 }", "usbPlus: UInt32 { 12 }",
            "boardFlash() -> ChipFlash { chipFlash(address: 0x8004000, bytes: 0x1C000) }",
        ] {
            #expect(text.split(separator: "\n").contains { $0.hasSuffix(line) }, "no line \(line)")
        }
    }

    @Test("The reset by hand has the pin and polarity of its rows, or the part that shows it")
    func reset() throws {
        let blackpill = try source("blackpill-f411").text
        #expect(blackpill.contains("isResetButtonDown: Bool { @export(interface) get { ActiveLowInput(Input(0)).isHigh } }"))
        #expect(blackpill.contains("        var light = ActiveLow(Output(45))\n        light.showReset(in: seconds)\n"))
        #expect(try source("microbit").text.contains("        var light = Screen()\n"))
        #expect(try !source("b-l475e-iot01a").text.contains("eset"))
    }

    @Test("A device may bear a word of Swift")
    func reservedWord() throws {
        let text = try source("microbit", [(#""name": "relay""#, #""name": "switch""#)]).text
        #expect(text.contains("private var `switch`: Relay<Output>") && text.contains("request.reach(&`switch`)"))
    }

    @Test("A file that differs from the rows is stale, and is written anew")
    func stale() throws {
        let catalogue = try tree(like: "microbit", [])
        let source = try DeviceSource(try catalogue.board("microbit"), in: catalogue)
        #expect(!source.isCurrent(in: catalogue))
        try source.write(into: catalogue)
        #expect(source.isCurrent(in: catalogue))
        try Data((source.text + "//").utf8).write(to: catalogue.root.appendingPathComponent(source.path))
        #expect(!source.isCurrent(in: catalogue))
    }

    @Test("What the compiler refuses is explained with the devices that there are")
    func advice() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let wiring = try BoardWiring(try catalogue.board("microbit"), in: catalogue)
        func advice(_ line: String) -> String { FirmwareBuilder.remedy([line], wiring).prose }
        #expect(advice("ld.lld: error: undefined symbol: posix_memalign").contains("no heap"))
        #expect(advice("main.swift:7:15: error: this board has no device of that name").contains("lock (Lock), relay (Relay)"))
        #expect(advice("main.swift:7:15: error: this device has no method on()").contains("button-a (Button)"))
        #expect(advice("main.swift:7:15: error: #assert condition not constant").contains("literal"))
        #expect(advice("ld.lld: error: undefined symbol: uart_write").contains("Correct what the compiler names"))
    }

    @Test("An image whose linker script has another memory map than board.json is no image of the board")
    func map() throws {
        let board = try BoardCatalogue(root: sourceRoot).board("microbit")
        var symbols: [String: UInt64] = ["__image_start": 0, "__store_start": 0x3_C000, "__store_size": 0x4000]
        try FirmwareBuilder.checkMap(board) { symbols[$0] }
        symbols["__store_size"] = 0x8000
        let error = #expect(throws: Failure.self) { try FirmwareBuilder.checkMap(board) { symbols[$0] } }
        #expect(error?.description.contains("says store.size 0x4000, and the linker script 0x8000") == true)
    }
}
