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
        try display(samples: samples) { try examine($0.value) }
    }
}
