// The lights of a board by QEMU's human monitor: the same words that a person would type at it.
import BoardFacts
import Emulation
import Foundation
import Reporting

extension EmulatedBoard {
    /// The word that `xp /1wx` shows at a physical address.
    /// - Throws: `Failure` when the monitor shows none.
    public func examine(_ address: UInt64) throws -> UInt32 {
        let text = try monitor("xp /1wx \(Word(address))")
        guard let word = text.split(whereSeparator: \.isWhitespace).last, word.hasPrefix("0x"),
            let value = UInt32(word.dropFirst(2), radix: 16)
        else {
            throw Failure(
                .environment, "QEMU's monitor shows no word at \(Word(address)): \(text)",
                advice: "Check the address in board.json")
        }
        return value
    }

    /// The lights, put together from `samples` looks, because firmware scans a matrix row by row.
    /// - Throws: `Failure` when the board has no lights that QEMU models.
    public func displayByMonitor(samples: Int = 64) throws -> BoardDisplay {
        guard let wiring = board.display else {
            throw Failure(.environment, "Boards/\(board.name)/board.json tells no display", advice: "Add its wiring there")
        }
        var seen: BoardDisplay?
        for index in 0..<samples {
            let output = try examine(wiring.output.value)
            let direction = try wiring.direction.map { try examine($0.value) } ?? .max
            let now = BoardDisplay(wiring: wiring, output: output, direction: direction)
            seen = seen?.union(now) ?? now
            if wiring.kind == .leds { break }
            // Uneven steps, so that they cannot beat with the scan.
            usleep(UInt32(200 + index * 37 % 400))
        }
        return seen!
    }
}
