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

    /// A slipmux frame of a CoAP message: an acknowledgement with 2.04, message id 0x0102, token 7.
    private let answer: [UInt8] = [0xC0, 0xA9, 0x61, 0x44, 0x01, 0x02, 0x07, 0x00, 0x00, 0xC0]

    @Test(
        "a supervisor without room for the flash holds answers back and says why, saves when there is room, and ends at a signal")
    func fullDisk() throws {
        let state = boards.stateFolder("cellar")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        let redo = state.path + "/flash.bin.redo"
        try FileManager.default.createSymbolicLink(atPath: redo, withDestinationPath: "/dev/full")
        let supervisor = try Supervisor(
            name: "cellar", image: try answeringImage(0x0BAD_F00D, reply: answer), boards: boards)
        let thread = run(supervisor)
        let line = try LineSocket(path: try boards.find("cellar").uart)
        // A request with that message id and token, so that the answer finds its way.
        try line.send([0xC0, 0xA9, 0x41, 0x02, 0x01, 0x02, 0x07, 0x00, 0x00, 0xC0])
        let told = try line.receive(timeout: 10)
        // 5.03 in an acknowledgement of the same message, with Max-Age 1 and a text.
        #expect(told.dropFirst(2).starts(with: [0x61, 0xA3, 0x01, 0x02, 0x07, 0xD1, 0x01, 0x01, 0xFF]))
        #expect(String(decoding: told, as: UTF8.self).contains("No space left on device"))
        #expect(try flash("cellar")[0x3C010] == 0xFF)
        #expect { _ = try boards.request("cellar", .stop) } throws: { "\($0)".contains("cannot be saved") }

        try FileManager.default.removeItem(atPath: redo)
        for _ in 0..<1000 where try flash("cellar")[0x3C010] == 0xFF { usleep(10_000) }
        #expect(try flash("cellar")[0x3C010..<0x3C014].elementsEqual([0x0D, 0xF0, 0xAD, 0x0B]))
        #expect(try boards.request("cellar", .stop) == "stopped")
        end(thread)
    }

    @Test("a signal ends a supervisor that cannot save; the file keeps what was answered")
    func endedWhileFull() throws {
        let state = boards.stateFolder("attic")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: state.path + "/flash.bin.redo", withDestinationPath: "/dev/full")
        let supervisor = try Supervisor(name: "attic", image: try answeringImage(0), boards: boards)
        let thread = run(supervisor)
        let line = try LineSocket(path: try boards.find("attic").uart)
        try line.send([1, 0xC0])
        // What is no answer is held back without a word.
        #expect(try line.receive(timeout: 0.5).isEmpty)
        supervisor.endAsBySignal()
        end(thread)
        #expect(try flash("attic")[0x3C010] == 0xFF)
    }

    private func flashFile() throws -> FlashFile { try FlashFile(scratch.url.appendingPathComponent("flash"), board: microbit) }

    @Test("a change of the file is whole or not there, wherever the program that makes it is killed")
    func wholeOrNot() throws {
        let path = scratch.url.path + "/flash"
        let erased = Data(repeating: 0xFF, count: 262144)
        var changed = erased
        let bytes = Data((0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        changed.replaceSubrange(0x3C100..<(0x3C100 + bytes.count), with: bytes)
        do { try flashFile().change(bytes, at: 0x3C100) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == changed)
        #expect(FlashRedo.change(besides: path, size: 262144) == nil, "a file that is put in its place keeps what it has")
        #expect(FlashRedo(besides: path).write(.init(offset: 0x3C100, bytes: bytes)))
        let record = try Data(contentsOf: URL(fileURLWithPath: path + ".redo")).prefix(24 + bytes.count)
        // Killed while the change was written down: byte by byte what is on the disk.
        for count in stride(from: 0, to: record.count, by: 97) {
            try erased.write(to: URL(fileURLWithPath: path))
            try record.prefix(count).write(to: URL(fileURLWithPath: path + ".redo"))
            #expect(try flashFile().contents() == erased)
        }
        // Killed while it was made.
        for count in stride(from: 0, through: bytes.count, by: 100) {
            var torn = erased
            torn.replaceSubrange(0x3C100..<(0x3C100 + count), with: bytes.prefix(count))
            try torn.write(to: URL(fileURLWithPath: path))
            try record.write(to: URL(fileURLWithPath: path + ".redo"))
            #expect(try FlashFile.contents(of: URL(fileURLWithPath: path), board: microbit) == changed)
            #expect(try flashFile().contents() == changed)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == changed)
        }
    }

    @Test("a file that is replaced takes nothing from the change before, and a change that was not made is made first")
    func replaced() throws {
        let file = try flashFile()
        try file.change(Data([1, 2, 3]), at: 10)
        let other = Data(repeating: 0xA5, count: 262144)
        try file.replace(with: other)
        #expect(try file.contents() == other)
        try file.change(Data([9]), at: 0)
        try file.change(Data([8]), at: 262143)
        #expect(try file.contents() == Data([9]) + other.dropFirst().dropLast() + Data([8]))
    }
}
