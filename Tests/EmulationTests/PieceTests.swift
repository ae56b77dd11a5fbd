// What a programmer writes: the image, the boot code of a chip that starts elsewhere, and never the store.
import BoardFacts
import Foundation
import Image
import Testing

@Suite("Pieces of an image")
struct PieceTests {
    /// An ELF file with a loaded segment for each piece.
    private func elf(_ pieces: [Segment]) -> Data {
        func half(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)] }
        func word(_ value: Int) -> [UInt8] { half(value & 0xFFFF) + half(value >> 16) }
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        bytes += half(2) + half(40) + word(1) + word(0) + word(52) + word(0) + word(0x0500_0000)
        bytes += half(52) + half(32) + half(pieces.count) + half(40) + half(0) + half(0)
        var offset = 52 + 32 * pieces.count
        for piece in pieces {
            bytes += word(1) + word(offset) + word(Int(piece.address)) + word(Int(piece.address))
            bytes += word(piece.bytes.count) + word(piece.bytes.count) + word(5) + word(4)
            offset += piece.bytes.count
        }
        return pieces.reduce(Data(bytes)) { $0 + $1.bytes }
    }

    /// First stack pointer and reset handler of code at `address`.
    private func vectors(_ board: Board, at address: UInt64) -> Data {
        Data(
            [board.ram.range.upperBound, address + 9].flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
            })
    }

    private func image(_ board: Board) -> Data {
        var flat = Data((0..<0x300).map { UInt8(truncatingIfNeeded: $0) })
        flat.replaceSubrange(0..<8, with: vectors(board, at: board.flash.address.value))
        flat.stampImageHeader(board: board, version: [0, 1, 0], origin: ImageOrigin(application: "tiny", build: 0))
        return flat
    }

    private func pieces(of loaded: [Segment], for board: Board) throws -> [Segment] {
        try CheckedImage(ImageFile(elf(loaded), from: URL(fileURLWithPath: "/image.elf")), for: board).pieces
    }

    @Test("a board that starts at its image has one piece")
    func one() throws {
        let board = try loadBoard("microbit")
        let piece = Segment(address: 0, bytes: image(board))
        #expect(try pieces(of: [piece], for: board) == [piece])
    }

    @Test("a board that starts elsewhere has its boot code too, and nothing lies in its store")
    func boot() throws {
        let board = try loadBoard("blackpill-f411")
        let store = try #require(board.store)
        let loaded = [
            Segment(address: 0x0800_0000, bytes: vectors(board, at: 0x0800_0000) + Data(repeating: 0xB0, count: 24)),
            Segment(address: board.flash.address.value, bytes: image(board)),
        ]
        #expect(try pieces(of: loaded, for: board) == loaded)
        for piece in loaded { #expect(!store.range.overlaps(piece.address..<piece.address + UInt64(piece.bytes.count))) }
        let intruder = Segment(address: store.address.value + 0x100, bytes: Data(repeating: 1, count: 4))
        #expect { _ = try pieces(of: loaded + [intruder], for: board) } throws: {
            "\($0)".contains("would write 0x08004100, into the store of blackpill-f411")
        }
    }

    @Test("every board keeps image, boot code and store apart", arguments: ["microbit", "mps2-an386", "blackpill-f411"])
    func apart(name: String) throws {
        let board = try loadBoard(name)
        let store = try #require(board.store)
        if let boot = board.boot {
            #expect(!boot.range.overlaps(store.range) && !boot.range.overlaps(board.flash.range))
        }
        // The microbit's store is the end of the one flash, kept clear by the check of each image's size.
        if name != "microbit" { #expect(!store.range.overlaps(board.flash.range)) }
    }
}
