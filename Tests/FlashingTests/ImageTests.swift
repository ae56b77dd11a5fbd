import BoardFacts
import Foundation
import Image
import Reporting
import Testing

@testable import Flashing

/// `arm-none-eabi-objcopy`: GNU binutils read and write the formats that we do.
func objcopy(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/arm-none-eabi-objcopy")
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
}

@Suite("Image files") final class ImageTests: TwoLayoutsSuite {
    @Test(
        "the light node as linked, and the Intel HEX and the binary that GNU objcopy makes of it, are the same image",
        arguments: ["microbit", "blackpill-f411"])
    func formats(name: String) throws {
        let facts = try board(name)
        let elf = sourceRoot.appendingPathComponent("build/\(name)/light-node.elf")
        try #require(FileManager.default.fileExists(atPath: elf.path), "\(elf.path) is not there: run `make firmware`")
        let hex = scratch.url.appendingPathComponent("a.hex"), bin = scratch.url.appendingPathComponent("a.bin")
        try objcopy("-O", "ihex", elf.path, hex.path)
        try objcopy("-O", "binary", elf.path, bin.path)
        let linked = try CheckedImage(contentsOf: elf, for: facts)
        #expect(linked.header.mcu == facts.mcu && linked.pieces.count == (facts.boot == nil ? 1 : 2))
        for (url, format) in [(elf, ImageFile.Format.elf), (hex, .hex), (bin, .bin)] {
            let file = try ImageFile(contentsOf: url)
            #expect(file.format == format)
            let pieces = try CheckedImage(file, for: facts).pieces
            #expect(pieces.last == linked.pieces.last)
            // A binary's filling belongs to its boot code, for all that it tells.
            #expect(format == .bin ? pieces[0].bytes.starts(with: linked.pieces[0].bytes) : pieces == linked.pieces)
        }
    }

    @Test("an ELF file that we wrap around a binary holds just that")
    func wraps() throws {
        let flat = try makeImage(for: microbit, size: 70_001)
        let elf = try scratch.file("w.elf", ELFFile.file([Segment(address: 0, bytes: flat)]))
        #expect(try CheckedImage(contentsOf: elf, for: microbit).pieces == [Segment(address: 0, bytes: flat)])
        #expect(try ELFFile(contentsOf: elf).entry == 0x241)
    }

