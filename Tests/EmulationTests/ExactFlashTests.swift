// The flash file is what the flash was when the board said something, whatever ends the emulator.
import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Emulation

@Suite("The flash file is the flash", .serialized) final class ExactFlashTests: NamedBoardSuite {
    /// Waits for a byte on the line, programs `word` into the store at offset 16, and answers with a frame; then nothing for ever. A loop over a
    /// table of registers and values; "register" 1 waits until the register `value` is not 0.
    private func answeringImage(_ word: UInt32, reply: [UInt8] = [0x41, 0xC0]) throws -> CheckedImage {
        let loop: [UInt16] = [
            0xA006, 0xC806, 0x2900, 0xD007, 0x2901, 0xD001, 0x600A, 0xE7F8, 0x6813, 0x2B00, 0xD0FC, 0xE7F4, 0xE7FE, 0xBF00,
        ]
        // nRF51 Series Reference Manual v3.0, section 29: ENABLE, STARTRX, STARTTX, RXDRDY, TXD.
        let first: [(UInt32, UInt32)] = [
            (0x4000_2500, 4), (0x4000_2000, 1), (0x4000_2008, 1), (1, 0x4000_2108), (UInt32(NRF51Flash.config), 1),
            (0x3C010, word),
        ]
        let table = first + reply.map { (0x4000_251C, UInt32($0)) } + [(0, 0)]
        let halves = table.flatMap { [$0.0, $0.1] }.flatMap { [UInt16($0 & 0xFFFF), UInt16($0 >> 16)] }
        return try TinyImage.checked(for: microbit, code: loop + halves, to: scratch.url)
    }

    private func run(_ supervisor: Supervisor) -> Thread {
        let thread = Thread { try? supervisor.run() }
        thread.start()
        return thread
    }

    private func end(_ thread: Thread) {
        for _ in 0..<1000 where !thread.isFinished { usleep(10_000) }
        #expect(thread.isFinished)
    }

    private func flash(_ name: String) throws -> Data {
        try FlashFile.contents(of: boards.stateFolder(name).appendingPathComponent("flash.bin"), board: microbit)
    }

