// The story of Firmware/Apps/thermostat: QEMU's own TMP105 measures a room whose temperature the test sets.
import Emulation
import Foundation
import Testing

@Suite("The thermostat", .serialized)
struct ThermostatTests {
    private func stage() async throws -> Stage {
        // Virtual time runs free while the node waits, so ten minutes pass in seconds.
        try await Stage(
            "thermostat", on: "mps2-an386", clock: .instructions(shift: 6), parts: ["-device", "tmp105,address=0x48,id=room"])
    }

    private func set(_ stage: Stage, millidegrees: Int) throws {
        try stage.node.emulated.execute(
            "qom-set", ["path": "/machine/peripheral/room", "property": "temperature", "value": millidegrees])
    }

    @Test("Heat that nobody asks for again ends by itself")
    func controllerDies() async throws {
        let stage = try await stage()
        try set(stage, millidegrees: 18_000)
        try await stage.owner.`$`("relay").on()
        #expect(try stage.isHigh("relay"))
        #expect(try await stage.wait(240) { try !stage.isHigh("relay") }, "the controller fell silent")
        try await stage.node.powerOff()
    }

    @Test("A frozen room is heated although no controller is there, and a hot one is not, whatever the controller says")
    func guardsTheRoom() async throws {
        let stage = try await stage()
        try set(stage, millidegrees: 3000)
        #expect(try await stage.wait(240) { try stage.isHigh("relay") }, "frost")
        try set(stage, millidegrees: 30_000)
        #expect(try await stage.wait(240) { try !stage.isHigh("relay") }, "too hot")
        let reading = try await stage.owner.`$`("thermometer").read()
        #expect(reading.value == .int(30_000), "\(reading)")
        try await stage.node.powerOff()
    }
}
