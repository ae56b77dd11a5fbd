// lightnode flash read: what a board's flash holds, as a file.
import ArgumentParser
import BoardFacts
import Emulation
import Flashing
import Foundation
import Reporting

struct FlashRead: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "read", abstract: "Read a board's flash into a file: of an emulated board, or through a debug probe.",
        discussion: """
            EXAMPLE:
              lightnode flash read flash.bin --node emulated:kitchen
              lightnode flash read store.bin --board microbit --store

            The file holds the bytes from the flash's first address on, and with --store those of the store alone. The store holds the node's
            secret keys, so the file is for you alone. A chip whose readback protection is set gives nothing.
            """)

    @Argument(help: "The file; one that is there is replaced.") var file: String
    @OptionGroup var place: DebugTargetOptions
    @Flag(help: "Only the store: keys and records.") var store = false
    @OptionGroup var output: Output

    struct Result: Encodable, CustomStringConvertible {
        let file, address: String
        let size: Int

        var description: String { "\(file): \(size) bytes from \(address) on" }
    }

    func run() throws {
        let found: (address: UInt64, bytes: Data)
        switch try place.target() {
        case .emulated(let name): found = try Self.read(name, store: store)
        case .probe(let way, let board, let probe):
            let interruption = Interruption()
            defer { interruption.end() }
            let range = try Self.range(board, store: store)
            let style: TerminalProgress.Style = output.json ? .silent : isatty(STDERR_FILENO) == 1 ? .drawn : .notes
            found = (
                range.lowerBound,
                try way.read(
                    range, of: board, probe, progress: TerminalProgress(prefix: "", style: style),
                    cancellation: interruption.cancellation)
            )
        }
        // It may hold an identity key.
        let former = umask(0o077)
        defer { umask(former) }
        try WholeFile.write(found.bytes, to: file)
        output.show(Result(file: file, address: Word(found.address).description, size: found.bytes.count))
    }

    private static func range(_ board: Board, store: Bool) throws -> Range<UInt64> {
        guard store else { return board.flash.range }
        guard let store = board.store else {
            throw Failure(.usage, "\(board.name) has no store", about: board.name, advice: "Read its flash without --store")
        }
        return store.range
    }

    /// As it is now: the flash of a board that is on is its file.
    private static func read(_ name: String, store: Bool) throws -> (UInt64, Data) {
        let boards = EmulatedBoards()
        let stored = try StoredBoard(name, boards: boards, writes: false)
        let range = try range(stored.board, store: store)
        for memory in try stored.contents() {
            let held = memory.address..<memory.address + UInt64(memory.bytes.count)
            guard held.lowerBound <= range.lowerBound, range.upperBound <= held.upperBound else { continue }
            let start = memory.bytes.startIndex + Int(range.lowerBound - held.lowerBound)
            return (range.lowerBound, memory.bytes[start..<start + range.count])
        }
        throw Failure(
            .environment, "the emulator keeps no such memory of \(name)", about: "emulated:\(name)",
            advice: "Read its flash without --store")
    }
}
