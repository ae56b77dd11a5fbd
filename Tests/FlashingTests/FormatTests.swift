import BoardFacts
import Foundation
import Reporting
import Testing

@testable import Image

/// What a file may be that is given for an image: read, or called by its name with the way out.
@Suite("Formats of image files") final class FormatTests: TwoLayoutsSuite {
    /// What is programmed of a file of these bytes.
    func pieces(_ bytes: Data, _ name: String = "image", for board: Board? = nil) throws -> [Segment] {
        try CheckedImage(contentsOf: scratch.file(name, bytes), for: board ?? microbit).pieces
    }

    func refusal(_ bytes: Data, _ name: String = "image", for board: Board? = nil) -> Failure? {
        failure { _ = try pieces(bytes, name, for: board) }
    }

    func expect(_ found: Failure?, _ words: String, advice: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            found?.kind == .unfitImage && found?.what.contains(words) == true && found?.advice.contains(advice) == true,
            "\(found.map { "\($0)" } ?? "accepted")", sourceLocation: sourceLocation)
    }

    // MARK: Intel HEX as people's tools leave it

    static let edits: [(String, @Sendable (String) -> Data)] = [
        ("a byte order mark", { Data([0xEF, 0xBB, 0xBF] + $0.utf8) }),
        ("UTF-16 with its mark", { $0.data(using: .utf16)! }),
        ("UTF-16, big-endian, with its mark", { Data([0xFE, 0xFF]) + $0.data(using: .utf16BigEndian)! }),
        ("UTF-16 without a mark", { $0.data(using: .utf16LittleEndian)! }),
        ("lines that end with CR LF", { Data($0.replacing("\n", with: "\r\n").utf8) }),
        ("lines that end with CR", { Data($0.replacing("\n", with: "\r").utf8) }),
        ("indented lines, and blanks behind them", { Data($0.replacing("\n", with: " \t\n \t").utf8) }),
        ("blank lines", { Data(("\n\n" + $0.replacing("\n", with: "\n\n")).utf8) }),
        ("comments", { Data(("; made by ž\n# on a Monday\n// twice\n" + $0 + "; the end\n").utf8) }),
        ("an end of file as DOS had it", { Data(($0 + "\u{1A}").utf8) }),
        ("lower case", { Data($0.lowercased().utf8) }),
    ]

    @Test("Intel HEX is read with what editors, shells and transfers leave in it", arguments: edits.indices)
    func texts(index: Int) throws {
        let image = try makeImage(for: microbit)
        let (name, change) = Self.edits[index]
        let file = try ImageFile(change(IntelHex.text([Segment(address: 0, bytes: image)])), from: scratch.url)
        #expect(file.format == .hex, "\(name)")
        #expect(try CheckedImage(file, for: microbit).pieces == [Segment(address: 0, bytes: image)], "\(name)")
    }

    @Test("the line that is wrong is counted as editors count, however lines end", arguments: ["\n", "\r\n", "\r"])
    func lineNumbers(end: String) {
        let text = [":0400000001020304F2", "", "; a comment", ":0400000001020304F3", ":00000001FF", ""].joined(separator: end)
        expect(refusal(Data(text.utf8)), "line 4, has a wrong checksum", advice: "Write the file again")
    }

    @Test(
        "a stack at an address that looks like text makes no text of a binary",
        arguments: [0x2000_3A20, 0x2000_0D0C, 0x2000_3A00])
    func binaryLikeText(stack: UInt64) throws {
        let file = try ImageFile(try makeImage(for: microbit, stack: stack), from: scratch.url)
        #expect(file.format == .bin)
    }

    // MARK: Several programs in a file

    /// The records of a board in a Universal Hex: its data has a type of its own, but for the first board's.
    private func block(_ board: UInt16, _ image: Data, type: UInt8) -> [String] {
        func record(_ type: UInt8, _ bytes: [UInt8], at place: Int = 0) -> String {
            let all = [UInt8(bytes.count), UInt8(place >> 8 & 0xFF), UInt8(place & 0xFF), type] + bytes
            return ":" + (all + [0 &- all.reduce(0, &+)]).map { String(format: "%02X", $0) }.joined()
        }
        let data = stride(from: 0, to: image.count, by: 16).map { record(type, Array(image.dropFirst($0).prefix(16)), at: $0) }
        return [record(4, [0, 0]), record(0x0A, [UInt8(board >> 8), UInt8(board & 0xFF), 0xC0, 0xDE])] + data
            + [record(0x0C, [0xFF, 0xFF]), record(0x0B, [])]
    }

    private func universal(_ blocks: [String]...) -> Data {
        Data((blocks.flatMap { $0 } + [":00000001FF", ""]).joined(separator: "\n").utf8)
    }

    @Test("of a Universal Hex that part is taken which is a light node image, wherever it stands; two that differ are refused")
    func universalHex() throws {
        let image = try makeImage(for: microbit), other = Data(repeating: 0x11, count: 0x800)
        let files = [
            universal(block(0x9900, image, type: 0), block(0x9903, other, type: 0x0D)),
            universal(block(0x9903, other, type: 0x0D), block(0x9900, image, type: 0)),
        ]
        for bytes in files {
            let file = try ImageFile(bytes, from: scratch.url)
            #expect(file.part == "board 0x9900")
            #expect(try CheckedImage(file, for: microbit).pieces == [Segment(address: 0, bytes: image)])
        }
        let second = try makeImage(for: microbit, seed: 2)
        expect(
            refusal(universal(block(0x9900, image, type: 0), block(0x9903, second, type: 0x0D))),
            "holds 2 light node images, for board 0x9900, board 0x9903", advice: "it was joined from")
        expect(
            refusal(universal([":0400000A9900C0DFBA"])), "line 1, begins a block of a Universal Hex without its mark",
            advice: "Write the file again")
        expect(refusal(universal([":0400000D01020304E5"])), "line 1, has the unknown type 13", advice: "Write the file again")
    }

    @Test("of a UF2 file with the programs of several chips ours is taken")
    func families() throws {
        let image = try makeImage(for: microbit)
        let other = UF2.file([Segment(address: 0x1000_0000, bytes: Data(repeating: 7, count: 600))], family: 0xE48B_FF56)
        let ours = UF2.file([Segment(address: 0, bytes: image)], family: 0x1234_5678)
        for bytes in [other + ours, ours + other] {
            let file = try ImageFile(bytes, from: scratch.url)
            #expect(file.format == .uf2 && file.part == "family 0x12345678")
            #expect(try CheckedImage(file, for: microbit).pieces == [Segment(address: 0, bytes: image)])
        }
    }

    // MARK: Written and read

    @Test("what is written in any format is read as the same image", arguments: ImageFile.Format.allCases)
    func again(format: ImageFile.Format) throws {
        let flat = try makeImage(for: blackpill, size: 0x3001)
        let image = try CheckedImage(ImageFile(hexFile(flat, blackpill), from: scratch.url), for: blackpill)
        let file = try ImageFile(image.file(as: format), from: scratch.url)
        #expect(file.format == format && file.part == nil)
        let again = try CheckedImage(file, for: blackpill)
        #expect(again.flat == flat)
        // UF2's blocks and a binary's filling make the boot code longer, by erased flash.
        #expect(again.pieces[0].bytes.starts(with: image.pieces[0].bytes))
        #expect(again.pieces[0].bytes.dropFirst(image.pieces[0].bytes.count).allSatisfy { $0 == 0xFF })
        #expect(image.fillsStoreAsBinary)
    }

    @Test("UF2 is not written for a chip that has no number among the families, and the failure says which formats are left")
    func withoutFamily() throws {
        let image = try CheckedImage(ImageFile(makeImage(for: microbit), from: scratch.url), for: microbit)
        let found = failure { _ = try image.file(as: .uf2) }
        #expect(found?.kind == .usage && found?.what.contains("(nRF51) has no number in the list of UF2 families") == true)
        #expect(found?.advice.contains("hex") == true && !image.fillsStoreAsBinary)
    }

    // MARK: Damaged

    @Test(
        "a damaged UF2 file is refused with the block that is wrong",
        arguments: [
            (511, UInt8(0), "block 1, is no UF2 block"), (512, 0, "block 2, is no UF2 block"),
            (17 + 512, 0, "block 2, has 0 bytes"),
            (17, 2, "block 1, has 512 bytes"), (512 + 20, 0, "number 0 of 48 once more"),
            (512 + 24, 9, "once more or of another file"),
            (20, 200, "as number 200 of 48"),
        ] as [(Int, UInt8, String)])
    func damagedUF2(place: Int, byte: UInt8, words: String) throws {
        var file = UF2.file([Segment(address: 0, bytes: try makeImage(for: microbit))], family: 1)
        #expect(refusal(file) == nil)
        file[place] = byte
        expect(refusal(file), words, advice: "Copy the file again")
    }

    @Test("a UF2 file that is cut is told as cut, in a block or between two")
    func cutUF2() throws {
        let file = UF2.file([Segment(address: 0, bytes: try makeImage(for: microbit))], family: 1)
        expect(refusal(file.dropLast(100)), "ends in the middle of a block", advice: "cut short")
        expect(refusal(file.dropLast(512)), "has 47 of 48 blocks", advice: "cut short")
        expect(refusal(file.dropFirst(512)), "has 47 of 48 blocks", advice: "cut short")
    }

    @Test("zeros that fill the last block of a UF2 file are no part of the image; anything else, or more of it, is")
    func fillingUF2() throws {
        let image = try makeImage(for: microbit, size: 0x3010)
        func file(_ rest: Data) -> Data { UF2.file([Segment(address: 0, bytes: image + rest)], family: 1) }
        #expect(try pieces(file(Data(count: 0xF0))) == [Segment(address: 0, bytes: image)])
        expect(refusal(file(Data(count: 0x1F0))), "goes on after the", advice: "the build wrote")
        expect(refusal(file(Data(repeating: 1, count: 1))), "goes on after the", advice: "the build wrote")
    }

    /// A DfuSe file with a change, its suffix made right again.
    private func dfuSe(_ image: Data, changed place: Int? = nil, to byte: UInt8 = 0) -> Data {
        var file = DFUFile.dfuSe([Segment(address: 0, bytes: image)], for: .init())
        if let place { file[place] = byte }
        let body = file.dropLast(4)
        return body + DFUFile.crc(body).littleEndianBytes
    }

    @Test(
        "a damaged DfuSe file is refused, each fault in its own words, its checksum right or not",
        arguments: [
            (5, UInt8(2), "of version 2"), (6, 0, "says"), (10, 2, "target 2, is none"), (10, 0, "goes on after its last target"),
            (11, 0, "target 1, is none"), (11 + 266, 0xFF, "target 1, says"), (11 + 270, 2, "target 1, "),
            (11 + 274 + 7, 0x7F, "bytes at 0x00000000, which are not there"),
        ] as [(Int, UInt8, String)])
    func damagedDfuSe(place: Int, byte: UInt8, words: String) throws {
        let image = try makeImage(for: microbit)
        #expect(try pieces(dfuSe(image)) == [Segment(address: 0, bytes: image)])
        let found = refusal(dfuSe(image, changed: place, to: byte))
        // A number of elements that is too large leads beyond the end.
        #expect(
            found?.kind == .unfitImage && (found?.what.contains(words) == true || found?.what.contains("truncated") == true),
            "\(found?.what ?? "")")
        var damaged = dfuSe(image)
        damaged[place] = byte
        expect(refusal(damaged), "does not match the checksum in its DFU suffix", advice: "Copy the file again")
        expect(refusal(dfuSe(image).dropLast(1)), "without its end, the DFU suffix", advice: "Copy the file again")
    }

    // MARK: What is no image

    @Test(
        "packed files, libraries, web pages and stand-ins for files are called by their names",
        arguments: [
            ([0x1F, 0x8B, 8, 0], "compressed with gzip", "gunzip --keep"),
            ([0xFD] + Array("7zXZ\0".utf8), "compressed with xz", "unxz"),
            (Array("BZh91AY".utf8), "compressed with bzip2", "bunzip2"),
            ([0x28, 0xB5, 0x2F, 0xFD, 0], "compressed with zstd", "unzstd"),
            (Array("PK\u{3}\u{4}rest".utf8), "a ZIP archive", "unzip"),
            (Array("!<arch>\n".utf8), "a library of objects", "linker"),
            (Array("\u{FEFF}\n<!DOCTYPE html>\n<html>".utf8), "a web page", "browser"),
            (Array("<html lang=\"en\">".utf8), "a web page", "browser"),
            (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "Git LFS has not fetched", "git lfs pull"),
            (Array("S00600004844521B\n".utf8), "a Motorola S-record file", "arm-none-eabi-objcopy -I srec -O ihex"),
            (Array("\r\n  S1130000285F245F2212226A000424290008237C2A\r\n".utf8), "a Motorola S-record file", "objcopy"),
        ] as [([UInt8], String, String)])
    func named(beginning: [UInt8], words: String, way: String) {
        let bytes = Data(beginning) + Data(repeating: UInt8(ascii: " "), count: 2000)
        expect(refusal(bytes, "it's an image.bin"), words, advice: way)
    }

    @Test("a path in the way out is one word of a shell, whatever is in it")
    func quotedPath() throws {
        let found = refusal(Data([0x1F, 0x8B, 8]), "a 'b';c")
        #expect(
            found?.advice.hasSuffix("gunzip --keep " + Quoted.shell(scratch.url.path + "/a 'b';c")) == true,
            "\(found?.advice ?? "")")
    }

    @Test("a folder, a pipe and a device are called so at once, and not waited for")
    func noFiles() throws {
        func found(_ path: String) -> Failure? { failure { _ = try ImageFile(contentsOf: URL(fileURLWithPath: path)) } }
        expect(found(scratch.url.path), "is a folder", advice: "Name a file in it")
        let pipe = scratch.url.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        expect(found(pipe), "is a pipe", advice: "to a file")
        expect(found("/dev/zero"), "is a device", advice: "Name a file")
        #expect(found(scratch.url.path + "/nothing")?.kind == .environment)
        // Twice as large as is read, and nothing of it is on the disk.
        let large = try scratch.file("large.elf", Data())
        #expect(truncate(large.path, 1 << 29) == 0)
        expect(found(large.path), "a file of 512 MB", advice: "much smaller")
    }

    @Test("settings of the chip are no part of an image: they are named, with the way to take them out")
    func settings() throws {
        let image = try makeImage(for: microbit)
        let file = IntelHex.text([
            Segment(address: 0, bytes: image), Segment(address: 0x1000_1014, bytes: Data([0, 0xC0, 3, 0])),
        ])
        expect(
            refusal(Data(file.utf8), "a.hex"), "sets the chip's settings (UICR) at 0x10001000",
            advice: "-intel -exclude 0x10001000 0x10002000 -o a-image.hex -intel")
        let options = try hexFile(makeImage(for: blackpill), blackpill)
        let segments =
            try IntelHex.parse(String(decoding: options, as: UTF8.self), file: "") + [
                Segment(address: 0x1FFF_C000, bytes: Data([1]))
            ]
        expect(
            refusal(Data(IntelHex.text(segments).utf8), "b.hex", for: blackpill), "sets the chip's option bytes",
            advice: "srec_cat")
        expect(
            refusal(UF2.file(segments, family: 1), "b.uf2", for: blackpill), "sets the chip's option bytes",
            advice: "Leave them out")
    }
}
