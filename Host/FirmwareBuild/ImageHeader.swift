// The header of a firmware image: its format, reading it, checking it and stamping it after linking.
import CSodium
import Foundation

/// What an image says about itself, 64 bytes at offset 0x200 from its vector table. All numbers are little-endian.
///
/// | Offset | Size | Field |
/// |---|---|---|
/// | 0 | 4 | magic, "LNIM" |
/// | 4 | 1 | format, 2 |
/// | 5 | 3 | firmware version: major, minor, patch |
/// | 8 | 4 | size: bytes from the vector table to the end of the image |
/// | 12 | 4 | build: first 32 bits of the commit's hash, 0 when unknown |
/// | 16 | 16 | name of the board, ASCII, padded with NUL |
/// | 32 | 8 | MCU family: a folder of Firmware/MCU, ASCII, padded with NUL |
/// | 40 | 24 | hash: the first 24 bytes of SHA-512 (FIPS 180-4) over those `size` bytes, this field taken as zeros |
///
/// The hash finds damage and mix-ups; it proves no origin: a signature over it does that.
public struct ImageHeader: Equatable, Sendable {
    public static let offset = 0x200
    public static let length = 64
    static let magic = Array("LNIM".utf8)
    static let format: UInt8 = 2
    /// Offset of the hash in the header, and its length.
    static let hashField = 40..<64

    public var version: [UInt8]
    public var size: Int
    public var build: UInt32
    public var board: String
    /// Family of the chip it is made for; empty in an image that was not stamped.
    public var mcu: String
    public var hash: Data

    /// "0.1.0+1a2b3c4d"
    public var versionText: String {
        version.map(String.init).joined(separator: ".") + (build == 0 ? "" : "+" + String(format: "%08x", build))
    }

    init(version: [UInt8], size: Int, build: UInt32, board: String, mcu: String, hash: Data) {
        self.version = version
        self.size = size
        self.build = build
        self.board = board
        self.mcu = mcu
        self.hash = hash
    }

    /// Reads the header of a flat image or of a whole flash.
    /// - Throws: `FirmwareError` when there is none.
    public init(flash: Data) throws {
        let bytes = [UInt8](flash.dropFirst(Self.offset).prefix(Self.length))
        guard bytes.count == Self.length, bytes.starts(with: Self.magic) else {
            throw FirmwareError("no image header at offset 0x200: this is no light node image, or an erased flash.")
        }
        guard bytes[4] == Self.format else {
            throw FirmwareError(
                "the image header has format \(bytes[4]), this tool knows format \(Self.format). "
                    + (bytes[4] < Self.format ? "Build the image again." : "Use a newer tool."))
        }
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range].prefix { $0 != 0 }, as: UTF8.self) }
        func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) } }
        version = Array(bytes[5..<8])
        size = Int(word(8))
        build = word(12)
        board = text(16..<32)
        mcu = text(32..<40)
        hash = Data(bytes[Self.hashField])
    }

    /// The 64 bytes.
    public var bytes: Data {
        func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) } }
        func text(_ value: String, _ length: Int) -> [UInt8] {
            let kept = Array(value.utf8.prefix(length))
            return kept + [UInt8](repeating: 0, count: length - kept.count)
        }
        return Data(Self.magic + [Self.format] + version + word(UInt32(size)) + word(build) + text(board, 16) + text(mcu, 8))
            + hash
    }

    /// The hash that belongs to an image.
    static func hash(of image: Data) -> Data {
        var zeroed = image
        let field = zeroed.startIndex + offset + hashField.lowerBound
        zeroed.replaceSubrange(field..<field + hashField.count, with: Data(repeating: 0, count: hashField.count))
        var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha512_BYTES))
        _ = zeroed.withUnsafeBytes { crypto_hash_sha512(&digest, $0.bindMemory(to: UInt8.self).baseAddress, UInt64($0.count)) }
        return Data(digest.prefix(hashField.count))
    }

    /// Checks that a flat image is whole and made for `board`, and stays out of its store.
    /// - Throws: `FirmwareError` saying which of these it is not.
    @discardableResult
    public static func check(flash: Data, for board: Board) throws -> ImageHeader {
        let header = try ImageHeader(flash: flash)
        guard header.board == board.name else {
            throw FirmwareError(
                "this image is made for board \"\(header.board)\", not for \"\(board.name)\". "
                    + "Build it for this one: lightnode build --board \(board.name).")
        }
        guard header.mcu == board.mcu else {
            throw FirmwareError(
                "this image is made for the MCU \"\(header.mcu)\"; board \"\(board.name)\" has \"\(board.mcu)\". "
                    + "Build it for this one: lightnode build --board \(board.name).")
        }
        guard header.size >= offset + length, header.size <= flash.count else {
            throw FirmwareError(
                "the image says \(header.size) bytes, \(flash.count) are there: it is not stamped or cut short. Build it again.")
        }
        guard hash(of: flash.prefix(header.size)) == header.hash else {
            throw FirmwareError("the image's bytes do not match the hash in its header: it is damaged. Build it again.")
        }
        if let store = board.store?.range,
            store.overlaps(board.flash.address.value..<board.flash.address.value + UInt64(header.size))
        {
            throw FirmwareError(
                "the image of \(header.size) bytes reaches into the store at \(board.store!.address), where keys and records are kept. "
                    + "Make it smaller.")
        }
        return header
    }
}

