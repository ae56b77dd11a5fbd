import BoardFacts
import Foundation
import Reporting
import Testing

@testable import Image

/// Programs of others write files of every format that is read here, and read those that are written.
@Suite("Formats of image files, and other programs") final class FormatWitnessTests: TwoLayoutsSuite {
    /// Images, and Intel HEX of them by GNU objcopy.
    let ours: CheckedImage
    let small: CheckedImage

    override init() throws {
        let (blackpill, microbit) = (try board("blackpill-f411"), try board("microbit"))
        let file = URL(fileURLWithPath: "/image")
        ours = try CheckedImage(
            ImageFile(hexFile(makeImage(for: blackpill, size: 0x3001), blackpill), from: file), for: blackpill)
        small = try CheckedImage(ImageFile(makeImage(for: microbit, size: 0x3001), from: file), for: microbit)
        try super.init()
    }

    /// Runs a program in the scratch folder; those of the witnesses' environment by their names (`Tools/witness-environment`).
    func run(_ program: String, _ arguments: String...) throws {
        let (status, said) = try end(program, arguments)
        try #require(status == 0, "\(program): \(said)")
    }

    private func end(_ program: String, _ arguments: [String]) throws -> (status: Int32, errors: String) {
        let witness = sourceRoot.appendingPathComponent("build/witness/bin/\(program)")
        let process = Process()
        process.executableURL = program.hasPrefix("/") ? URL(fileURLWithPath: program) : witness
        try #require(
            FileManager.default.isExecutableFile(atPath: process.executableURL!.path),
            "\(process.executableURL!.path) is not there: run Tools/witness-environment")
        process.arguments = arguments
        process.currentDirectoryURL = scratch.url
        process.standardOutput = FileHandle.nullDevice
        let errors = try scratch.file("errors", Data())
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }

    func path(_ name: String) -> URL { scratch.url.appendingPathComponent(name) }
    func bytes(_ name: String) throws -> Data { try Data(contentsOf: path(name)) }
    func read(_ name: String, _ board: Board) throws -> CheckedImage { try CheckedImage(contentsOf: path(name), for: board) }

    func refusal(_ name: String) -> Failure? { failure { _ = try ImageFile(contentsOf: path(name)) } }

    @Test("dfu-suffix takes our DfuSe file, and the suffix that it adds to a binary is read past; one byte changed is noticed")
    func suffix() throws {
        _ = try scratch.file("a.dfu", ours.file(as: .dfu))
        try run("/usr/bin/dfu-suffix", "-c", "a.dfu")
        _ = try scratch.file("b.bin", small.flat)
        try run("/usr/bin/dfu-suffix", "-v", "0483", "-p", "df11", "-d", "0001", "-a", "b.bin")
        #expect(try bytes("b.bin").count == small.size + 16)
        let file = try ImageFile(contentsOf: path("b.bin"))
        #expect(try file.format == .bin && read("b.bin", microbit).pieces == small.pieces)
        var damaged = try bytes("b.bin")
        damaged[0x2000] ^= 1
        _ = try scratch.file("c.bin", damaged)
        #expect(refusal("c.bin")?.kind == .unfitImage && refusal("c.bin")?.what.contains("checksum in its DFU suffix") == true)
        damaged[damaged.count - 5] = 15
        _ = try scratch.file("d.bin", damaged)
        #expect(refusal("d.bin")?.what.contains("says it has 15 bytes") == true)
        // dfu-util refuses both, too.
        for name in ["c.bin", "d.bin"] { #expect(try end("/usr/bin/dfu-suffix", ["-c", name]).status != 0) }
    }

    @Test("Microsoft's uf2conv makes of our UF2 file the binary it was, and its own files are read, of HEX and of a binary")
    func uf2() throws {
        _ = try scratch.file("a.uf2", ours.file(as: .uf2))
        try run("uf2conv", "-c", "a.uf2", "-o", "a.bin")
        let boot = ours.pieces[0], back = try bytes("a.bin")
        #expect(back.starts(with: boot.bytes))
        #expect(back.dropFirst(Int(ours.address - boot.address)).starts(with: ours.flat))
        _ = try scratch.file("b.hex", Data(ours.intelHex.utf8))
        try run("uf2conv", "-c", "-f", "STM32F4", "b.hex", "-o", "b.uf2")
        let theirs = try read("b.uf2", blackpill)
        #expect(theirs.file.format == .uf2 && theirs.flat == ours.flat && theirs.pieces[0].bytes.starts(with: boot.bytes))
        // Its blocks and ours differ in what fills them alone.
        #expect(try bytes("b.uf2").count == bytes("a.uf2").count)
        _ = try scratch.file("c.bin", small.flat)
        try run("uf2conv", "-c", "-b", "0x0", "c.bin", "-o", "c.uf2")
        #expect(try read("c.uf2", microbit).pieces == small.pieces)
    }

    @Test("the micro:bit foundation's uhex joins our image with another board's, and ours is found in it")
    func universalHex() throws {
        _ = try scratch.file("v1.hex", Data(small.intelHex.utf8))
        _ = try scratch.file("v2.hex", Data(IntelHex.text([Segment(address: 0, bytes: Data(repeating: 0x22, count: 5000))]).utf8))
        try run("uhex", "join", "--v1", "v1.hex", "--v2", "v2.hex", "-o", "u.hex")
        let found = try read("u.hex", microbit)
        #expect(found.file.part == "board 0x9900" && found.pieces == small.pieces)
    }

    @Test("intelhex and GNU objcopy read the Intel HEX and the binary that are written")
    func hex() throws {
        _ = try scratch.file("a.hex", ours.file(as: .hex))
        _ = try scratch.file("a.bin", ours.file(as: .bin))
        try run("python", "-c", "import intelhex; h = intelhex.IntelHex('a.hex'); h.padding = 0xFF; h.tobinfile('intelhex.bin')")
        try run("/usr/bin/arm-none-eabi-objcopy", "-I", "ihex", "-O", "binary", "--gap-fill=0xFF", "a.hex", "objcopy.bin")
        #expect(try bytes("intelhex.bin") == bytes("a.bin") && bytes("objcopy.bin") == bytes("a.bin"))
    }

    @Test("GNU objcopy's S-records are called so, and the way out that is shown leads to the image")
    func srecords() throws {
        _ = try scratch.file("a.hex", Data(small.intelHex.utf8))
        try run("/usr/bin/arm-none-eabi-objcopy", "-I", "ihex", "-O", "srec", "a.hex", "a.srec")
        let advice = try #require(refusal("a.srec")?.advice)
        let command = try #require(advice.firstMatch(of: /arm-none-eabi-objcopy .*/)).0
        try FileManager.default.removeItem(at: path("a.hex"))
        try run("/bin/sh", "-c", String(command))
        #expect(try read("a.hex", microbit).pieces == small.pieces)
    }

    @Test("what gzip packed is called so, and the way out that is shown leads to the image")
    func gzip() throws {
        _ = try scratch.file("it's.bin", small.flat)
        try run("/bin/sh", "-c", "gzip \"it's.bin\"")
        let advice = try #require(refusal("it's.bin.gz")?.advice)
        try run("/bin/sh", "-c", String(advice[try #require(advice.range(of: "gunzip")).lowerBound...]))
        #expect(try read("it's.bin", microbit).pieces == small.pieces)
    }

    @Test("what imgtool signed for MCUboot is called so, as a binary and as Intel HEX")
    func mcuboot() throws {
        _ = try scratch.file("a.bin", small.flat)
        _ = try scratch.file("a.hex", Data(small.intelHex.utf8))
        for kind in ["bin", "hex"] {
            try run(
                "imgtool", "sign", "--header-size", "512", "--pad-header", "--slot-size", "262144", "-v", "1.2.3", "a.\(kind)",
                "signed.\(kind)")
            let found = refusal("signed.\(kind)")
            #expect(
                found?.kind == .unfitImage && found?.what.contains("for the bootloader MCUboot") == true,
                "\(found?.what ?? "accepted")")
            #expect(found?.what.contains("a header of 512 bytes") == true && found?.advice.contains("imgtool signed") == true)
        }
    }
}
