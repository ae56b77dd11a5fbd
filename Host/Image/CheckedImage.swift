// An image that has passed every check: what may be written to a board's flash.
import BoardFacts
import Foundation
import Reporting

/// An image that is known to fit a board: whatever flashes, emulates or runs an image takes one of these.
public struct CheckedImage: Sendable {
    /// The board that it was checked for.
    public let board: Board
    /// The header that was checked: board, MCU and hash are right.
    public let header: ImageHeader
    /// What is programmed, by address: the boot code of a board that has one, and the image. The store lies outside.
    public let pieces: [Segment]
    /// Read from the start of the image; checked to lie in RAM and in the image.
    public let vectors: VectorTable
    /// What it was made of.
    public let file: ImageFile

    /// Where it was read from.
    public var source: URL { file.url }
    /// Where the image's vector table is.
    public var address: UInt64 { board.flash.address.value }
    /// Bytes to be programmed.
    public var size: Int { pieces.reduce(0) { $0 + $1.bytes.count } }
    /// The image from its vector table to its end, without boot code.
    public var flat: Data { pieces.first { $0.address == address }?.bytes ?? Data() }

    /// Reads and checks a file.
    /// - Throws: `Failure`: `environment` when it cannot be read, `unfitImage` that says why it is none for the board.
    public init(contentsOf url: URL, for board: Board) throws { try self.init(ImageFile(contentsOf: url), for: board) }

    /// Checks that `file` is whole, made for `board` and its MCU, starts with a vector table that the chip can start from, fits, and
    /// stays out of the store where keys are kept.
    /// - Throws: `Failure` of kind `unfitImage` saying which of these it is not.
    public init(_ file: ImageFile, for board: Board) throws {
        let name = file.url.lastPathComponent
        let rebuild = Remedy.build(board: board.name)
        let (stated, _) = try file.header()
        guard stated.board == board.name else {
            throw Failure.unfit(
                "\(name) is made for board “\(stated.board)”, not for “\(board.name)”", remedy: rebuild)
        }
        let segments = try file.placed(on: board)
        let places = [board.boot?.range, board.flash.range].compactMap { $0 }
        // What an ELF loads elsewhere (RAM) is no matter of the flash; a HEX file means every byte that it names.
        let loaded =
            file.format == .elf
            ? segments.filter { segment in board.wholeFlash.overlaps(segment.range) } : segments
        if let store = board.store?.range, let hit = loaded.first(where: { $0.range.overlaps(store) }) {
            throw Failure.unfit(
                "\(name) would write \(hexadecimal(max(hit.address, store.lowerBound))), into the store of \(board.name) at "
                    + "\(hexadecimal(store.lowerBound)), where its keys are kept",
                advice: "Link the image so that it stays out of the store")
        }
        if let hit = loaded.first(where: { segment in board.configuration.contains { $0.range.overlaps(segment.range) } }),
            let place = board.configuration.first(where: { $0.range.overlaps(hit.range) })
        {
            throw place.failure(in: file, for: board)
        }
        if let outside = loaded.first(where: { segment in !places.contains { $0.contains(segment.range) } }) {
            throw Failure.unfit(
                "\(name) holds bytes at \(hexadecimal(outside.address))…\(hexadecimal(outside.range.upperBound)), the flash of \(board.name) is "
                    + "\(hexadecimal(board.flash.range.lowerBound))…\(hexadecimal(board.flash.range.upperBound)): "
                    + "it is too large, or for another chip",
                remedy: rebuild)
        }
        let flat = loaded.flat(in: board.flash.range)
        do { header = try ImageHeader.check(flash: flat, for: board) } catch let error as Failure {
            throw Failure.unfit("\(name): \(error.what)", remedy: error.remedy)
        }
        let rest = flat.dropFirst(header.size)
        // Some programs fill the last block of a UF2 file with zeros.
        let isFilling = file.format == .uf2 && rest.count < UF2.payload && rest.allSatisfy { $0 == 0 }
        guard isFilling || rest.allSatisfy({ $0 == 0xFF }) else {
            throw Failure.unfit(
                "\(name) goes on after the \(header.size) bytes that its header names",
                advice: "Flash the file that the build wrote")
        }
        let image = Segment(address: board.flash.address.value, bytes: Data(flat.prefix(header.size)))
        vectors = VectorTable(image.bytes)
        try vectors.check(board: board, image: image.range, file: name)
        if let boot = board.boot {
            let code = loaded.flat(in: boot.range)
            try VectorTable(code).check(board: board, image: boot.range, file: "the boot code of \(name)")
            pieces = [Segment(address: boot.address.value, bytes: code), image].sorted { $0.address < $1.address }
        } else {
            pieces = [image]
        }
        self.board = board
        self.file = file
    }