extension ELFImage {
    /// The image as a programmer writes it to `board`'s flash, checked by its header.
    public func checkedFlash(for board: Board) throws -> Data {
        let flat = try flat(in: board.flash.range)
        try ImageHeader.check(flash: flat, for: board)
        if let store = board.store, let intruder = segments.first(where: { $0.fileSize > 0 && $0.range.overlaps(store.range) }) {
            throw FirmwareError(
                "\(url.lastPathComponent) has \(intruder.fileSize) bytes at \(Word(intruder.address)), in the store at "
                    + "\(store.address), where keys and records are kept. Correct its linker script.")
        }
        return flat
    }

    /// A part of the flash and what belongs there.
    public struct Piece: Equatable, Sendable {
        public var address: UInt64
        public var bytes: Data
    }

    /// All that a programmer writes to `board`, checked: the boot code, on a board that has one, and the image. The store lies outside.
    public func pieces(for board: Board) throws -> [Piece] {
        let image = Piece(address: board.flash.address.value, bytes: try checkedFlash(for: board))
        guard let boot = board.boot else { return [image] }
        return [Piece(address: boot.address.value, bytes: try flat(in: boot.range)), image]
    }

    /// Fills size, build and hash of the header, and the board's name.
    /// - Throws: `FirmwareError` when the image was linked without a header.
    mutating func stampHeader(board: Board, buildIdentifier: UInt32) throws {
        let address = board.flash.address.value + UInt64(ImageHeader.offset)
        guard let at = fileOffset(of: address) else {
            throw FirmwareError(
                "\(url.lastPathComponent) is linked without an image header at \(Word(address)). Let it depend on Startup.")
        }
        var flat = try flat(in: board.flash.range)
        let header = try ImageHeader(flash: flat)
        flat.stampImageHeader(board: board, version: header.version, build: buildIdentifier)
        patch(flat[ImageHeader.offset..<ImageHeader.offset + ImageHeader.length], fileOffset: at)
    }
}

extension Data {
    /// Writes the header of a flat image: for `board`, its size that of these bytes, its hash theirs.
    /// - Parameters:
    ///   - version: major, minor, patch.
    ///   - build: first 32 bits of the commit's hash, 0 when unknown.
    public mutating func stampImageHeader(board: Board, version: [UInt8], build: UInt32) {
        let field = startIndex + ImageHeader.offset..<startIndex + ImageHeader.offset + ImageHeader.length
        var header = ImageHeader(
            version: version, size: count, build: build, board: board.name, mcu: board.mcu,
            hash: Data(repeating: 0, count: ImageHeader.hashField.count))
        replaceSubrange(field, with: header.bytes)
        header.hash = ImageHeader.hash(of: self)
        replaceSubrange(field, with: header.bytes)
    }
}
