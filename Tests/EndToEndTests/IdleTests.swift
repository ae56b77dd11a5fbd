// A node that has nothing to do: it sleeps, and always wakes.
import Emulation
import Foundation
import Testing

@Suite("An idle node", .serialized)
struct IdleTests {
    /// The processor stands still for longer than the alarm takes, as it may on a busy computer, after every 61st instruction: so in time after
    /// each of the loop's. Wherever the alarm comes, just before the sleep too, the node goes on.
    @Test("An alarm that comes just before the sleep ends it", arguments: ["microbit", "mps2-an386"])
    func alarm(board name: String) throws {
        var configuration = EmulatedBoard.Configuration(image: try checkedImage(name))
        configuration.countsInstructions = true
        let board = try EmulatedBoard(configuration)
        defer { board.close() }
        try board.start()
        let uart = try board.connectUART()
        var at: UInt64 = 0, said = ""
        while !said.contains("light node: ") {
            at += 20_000
            try #require(try board.run(untilInstruction: at) && at < 100_000_000, "no word from it: \(said)")
            said += String(decoding: try uart.receive(timeout: 0), as: UTF8.self)
        }
        for _ in 0..<2000 {
            at += 61
            try #require(try board.run(untilInstruction: at, timeout: 3), "it sleeps for ever before instruction \(at)")
            usleep(2500)
        }
    }
}