    /// Sections and symbols of the file that it was read from, read at each call.
    /// - Throws: `Failure` of kind `unfitImage` when it is no ELF file, or they lie beyond its end.
    public func linked() throws -> ELFImage { try ELFImage(ELFFile(file.bytes, from: source)) }
}

extension ChipFacts.Configuration {
    fileprivate var range: Range<UInt64> { address.value..<address.value + size.value }

    /// Settings of the chip are no part of an image, and some of them lock it for ever.
    fileprivate func failure(in file: ImageFile, for board: Board) -> Failure {
        let name = file.url.deletingPathExtension().lastPathComponent + "-image.hex"
        let cut = "-exclude \(hexadecimal(range.lowerBound)) \(hexadecimal(range.upperBound))"
        return .unfit(
            "\(file.url.lastPathComponent) sets the chip's \(self.name) at \(hexadecimal(range.lowerBound)), which flashing leaves as they are",
            about: file.url.path,
            advice: file.format == .hex
                ? "Take them out, and flash the rest: srec_cat \(Quoted.shell(file.url.path)) -intel \(cut) -o \(Quoted.shell(name)) -intel"
                : "Leave them out of the image; a probe's own program sets them")
    }
}

extension Board {
    /// All of the chip's flash: boot code, store and image. Where the store is a memory of its own, without it.
    public var wholeFlash: Range<UInt64> {
        let parts = [boot?.range, flash.range].compactMap { $0 } + (isStoreInFlash ? [store!.range] : [])
        return parts.map(\.lowerBound).min()!..<parts.map(\.upperBound).max()!
    }

    private var isStoreInFlash: Bool {
        guard let store else { return false }
        let touching = [boot?.range, flash.range].compactMap { $0 }
        return touching.contains {
            $0.overlaps(store.range) || $0.upperBound == store.range.lowerBound || $0.lowerBound == store.range.upperBound
        }
    }
}

/// The two words from which a Cortex-M starts (ARMv7-M Architecture Reference Manual, B1.5.2 and B1.5.3).
public struct VectorTable: Equatable, Sendable {
    /// First value of the main stack pointer.
    public let stack: UInt64
    /// Address of the reset handler, bit 0 set: Thumb code.
    public let reset: UInt64

    init(_ image: Data) {
        func word(_ at: Int) -> UInt64 {
            image.dropFirst(at).prefix(4).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        stack = word(0)
        reset = word(4)
    }

    func check(board: Board, image: Range<UInt64>, file: String) throws {
        let ram = board.ram.range
        guard stack > ram.lowerBound, stack <= ram.upperBound, stack.isMultiple(of: 4) else {
            throw Failure.unfit(
                "the vector table of \(file) puts the stack at \(hexadecimal(stack)), the RAM of \(board.name) is "
                    + "\(hexadecimal(ram.lowerBound))…\(hexadecimal(ram.upperBound))",
                remedy: .build(board: board.name))
        }
        guard reset & 1 == 1, image.contains(reset & ~1) else {
            throw Failure.unfit(
                "the vector table of \(file) starts at \(hexadecimal(reset)), which is no Thumb code inside the image",
                remedy: .build(board: board.name))
        }
    }
}