    @Test(
        "boot code and image are two pieces, from Intel HEX and from the binary that GNU objcopy makes of it; without boot code none"
    )
    func boot() throws {
        let flat = try makeImage(for: blackpill)
        let hex = try scratch.file("c.hex", hexFile(flat, blackpill)), bin = scratch.url.appendingPathComponent("c.bin")
        try objcopy("-I", "ihex", "-O", "binary", "--gap-fill=0xFF", hex.path, bin.path)
        let pieces = [try #require(makeBoot(blackpill)), Segment(address: 0x0802_0000, bytes: flat)]
        #expect(try CheckedImage(contentsOf: hex, for: blackpill).pieces == pieces)
        let image = try CheckedImage(contentsOf: bin, for: blackpill)
        #expect(image.pieces[1] == pieces[1] && image.pieces[0].bytes.starts(with: pieces[0].bytes))
        #expect(try check(flat)?.what.contains("lacks the boot code") == true)
    }

    @Test("GNU objcopy reads the Intel HEX that we write, over a 64 KB border too")
    func writesHex() throws {
        let bytes = Data((0..<70_001).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let hex = try scratch.file("b.hex", Data(IntelHex.text([Segment(address: 0x0800_FF05, bytes: bytes)]).utf8))
        let bin = scratch.url.appendingPathComponent("b.bin")
        try objcopy("-I", "ihex", "-O", "binary", hex.path, bin.path)
        #expect(try Data(contentsOf: bin) == bytes)
        #expect(
            try IntelHex.parse(String(contentsOf: hex, encoding: .utf8), file: "b.hex") == [
                Segment(address: 0x0800_FF05, bytes: bytes)
            ])
    }

    @Test(
        "a damaged Intel HEX file is refused with the line that is wrong",
        arguments: [
            (":0400000001020304F3\n:00000001FF\n", "line 1, has a wrong checksum"),
            (":0400000001020304F2\n", "no end record"),
            (":02000004FFFFFC\n:02FFFF000102FD\n:00000001FF\n", "line 2, reaches beyond the last address"),
            (":0400000001020304F2\n0400\n:00000001FF\n", "line 2, is no record"),
            (":0500000001020304F1\n:00000001FF\n", "line 1, has 4 bytes and says 5"),
            (":00000006FA\n:00000001FF\n", "line 1, has the unknown type 6"),
            (":00000001FF\n:0400000001020304F2\n", "line 2, stands after the end record"),
            (":0400000001020304F2\n:0400020005060708E0\n:00000001FF\n", "gives two values for 0x00000002"),
            (":0100000400FB\n:00000001FF\n", "line 1, has 1 bytes in place of 2"),
        ])
    func damagedHex(text: String, message: String) {
        let found = failure { _ = try IntelHex.parse(text, file: "x.hex") }
        #expect(found?.kind == .unfitImage && found?.what.contains(message) == true, "\(found?.what ?? "")")
    }

    func check(_ data: Data, _ name: String = "image.bin", for board: Board? = nil) throws -> Failure? {
        let url = try scratch.file(name, data)
        return failure { _ = try CheckedImage(contentsOf: url, for: board ?? blackpill) }
    }

    /// As a file for the Black Pill.
    func check(image: Data) throws -> Failure? { try check(hexFile(image, blackpill), "image.hex") }

    func expect(
        _ found: Failure?, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(
            found?.kind == .unfitImage && found?.what.contains(words) == true, "\(words): \(found?.what ?? "accepted")",
            sourceLocation: sourceLocation)
        #expect(found?.advice.isEmpty == false, sourceLocation: sourceLocation)
    }

    @Test("an image that is not for the board is refused, each reason in its own words, before anything is touched")
    func refusals() throws {
        let good = try makeImage(for: blackpill)
        #expect(try check(image: good) == nil)
        try expect(try check(Data(repeating: 0x55, count: 4096)), "no image header")
        try expect(try check(image: makeImage(for: blackpill, name: "microbit")), "made for board “microbit”")
        try expect(try check(image: makeImage(for: blackpill, mcu: "nRF51")), "made for the MCU \"nRF51\"")
        try expect(try check(image: makeImage(for: blackpill, stack: 0x1000)), "puts the stack at 0x00001000")
        try expect(try check(image: makeImage(for: blackpill, stack: 0x2002_0004)), "puts the stack at 0x20020004")
        try expect(try check(image: makeImage(for: blackpill, reset: 0x0802_0240)), "no Thumb code inside the image")
        try expect(try check(image: makeImage(for: blackpill, reset: 0x0900_0001)), "no Thumb code inside the image")
        try expect(try check(image: good.prefix(good.count - 1)), "are there")
        try expect(try check(image: good + Data([0, 0])), "goes on after the")
        var flipped = good
        flipped[0x2000] ^= 1
        try expect(try check(image: flipped), "do not match the hash")
        try expect(
            try check(image: makeImage(for: blackpill, size: blackpill.flash.size.int + 4)), "too large, or for another chip")
        // The store lies behind the boot code of one board, behind the image of the other.
        let keys = IntelHex.text([Segment(address: 0x0800_4000, bytes: Data([1])), Segment(address: 0x0802_0000, bytes: good)])
        try expect(try check(Data(keys.utf8), "keys.hex"), "would write 0x08004000, into the store of blackpill-f411")
        try expect(try check(makeImage(for: microbit, size: 0x3_C001), for: microbit), "into the store of microbit")
        try expect(try check(makeImage(for: microbit, size: 0x4_0004), for: microbit), "into the store of microbit")
        // HEX names addresses, so it can be linked for another place.
        let elsewhere = IntelHex.text([Segment(address: 0x0900_0000, bytes: good)])
        try expect(try check(Data(elsewhere.utf8), "elsewhere.hex"), "too large, or for another chip")
    }

    /// The ELF file of an image for the micro:bit, with these bytes in its header in place of its own.
    private func elf(_ changes: [Int: UInt8] = [:]) throws -> Data {
        var file = ELFFile.file([Segment(address: 0, bytes: try makeImage(for: microbit))])
        for (place, byte) in changes { file[place] = byte }
        return file
    }

    @Test(
        "an ELF file that is no linked program for these chips is refused as an unfit image, and said what it is",
        arguments: [
            ([4: 2], "64-bit"), ([5: 2], "big-endian"), ([18: 62], "another processor (ELF machine 62)"),
            ([16: 1], "relocatable object file: it was compiled and not linked"), ([16: 3], "no linked program (ELF type 3)"),
        ] as [([Int: UInt8], String)])
    func foreign(changes: [Int: UInt8], words: String) throws {
        let found = try check(elf(changes), "a.elf", for: microbit)
        try expect(found, words)
        #expect(found?.subject?.hasSuffix("a.elf") == true)
    }

    @Test(
        "an ELF file that is cut anywhere is refused as an unfit image", arguments: [4, 16, 19, 20, 51, 52, 83, 84, 500, 12_371])
    func cut(length: Int) throws {
        let whole = try elf()
        #expect(try check(whole, "a.elf", for: microbit) == nil)
        try expect(try check(whole.prefix(length), "a.elf", for: microbit), "truncated or damaged")
    }

    @Test("a part of a program that takes no bytes of the file may say that it lies behind the file's end")
    func emptyLoad() throws {
        // A second program header: PT_LOAD at the file's end and far beyond, no bytes in the file, .bss in memory.
        let image = try makeImage(for: microbit)
        var file = ELFFile.file([Segment(address: 0, bytes: image), Segment(address: 0x2000_0000, bytes: Data())])
        for (index, byte) in [0xFF, 0xFF, 0xFF, 0x7F].enumerated() { file[52 + 32 + 4 + index] = UInt8(byte) }
        file[52 + 32 + 20 + 1] = 0x10
        let found = try scratch.file("bss.elf", file)
        #expect(try CheckedImage(contentsOf: found, for: microbit).pieces == [Segment(address: 0, bytes: image)])
    }

    @Test(
        "a symbol table whose names are in a section that is not there keeps no image from being flashed: it is not read for that",
        arguments: [1, 7, 0xFF] as [UInt8])
    func symbolsUnread(link: UInt8) throws {
        var file = try elf()
        // One section header at the end: a symbol table. There is a section 0 and no other.
        let place = file.count
        for (index, byte) in [UInt8(place & 0xFF), UInt8(place >> 8 & 0xFF), UInt8(place >> 16 & 0xFF), 0].enumerated() {
            file[32 + index] = byte
        }
        (file[46], file[48]) = (40, 1)
        file += Data([0, 2, 0, 0, 0, 0, link, 0, 0, 0].flatMap { [$0, 0, 0, 0] })
        let damaged = try scratch.file("symbols.elf", file)
        let image = try CheckedImage(contentsOf: damaged, for: microbit)
        #expect(failure { _ = try image.linked() }?.kind == .unfitImage)
        #expect(image.elf == file)
    }

    @Test("an image of any format is an ELF file for who needs one", arguments: ["image.bin", "image.hex"])
    func anyAsELF(name: String) throws {
        let board = name.hasSuffix("hex") ? blackpill : microbit
        let flat = try makeImage(for: board)
        let url = try scratch.file(name, name.hasSuffix("hex") ? hexFile(flat, board) : flat)
        let image = try CheckedImage(contentsOf: url, for: board)
        let again = try CheckedImage(ImageFile(image.elf, from: url), for: board)
        #expect(again.file.format == .elf && again.pieces == image.pieces)
    }

    @Test("padding with 0xFF behind the image is no part of it")
    func padded() throws {
        let good = try makeImage(for: microbit)
        let url = try scratch.file("padded.bin", good + Data(repeating: 0xFF, count: 1000))
        #expect(try CheckedImage(contentsOf: url, for: microbit).pieces[0].bytes == good)
    }

    @Test("what an image says about itself is shown field by field, and whether it may be flashed")
    func report() throws {
        let catalogue = try BoardCatalogue(root: sourceRoot)
        let url = try scratch.file("show.hex", hexFile(try makeImage(for: blackpill), blackpill))
        let report = try ImageReport(try ImageFile(contentsOf: url), catalogue: catalogue)
        #expect(report.magic == "LNIM" && report.board == "blackpill-f411" && report.mcu == "STM32F4")
        #expect(report.version == "1.2.3" && report.build == "abcdef01" && report.size == 0x3000)
        #expect(report.application == "blinky" && report.isChanged)
        #expect(report.description.contains("commit    abcdef01, with changes that it does not have"))
        #expect(report.stack == "0x20020000" && report.reset == "0x08020241" && report.hash.count == 48)
        #expect(report.first == "0x08020000" && report.last == "0x08022FFF" && report.problem == nil)
        let bad = try scratch.file("bad.hex", hexFile(try makeImage(for: blackpill, mcu: "MPS2"), blackpill))
        #expect(try ImageReport(try ImageFile(contentsOf: bad), catalogue: catalogue).problem?.contains("MPS2") == true)
    }

    /// The first 24 bytes of it, by coreutils.
    private func sha512(_ bytes: Data) throws -> [UInt8] {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sha512sum")
        process.arguments = [try scratch.file("hashed.bin", bytes).path]
        process.standardOutput = output
        try process.run()
        let text = Array(output.fileHandleForReading.readDataToEndOfFile().prefix(48))
        process.waitUntilExit()
        return stride(from: 0, to: text.count, by: 2).map {
            UInt8(String(decoding: text[$0...$0 + 1], as: UTF8.self), radix: 16) ?? 0
        }
    }

    @Test("an image with a header of format 2, which says less, is read, shown and may be flashed; a damaged one may not")
    func formerHeader() throws {
        var flat = try makeImage(for: microbit)
        func put(_ bytes: [UInt8], at offset: Int) {
            flat.replaceSubrange(0x200 + offset..<0x200 + offset + bytes.count, with: bytes)
        }
        func text(_ value: String, _ length: Int) -> [UInt8] {
            Array(value.utf8) + [UInt8](repeating: 0, count: length - value.utf8.count)
        }
        // As docs/flash-format.md had it: magic, format, version, size, build, board, MCU, hash: 64 bytes.
        put(Array("LNIM".utf8) + [2, 0, 9, 1, 0, 0x30, 0, 0, 0x01, 0xEF, 0xCD, 0xAB], at: 0)
        put(text("microbit", 16) + text("nRF51", 8) + [UInt8](repeating: 0, count: 24), at: 16)
        put(try sha512(flat), at: 40)
        let checked = try CheckedImage(contentsOf: try scratch.file("former.bin", flat), for: microbit)
        #expect(checked.header.versionText == "0.9.1+abcdef01" && checked.header.application.isEmpty && !checked.header.isChanged)
        let report = try ImageReport(
            try ImageFile(contentsOf: try scratch.file("former.bin", flat)), catalogue: try BoardCatalogue(root: sourceRoot))
        #expect(report.problem == nil && report.application == nil && report.description.contains("image     not said"))
        flat[0x1000] ^= 1
        #expect(throws: Failure.self) {
            try CheckedImage(contentsOf: try scratch.file("bad.bin", flat), for: microbit)
        }
    }

    @Test("the meter tells rate and time left")
    func meter() {
        var meter = ProgressMeter(total: 4096, now: 100)
        #expect(meter.line(.write) == "write   [--------------------]   0%")
        meter.advance(to: 1024, now: 101)
        #expect(meter.line(.write) == "write   [#####---------------]  25%      1.0 KB/s  0:03 left")
        meter.advance(to: 4096, now: 104)
        #expect(meter.line(.write) == "write   [####################] 100%      1.0 KB/s")
    }
}