    @Test("what the board programmed is in the file before its answer is on the line; a kill then loses nothing")
    func answered() throws {
        let supervisor = try Supervisor(name: "kitchen", image: try answeringImage(0x1234_5678), boards: boards)
        let thread = run(supervisor)
        let line = try LineSocket(path: try boards.find("kitchen").uart)
        try line.send([1, 0xC0])
        #expect(try line.receive(timeout: 10) == Data([0x41, 0xC0]))
        kill(try #require(supervisor.emulatorProcess), SIGKILL)
        #expect(try flash("kitchen")[0x3C010..<0x3C014].elementsEqual([0x78, 0x56, 0x34, 0x12]))
        end(thread)
    }

    /// Erases the pages of the store one after the other and stores a running number to each of their words, for ever.
    private static let counter: [UInt16] = [
        0x4B09,  // ldr r3, controller
        0x4C0A,  // ldr r4, end of the store
        0x2100,  // r1 = 0
        0x4A0A,  // round: ldr r2, store
        0x2002, 0x6018, 0x605A,  // page: CONFIG = erase enable, ERASEPAGE = r2
        0x2001, 0x6018,  // CONFIG = write enable
        0x2501, 0x02AD, 0x18AD,  // r5 = r2 + 1024
        0x6011, 0x3101, 0x3204,  // word: str r1, [r2]; r1 += 1; r2 += 4
        0x42AA, 0xD1FA,  // bne word
        0x42A2, 0xD1F0,  // bne page
        0xE7EE,  // b round
        0xE504, 0x4001, 0x0000, 0x0004, 0xC000, 0x0003,
    ]

    private func counting(_ file: String, _ change: (inout EmulatedBoard.Configuration) -> Void = { _ in }) throws
        -> EmulatedBoard
    {
        var configuration = EmulatedBoard.Configuration(
            image: try TinyImage.checked(for: microbit, code: Self.counter, to: scratch.url),
            flashFile: scratch.url.appendingPathComponent(file))
        change(&configuration)
        return try EmulatedBoard(configuration)
    }

    @Test("at any moment the file has byte for byte what the processor has in its flash")
    func same() throws {
        let emulated = try counting("same")
        try emulated.start()
        var seen: Set<Data> = []
        for _ in 0..<20 {
            usleep(.random(in: 0...3000))
            try emulated.pause()
            let store = try emulated.readMemory(0x3C000, count: 0x4000)
            #expect(try Data(contentsOf: emulated.flash.url)[0x3C000...].elementsEqual(store))
            seen.insert(store)
            try emulated.resume()
        }
        try emulated.pause()
        #expect(try Data(contentsOf: emulated.flash.url) == emulated.readMemory(0, count: microbit.flash.size.int))
        #expect(seen.count > 10, "the board stored meanwhile")
    }

    @Test("whenever QEMU is killed, the file has all that was stored before and nothing else")
    func killed() throws {
        for number in 0..<12 {
            let emulated = try counting("killed-\(number)")
            try emulated.start()
            let process = try #require(emulated.processIdentifier)
            usleep(.random(in: 0...20_000))
            kill(process, SIGKILL)
            #expect(emulated.waitForExit(timeout: 5) == .killed(signal: SIGKILL))
            let words = try emulated.flash.contents()[0x3C000...].withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
            let pages = stride(from: 0, to: words.count, by: 256).map { Array(words[$0..<($0 + 256)]) }
            // What a page has is numbered through; one at the most is being erased or filled.
            let starts = pages.map { page in page.firstIndex { $0 != .max }.map { page[$0] &- UInt32($0) } }
            for (page, start) in zip(pages, starts) {
                #expect(page.enumerated().allSatisfy { $1 == .max || $1 == start! &+ UInt32($0) })
            }
            #expect(pages.count { $0.contains(.max) && $0.contains { $0 != .max } } <= 1)
            // A page is one further than the one before it, or a round behind it: once.
            let steps = zip(starts, starts.dropFirst()).compactMap { before, after in
                before.flatMap { b in after.map { $0 &- b } }
            }
            #expect(steps.count { $0 != 256 } <= 1 && steps.allSatisfy { $0 == 256 || $0 == 256 &- 4096 })
        }
    }

    @Test("a file that is not what the flash is, is not put in its place: the board does not run")
    func different() throws {
        let emulated = try counting("different")
        try emulated.start(paused: true)
        try emulated.writeRegister(NRF51Flash.config, NRF51Flash.writeEnable)
        try emulated.writeRegister(0x3C010, 0)
        let before = try emulated.flash.contents()
        #expect { try emulated.resume() } throws: { "\($0)".contains("something wrote to it before the processor ran") }
        #expect(!emulated.isRunning)
        #expect(try emulated.flash.contents() == before)
    }

    @Test("without it the flash is lost with the emulator: what keeping it costs can be measured")
    func notKept() throws {
        let emulated = try counting("lost") { $0.keepsFlash = false }
        try emulated.start()
        while try emulated.readRegister(0x3C000) == .max {}
        try emulated.stop()
        #expect(try emulated.flash.contents()[0x3C000...].allSatisfy { $0 == 0xFF })
    }

    @Test(
        "a disk that is full stops neither a board that is on nor its answers: its flash has its room from the start",
        .enabled(if: SmallDisk.canBeMade))
    func fullDisk() throws {
        let disk = try SmallDisk()
        let boards = EmulatedBoards(home: disk.url)
        let supervisor = try Supervisor(name: "cellar", image: try answeringImage(0x0BAD_F00D), boards: boards)
        let thread = run(supervisor)
        try disk.fill()
        let line = try LineSocket(path: try boards.find("cellar").uart)
        try line.send([1, 0xC0])
        #expect(try line.receive(timeout: 10) == Data([0x41, 0xC0]))
        let file = boards.stateFolder("cellar").appendingPathComponent("flash.bin")
        #expect(try FlashFile.contents(of: file, board: microbit)[0x3C010..<0x3C014].elementsEqual([0x0D, 0xF0, 0xAD, 0x0B]))
        supervisor.endAsBySignal()
        end(thread)
        // A file with holes in it has no room, and a board does not start with it.
        let sparse = disk.url.appendingPathComponent("sparse")
        let descriptor = open(sparse.path, O_RDWR | O_CREAT, 0o600)
        #expect(ftruncate(descriptor, off_t(microbit.flash.size.int)) == 0)
        close(descriptor)
        try disk.fill()
        #expect { try FlashFile(sparse, board: microbit).takeRoom() } throws: { "\($0)".contains("No space left on device") }
    }

    private func flashFile() throws -> FlashFile { try FlashFile(scratch.url.appendingPathComponent("flash"), board: microbit) }

    @Test("a file is replaced as a whole, and what is no whole flash is refused")
    func replaced() throws {
        let file = try flashFile()
        let other = Data(repeating: 0xA5, count: 262144)
        try file.replace(with: other)
        #expect(try file.contents() == other)
        #expect { try file.replace(with: other.dropLast()) } throws: { "\($0)".contains("262143 bytes") }
        #expect(try file.contents() == other)
    }
}

/// A file system of two megabytes, for who may mount one.
private final class SmallDisk {
    let url: URL
    static let canBeMade = (try? SmallDisk()) != nil

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("small-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        guard mount("tmpfs", url.path, "tmpfs", 0, "size=2m") == 0 else {
            try? FileManager.default.removeItem(at: url)
            throw CocoaError(.fileWriteNoPermission)
        }
    }

    func fill() throws {
        let file = fopen(url.appendingPathComponent("ballast").path, "a")
        let page = [UInt8](repeating: 1, count: 4096)
        while fwrite(page, 1, page.count, file) == page.count, fflush(file) == 0 {}
        fclose(file)
    }

    deinit {
        umount2(url.path, Int32(MNT_DETACH))
        try? FileManager.default.removeItem(at: url)
    }
}
