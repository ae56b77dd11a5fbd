import BoardFacts
import Foundation
import Image
import NodeEmulation
import Reporting
import Testing

@testable import Emulation
@testable import Flashing

/// A named board that was made and is off, its flash in files.
@Suite("Flashing emulated boards") struct EmulatedWayTests {
    let scratch: Scratch
    let boards: EmulatedBoards

    init() throws {
        scratch = try Scratch()
        boards = EmulatedBoards(home: scratch.url)
    }

    /// Puts a board's state where the registry looks: an older image, and keys in its store.
    func make(_ name: String, _ board: Board) throws {
        let folder = boards.stateFolder(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let record = EmulatedBoardRecord(
            name: name, board: board, imageSource: "old.elf", supervisor: 0, uart: "", control: "", started: Date())
        try JSONEncoder().encode(record).write(to: folder.appendingPathComponent("record.json"))
        let old = try makeImage(for: board, size: 0x5000, seed: 7)
        try ELFFile.file([Segment(address: board.flash.address.value, bytes: old)]).write(
            to: folder.appendingPathComponent("image.elf"))
        let keys = Data(repeating: 0x5A, count: 4096)
        let size = FlashFile.size(for: board)
        var flash = Data(repeating: 0xFF, count: size)
        if board.emulator?.flash == .psram {
            flash.replaceSubrange(0..<4096, with: keys)
        } else {
            flash.replaceSubrange(0..<old.count, with: old)
            flash.replaceSubrange(0x3_C000..<0x3_D000, with: keys)
        }
        try flash.write(to: folder.appendingPathComponent("flash.bin"))
    }

    func flash(
        _ name: String, _ board: Board, _ image: Data, mode: FlashJob.Mode = .write, erasesAll: Bool = false, elf: Bool = false
    )
        throws -> FlashReport
    {
        let start = board.flash.address.value
        let file = try scratch.file("image-\(name)", elf ? ELFFile.file([Segment(address: start, bytes: image)]) : image)
        let job = FlashJob(image: try CheckedImage(contentsOf: file, for: board), mode: mode, erasesAll: erasesAll)
        let way = EmulatedWay(boards: boards) { _ in Issue.record("a board that was off is turned on") }
        let device = try #require(try way.candidates(for: board).first { $0.serial == name })
        return try way.flash(job, device, progress: SilentProgress(), cancellation: Cancellation())
    }

    func keys(_ name: String, _ board: Board) throws -> Data {
        let file = try Data(contentsOf: boards.stateFolder(name).appendingPathComponent("flash.bin"))
        let start = board.emulator?.flash == .psram ? 0 : 0x3_C000
        return file[start..<start + 4096]
    }

    @Test(
        "a new image is written, the keys stay, the same again is unchanged", arguments: ["microbit", "mps2-an386"],
        [true, false])
    func writes(kind: String, elf: Bool) throws {
        let board = try board(kind)
        try make("kitchen", board)
        let image = try makeImage(for: board, size: 0x4321)
        #expect(throws: Failure.self) { try flash("kitchen", board, image, mode: .verifyOnly, elf: elf) }
        let plan = try flash("kitchen", board, image, mode: .dryRun, elf: elf)
        #expect(plan.outcome == .planned && plan.written > 0)
        let report = try flash("kitchen", board, image, elf: elf)
        #expect(report.outcome == .written && report.verified == image.count)
        #expect(try keys("kitchen", board).allSatisfy { $0 == 0x5A })
        let kept = try CheckedImage(contentsOf: boards.stateFolder("kitchen").appendingPathComponent("image.elf"), for: board)
        #expect(kept.flat == image)
        #expect(try flash("kitchen", board, image, elf: elf).outcome == .unchanged)
        #expect(try flash("kitchen", board, image, mode: .verifyOnly, elf: elf).outcome == .verified)
        if kind == "microbit" {
            let file = try Data(contentsOf: boards.stateFolder("kitchen").appendingPathComponent("flash.bin"))
            #expect(file.prefix(image.count) == image)
        }
    }

    @Test("--erase-all erases the keys as well", arguments: ["microbit", "mps2-an386"])
    func erasesAll(kind: String) throws {
        let board = try board(kind)
        try make("kitchen", board)
        _ = try flash("kitchen", board, try makeImage(for: board), erasesAll: true)
        #expect(try keys("kitchen", board).allSatisfy { $0 == 0xFF })
    }

    @Test("boards of another kind are no candidates, and several must be told apart")
    func candidates() throws {
        let microbit = try board("microbit")
        try make("one", microbit)
        try make("two", microbit)
        try make("three", try board("mps2-an386"))
        let selection = FlashSelection(ways: [EmulatedWay(boards: boards) { _ in }], via: .emulated)
        let found = failure { _ = try selection.choose(for: microbit) }
        #expect(
            found?.kind == .usage && found?.remedy.choices.contains("\n    one ") == true
                && found?.advice.contains("three") == false)
    }
}
