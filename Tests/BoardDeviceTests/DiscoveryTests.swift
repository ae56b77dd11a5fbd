// The B-L475E-IOT01A in QEMU: light, lock, button, seen and worked from outside. Skipped where QEMU is older than 9.1.

import BoardFacts
import Emulation
import Foundation
import Testing

/// Device indices of Boards/b-l475e-iot01a/board.json.
private let led: UInt8 = 0, lock: UInt8 = 2, button: UInt8 = 4, meter: UInt8 = 5

/// Why it cannot run here, nil when it can.
private let obstacle: String? = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    guard let board = try? BoardCatalogue(root: root).board("b-l475e-iot01a") else { return nil }
    return (try? QEMU.installed(for: board))?.obstacle(to: board)
}()

@Suite(
    "The Discovery kit's devices, seen from outside", .serialized, .enabled(if: obstacle == nil, "\(obstacle ?? "")"))
struct DiscoveryTests {
    @Test("led.on drives PB14 high, led.off low, and the changes are traced as pin 30")
    func light() throws {
        let probe = try Probe("b-l475e-iot01a")
        try probe.board.tracePins()
        #expect(try probe.board.readRegister(0x4800_0414) >> 14 & 1 == 0)
        #expect(try probe.ask(led, 0).status == 0)
        #expect(try probe.board.readRegister(0x4800_0414) >> 14 & 1 == 1)
        #expect(try probe.ask(led, 1).status == 0)
        #expect(try probe.board.readRegister(0x4800_0414) >> 14 & 1 == 0)
        let changes = try probe.board.pinChanges(timeout: 1).filter { $0.pin == 30 }
        #expect(changes == [PinChange(pin: 30, level: true), PinChange(pin: 30, level: false)])
    }

    @Test("the lock's pin rises, and falls again without anyone's help")
    func lockRelocks() throws {
        let probe = try Probe("b-l475e-iot01a")
        func isOpen() throws -> Bool { try probe.board.readRegister(0x4800_0C14) >> 14 & 1 == 1 }
        #expect(try !isOpen())
        #expect(try probe.ask(lock, 0, 300).status == 0)
        #expect(try isOpen())
        #expect(try probe.wait { try !isOpen() })
    }

    @Test("a press of the blue button is an event")
    func press() throws {
        let probe = try Probe("b-l475e-iot01a")
        try probe.board.release("button")
        usleep(100_000)
        _ = try probe.events()
        try probe.board.press("button")
        #expect(try probe.wait { try probe.events().contains([button, 0]) })
        try probe.board.release("button")
        #expect(try probe.wait { try probe.events().contains([button, 1]) })
    }

    @Test("every pulse at D9 is counted, those too that come while the main loop is busy for half a second")
    func pulses() throws {
        let probe = try Probe("b-l475e-iot01a")
        // EXTI's pending register: the edge of line 15 waits there until the interrupt has taken it.
        func pulse() throws {
            try probe.board.setInput(pin: 15, high: true)
            #expect(try probe.wait { try probe.board.readRegister(0x4001_0414) >> 15 & 1 == 0 })
            try probe.board.setInput(pin: 15, high: false)
        }
        try probe.board.setInput(pin: 15, high: false)
        let before = try probe.ask(meter).value
        for _ in 0..<5 { try pulse() }
        #expect(try probe.ask(meter).value == before + 5)

        // Deaf for half a second; it answers with the bytes that came meanwhile: one, sent when the pulses were over.
        try probe.send([0xFC, 0, 0, 0, 0, 0, 0])
        usleep(20_000)
        for _ in 0..<40 { try pulse() }
        try probe.send([meter])
        #expect(try probe.receive().value == 1, "the pulses did not all come while it was busy")
        #expect(try probe.ask(meter).value == before + 45)
    }
}
