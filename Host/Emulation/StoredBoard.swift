// A named board that is off: its image and its flash as files, for who programs it.
import BoardFacts
import Foundation
import Image
import Reporting

/// The image and the flash of a named board. While it is open for writing the board cannot be started.
public final class StoredBoard: @unchecked Sendable {
    /// As it was when this was opened; `replace` writes a changed one to the disk.
    public let record: EmulatedBoardRecord
    /// The board as its record describes it.
    public var board: Board { record.board }
    private let state: URL
    private let lock: FileLock?

    /// - Parameter writes: false only looks, also at a board that runs.
    /// - Throws: `Failure` when there is no such board, or it runs and is to be written.
    public init(_ name: String, boards: EmulatedBoards, writes: Bool) throws {
        record = try boards.record(name)
        state = boards.stateFolder(name)
        lock = writes ? try FileLock(state.path + "/lock") : nil
        guard !writes || lock != nil else {
            throw Failure(.environment, "emulated board \"\(name)\" runs", remedy: .stopEmulated(name: name))
        }
    }

    private var image: URL { state.appendingPathComponent("image.elf") }
    private var flash: URL { state.appendingPathComponent("flash.bin") }
    private var isWholeFlashKept: Bool { board.emulator?.flash != .psram }

    /// The whole flash and, where it is a memory of its own, the store: by address.
    /// - Throws: `Failure` when the flash file cannot be read.
    public func contents() throws -> [(address: UInt64, bytes: Data)] {
        let size = board.flash.size.int
        let kept =
            try FileManager.default.fileExists(atPath: flash.path)
            ? FlashFile.contents(of: flash, board: board) : Data(repeating: 0xFF, count: FlashFile.size(for: board))
        if isWholeFlashKept { return [(board.flash.address.value, kept)] }
        // The image is loaded from its file.
        let held = (try? CheckedImage(contentsOf: image, for: board).flat) ?? Data()
        let program = held + Data(repeating: 0xFF, count: size - held.count)
        return [(board.flash.address.value, program)] + (board.store.map { [($0.address.value, kept)] } ?? [])
    }

    /// Replaces flash and store, and keeps the image, with its symbols if it has any, as the one that the board starts with.
    /// - Throws: `Failure` when it cannot be written: the flash may be replaced then and the image not.
    public func replace(_ contents: [(address: UInt64, bytes: Data)], image program: CheckedImage) throws {
        let kept = isWholeFlashKept ? contents[0].bytes : contents.count > 1 ? contents[1].bytes : Data()
        if !kept.isEmpty { try FlashFile(flash, board: board).replace(with: kept) }
        var changed = record
        changed.imageSource = program.source.path
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try program.elf.write(to: image, options: .atomic)
            try encoder.encode(changed).write(to: state.appendingPathComponent("record.json"), options: .atomic)
        } catch {
            throw Failure(
                .environment, "the image cannot be kept in \(state.path): \(error.localizedDescription)",
                advice: "Check the permissions of its folder and the space on its disk")
        }
    }
}
