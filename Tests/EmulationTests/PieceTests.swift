// What a programmer writes: the image, the boot code of a chip that starts elsewhere, and never the store.
import Foundation
import Testing

@testable import FirmwareBuild

@Suite("Pieces of an image")
struct PieceTests {
    /// An ELF file with a loaded segment for each piece.
    private func elf(_ pieces: [ELFImage.Piece]) -> Data {
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

    private func image(_ board: Board) -> Data {
        var flat = Data((0..<0x300).map { UInt8(truncatingIfNeeded: $0) })
        flat.stampImageHeader(board: board, version: [0, 1, 0], build: 0)
        return flat
    }

    private func load(_ pieces: [ELFImage.Piece]) throws -> ELFImage {
        let scratch = try Scratch()
        let url = scratch.url.appendingPathComponent("image.elf")
        try elf(pieces).write(to: url)
        return try ELFImage(contentsOf: url)
    }

    @Test("a board that starts at its image has one piece")
    func one() throws {
        let board = try loadBoard("microbit")
        let piece = ELFImage.Piece(address: 0, bytes: image(board))
        #expect(try load([piece]).pieces(for: board) == [piece])
    }

    @Test("a board that starts elsewhere has its boot code too, and nothing lies in its store")
    func boot() throws {
        let board = try loadBoard("blackpill-f411")
        let store = try #require(board.store)
        let pieces = [
            ELFImage.Piece(address: 0x0800_0000, bytes: Data(repeating: 0xB0, count: 32)),
            ELFImage.Piece(address: board.flash.address.value, bytes: image(board)),
        ]
        #expect(try load(pieces).pieces(for: board) == pieces)
        for piece in pieces { #expect(!store.range.overlaps(piece.address..<piece.address + UInt64(piece.bytes.count))) }
        let intruder = ELFImage.Piece(address: store.address.value + 0x100, bytes: Data(repeating: 1, count: 4))
        #expect { _ = try load(pieces + [intruder]).pieces(for: board) } throws: {
            "\($0)".contains("4 bytes at 0x8004100, in the store at 0x8004000")
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
