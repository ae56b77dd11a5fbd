// The MPS2 in QEMU: LEDs, and QEMU's own parts on its I2C bus.

import Emulation
import Foundation
import Testing

/// Device indices of Boards/mps2-an386/board.json.
private let led: UInt8 = 0, led1: UInt8 = 1, lock: UInt8 = 2, thermometer: UInt8 = 6, eeprom: UInt8 = 7

@Suite("The MPS2's devices, seen from outside", .serialized)
struct ShieldTests {
    @Test("LEDs are bits of the board's own register")
    func leds() throws {
        let probe = try Probe("mps2-an386")
        try probe.ask(led, 0)
        #expect(try probe.board.readRegister(0x4002_8000) == 1)
        try probe.ask(led1, 0)
        #expect(try probe.board.readRegister(0x4002_8000) == 3)
        try probe.ask(led, 2)
        #expect(try probe.board.readRegister(0x4002_8000) == 2)
        try probe.ask(lock, 0, 200)
        #expect(try probe.board.readRegister(0x4002_F004) == 1)
        #expect(try probe.wait { try probe.board.readRegister(0x4002_F004) == 0 })
    }

    @Test("The temperature that QEMU's TMP105 is given arrives to a sixteenth of a degree")
    func temperature() throws {
        let probe = try Probe("mps2-an386", parts: ["-device", "tmp105,address=0x48,id=t1"])
        for millidegrees in [25_500, -10_250, 0, 127_900, -55_000] {
            try probe.board.execute(
                "qom-set", ["path": "/machine/peripheral/t1", "property": "temperature", "value": millidegrees])
            let answer = try probe.ask(thermometer, 0)
            #expect(answer.status == 0)
            #expect(abs(Int(answer.value) - millidegrees) <= 63)
        }
    }

    @Test("Without parts on the bus both devices say that nobody answers")
    func nobody() throws {
        let probe = try Probe("mps2-an386")
        #expect(try probe.ask(thermometer, 0) == Probe.Answer(status: 1, kind: 1, value: 0))
        #expect(try probe.ask(eeprom, 0, 5) == Probe.Answer(status: 1, kind: 1, value: 0))
    }
}
