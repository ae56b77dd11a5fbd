// The microbit in QEMU: display, lock, buttons.

import Emulation
import Foundation
import Testing

/// Device indices of Boards/microbit/board.json.
private let led: UInt8 = 0, display: UInt8 = 1, lock: UInt8 = 2, buttonA: UInt8 = 4, thermometer: UInt8 = 6

private func bits(_ picture: [String]) -> Int32 {
    var dots: Int32 = 0
    for (y, line) in picture.enumerated() { for (x, dot) in line.enumerated() where dot == "#" { dots |= 1 << Int32(y * 5 + x) } }
    return dots
}

private func picture(_ board: EmulatedBoard) throws -> [String] {
    try board.display(samples: 200).lights.map { line in String(line.map { $0 ? "#" : "." }) }
}

@Suite("The microbit's devices, seen from outside", .serialized)
struct MicrobitTests {
    @Test("led.on is a heart on the display, led.off leaves it dark and all rows low")
    func heart() throws {
        let probe = try Probe("microbit")
        #expect(try picture(probe.board) == Array(repeating: ".....", count: 5))
        #expect(try probe.ask(led, 0).status == 0)
        #expect(try picture(probe.board) == [".#.#.", "#####", "#####", ".###.", "..#.."])
        #expect(try probe.ask(led, 1).status == 0)
        #expect(try probe.board.readRegister(0x5000_0504) & 7 << 13 == 0)
        #expect(try picture(probe.board) == Array(repeating: ".....", count: 5))
    }

    @Test("An application's line reaches the same driver")
    func dollar() throws {
        let probe = try Probe("microbit")
        try probe.ask(0xFD)
        #expect(try probe.board.display(samples: 200).litCount == 16)
        try probe.ask(0xFD)
        #expect(try !probe.board.display(samples: 200).isLit)
    }

    @Test("Each of the 25 dots is where it belongs", arguments: 0..<25)
    func dots(index: Int) throws {
        let probe = Shared.probe
        #expect(try probe.ask(display, 1, 1 << Int32(index)).status == 0)
        let lights = try probe.board.display(samples: 200).lights.joined()
        #expect(lights.enumerated().filter { $0.element }.map { $0.offset } == [index])
    }

    private enum Shared {
        nonisolated(unsafe) static let probe = try! Probe("microbit")
    }

    @Test("The lock's pin rises, and falls again without anyone's help")
    func lockRelocks() throws {
        let probe = try Probe("microbit")
        func isOpen() throws -> Bool { try probe.board.readRegister(0x5000_0504) & 1 << 18 != 0 }
        #expect(try probe.board.readRegister(0x5000_0514) & 1 << 18 != 0, "the pin is an output")
        #expect(try !isOpen())
        #expect(try probe.ask(lock, 0, 300).status == 0)
        #expect(try isOpen())
        #expect(try probe.wait { try !isOpen() })
        #expect(try probe.events().contains([lock, 0]))
        #expect(try probe.ask(lock, 0, 99).status == 1)
        #expect(try !isOpen())
    }

    @Test("A press of button A is an event, its bounces are not")
    func button() throws {
        let probe = try Probe("microbit")
        try probe.board.setInput(pin: 17, high: true)
        usleep(100_000)
        _ = try probe.events()
        for isHigh in [false, true, false, true, false] { try probe.board.setInput(pin: 17, high: isHigh) }
        #expect(try probe.wait { try probe.events().contains([buttonA, 0]) })
        try probe.board.setInput(pin: 17, high: true)
        #expect(try probe.wait { try probe.events() == [[buttonA, 1]] })
    }

    @Test("A chip whose thermometer does not answer says so")
    func noThermometer() throws {
        let probe = try Probe("microbit")
        #expect(try probe.ask(thermometer, 0) == Probe.Answer(status: 1, kind: 1, value: 0))
    }
}
