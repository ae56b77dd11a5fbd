// The story of Firmware/Apps/lamp: a button on the board, a lamp whose brightness is measured at the pins, and an owner far away.
import Emulation
import Foundation
import Testing

@Suite("The lamp", .serialized)
struct LampTests {
    private func press(_ stage: Stage, forMilliseconds span: Int) async throws {
        try stage.node.emulated.setInput(pin: 17, high: false)
        try await Task.sleep(for: .milliseconds(span))
        try stage.node.emulated.setInput(pin: 17, high: true)
        try await Task.sleep(for: .milliseconds(100))
    }

    /// The share of samples in which a row is fed, in percent: what an eye would see.
    private func brightness(_ stage: Stage) throws -> Int {
        let samples = 400
        let lit = try (0..<samples).count { _ in try stage.node.emulated.readRegister(0x5000_0504) & 7 << 13 != 0 }
        return lit * 100 / samples
    }

    @Test("A press switches it on and off, two make it bright, without any owner's help")
    func offline() async throws {
        let stage = try await Stage("lamp", on: "microbit")
        try stage.node.emulated.setInput(pin: 17, high: true)
        try await Task.sleep(for: .milliseconds(200))
        #expect(try !stage.isLit())
        try await press(stage, forMilliseconds: 200)
        #expect(try await stage.wait { try stage.isLit() })
        try await Task.sleep(for: .milliseconds(1000))
        try await press(stage, forMilliseconds: 200)
        #expect(try await stage.wait { try !stage.isLit() })
        try await stage.node.powerOff()
    }

    @Test("Holding dims it: the pins are fed for a share of the time, and its state says how bright it is")
    func dims() async throws {
        let stage = try await Stage("lamp", on: "microbit")
        try stage.node.emulated.setInput(pin: 17, high: true)
        try await stage.owner.`$`("dimmer").set(.int(100))
        let full = try brightness(stage)
        #expect(full > 80, "\(full) %")
        try await Task.sleep(for: .milliseconds(200))
        try stage.node.emulated.setInput(pin: 17, high: false)
        #expect(try await stage.wait { try await stage.owner.devices().first { $0.name == "dimmer" }?.state == .int(20) })
        try stage.node.emulated.setInput(pin: 17, high: true)
        #expect(try await stage.wait { try (1..<full / 2).contains(brightness(stage)) }, "a fifth to the eye is far less light")
        try await stage.owner.`$`("dimmer").off()
        #expect(try await stage.wait { try brightness(stage) == 0 })
        try await stage.node.powerOff()
    }
}
