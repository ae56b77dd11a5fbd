// Serial port and clock of every board in QEMU.

import Foundation
import Testing

@Suite("Serial port and clock of every emulated board", .serialized)
struct SerialTests {
    @Test("Not one of 900 bytes is lost while the CPU is busy for half a second", arguments: ["microbit", "mps2-an386"])
    func noByteIsLost(board: String) throws {
        let probe = try Probe(board)
        try probe.send([0xFC, 0, 0, 0, 0, 0, 0])
        try probe.send(Array(repeating: 0x55, count: 900))
        #expect(try probe.receive().value == 900)
    }

    @Test("The clock goes forward by what the host's clock says", arguments: ["microbit", "mps2-an386"])
    func clock(board: String) throws {
        let probe = try Probe(board)
        let before = try probe.ask(0xFE).value
        let start = Date()
        usleep(500_000)
        let after = try probe.ask(0xFE).value
        let passed = Date().timeIntervalSince(start) * 1_000_000
        #expect(after > before)
        // The emulator sleeps and wakes with the host: wide bounds, but a factor of two in a prescaler shows.
        #expect(Double(after - before) > 400_000 && Double(after - before) < passed * 1.5)
    }
}
