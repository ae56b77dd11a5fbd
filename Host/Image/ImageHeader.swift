// The header of a firmware image: its format, reading it, checking it and stamping it after linking.
import BoardFacts
import CSodium
import Foundation
import Reporting

/// What an image says about itself: the fields of `ImageField`, all numbers little-endian (docs/flash-format.md).
///
/// The hash finds damage and mix-ups; it proves no origin: a signature over it does that.
public struct ImageHeader: Equatable, Sendable {
    /// Where it begins, from the vector table on.
    public static let offset = ImageField.headerOffset
    /// Bytes of it, as images of this tree have it.
    public static let length = ImageField.headerSize
    /// The firmware's version in this tree, "0.1.0".
    public static let currentVersion = ImageField.versionText

    /// Where the fields are that moved when the format changed. The others stayed.
    struct Layout: Equatable, Sendable {
        let format: UInt8
        let board, mcu, hash, build: Range<Int>
        /// Nil in a format that does not say them.
        let application, flags: Range<Int>?
        let length: Int

        static let current = Layout(
            format: ImageField.formatNumber, board: ImageField.board, mcu: ImageField.mcu, hash: ImageField.hash,
            build: ImageField.build, application: ImageField.application, flags: ImageField.flags, length: ImageField.headerSize)
        /// Format 2, of images that were built before the header said what they are.
        static let former = Layout(
            format: 2, board: 16..<32, mcu: 32..<40, hash: 40..<64, build: 12..<16, application: nil, flags: nil, length: 64)

        static func of(_ format: UInt8) -> Layout? { [current, former].first { $0.format == format } }
    }

    /// How it is laid out.
    let layout: Layout
    /// Major, minor, patch: three bytes.
    public var version: [UInt8]
    /// Bytes from the vector table to the end of the image; 0 when it was not stamped.
    public var size: Int
    /// First 32 bits of the commit's hash, 0 when unknown.
    public var build: UInt32
    /// Name of the board that it is made for, at most 16 bytes of ASCII; empty in an image that was not stamped.
    public var board: String
    /// Family of the chip it is made for; empty in an image that was not stamped.
    public var mcu: String
    /// 24 bytes: SHA-512 over `size` bytes of the image, this field taken as zeros, cut.
    public var hash: Data
    /// Name of the application, at most 19 bytes; empty when the image does not say it.
    public var application: String
    /// Built from a tree with changes that its commit does not have.
    public var isChanged: Bool

    /// "0.1.0+1a2b3c4d", and "-changed" behind it for what no commit has.
    public var versionText: String {
        version.map(String.init).joined(separator: ".") + (build == 0 ? "" : "+" + String(format: "%08x", build))
            + (isChanged ? "-changed" : "")
    }

    init(version: [UInt8], size: Int, origin: ImageOrigin, board: String, mcu: String, hash: Data) {
        layout = .current
        self.version = version
        self.size = size
        self.board = board
        self.mcu = mcu
        self.hash = hash
        (build, application, isChanged) = (origin.build, origin.application, origin.isChanged)
    }

    /// Reads the header of a flat image or of a whole flash.
    /// - Throws: `Failure` when there is none.
    public init(flash: Data) throws {
        let bytes = [UInt8](flash.dropFirst(Self.offset).prefix(Self.length))
        guard bytes.count >= Layout.former.length, bytes.starts(with: ImageField.magicBytes) else {
            throw Failure.unfit(
                "no image header at offset 0x\(String(Self.offset, radix: 16)): this is no light node image, or an erased flash",
                advice: "Name an image that was built for a node")
        }
        guard let layout = Layout.of(bytes[ImageField.format.lowerBound]), bytes.count >= layout.length else {
            throw Failure.unfit(
                "the image header has format \(bytes[ImageField.format.lowerBound]), this tool knows format \(ImageField.formatNumber)",
                advice: (bytes[ImageField.format.lowerBound] < ImageField.formatNumber
                    ? "Build the image again" : "Use a newer tool"))
        }
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range].prefix { $0 != 0 }, as: UTF8.self) }
        func word(_ range: Range<Int>) -> UInt32 { bytes[range].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        version = Array(bytes[ImageField.version])
        size = Int(word(ImageField.size))
        build = word(layout.build)
        board = text(layout.board)
        mcu = text(layout.mcu)
        hash = Data(bytes[layout.hash])
        application = layout.application.map(text) ?? ""
        isChanged = layout.flags.map { bytes[$0.lowerBound] & 1 == 1 } ?? false
        self.layout = layout
    }

    /// As images of this tree have it.
    public var bytes: Data {
        func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) } }
        func text(_ value: String, _ length: Int) -> [UInt8] {
            let kept = Array(value.utf8.prefix(length))
            return kept + [UInt8](repeating: 0, count: length - kept.count)
        }
        return Data(
            ImageField.magicBytes + [ImageField.formatNumber] + version + word(UInt32(size))
                + text(board, ImageField.board.count)
                + text(mcu, ImageField.mcu.count))
            + hash
            + Data(text(application, ImageField.application.count) + [isChanged ? 1 : 0] + word(build))
    }

    /// The hash that belongs to an image.
    static func hash(of image: Data, _ layout: Layout = .current) -> Data {
        var zeroed = image
        let field = zeroed.startIndex + offset + layout.hash.lowerBound
        zeroed.replaceSubrange(field..<field + ImageField.hash.count, with: Data(repeating: 0, count: ImageField.hash.count))
        var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha512_BYTES))
        _ = zeroed.withUnsafeBytes { crypto_hash_sha512(&digest, $0.bindMemory(to: UInt8.self).baseAddress, UInt64($0.count)) }
        return Data(digest.prefix(ImageField.hash.count))
    }

    /// Checks that a flat image is whole and made for `board`, and stays out of its store.
    /// - Throws: `Failure` saying which of these it is not.
    @discardableResult
    public static func check(flash: Data, for board: Board) throws -> ImageHeader {
        let header = try ImageHeader(flash: flash)
        guard header.board == board.name else {
            throw Failure.unfit(
                "this image is made for board \"\(header.board)\", not for \"\(board.name)\"",
                remedy: .build(board: board.name))
        }
        guard header.mcu == board.mcu else {
            throw Failure.unfit(
                "this image is made for the MCU \"\(header.mcu)\"; board \"\(board.name)\" has \"\(board.mcu)\"",
                remedy: .build(board: board.name))
        }
        guard header.size >= offset + header.layout.length, header.size <= flash.count else {
            throw Failure.unfit(
                "the image says \(header.size) bytes, \(flash.count) are there: it is not stamped or cut short",
                advice: "Build it again")
        }
        guard hash(of: flash.prefix(header.size), header.layout) == header.hash else {
            throw Failure.unfit(
                "the image's bytes do not match the hash in its header: it is damaged", advice: "Build it again")
        }
        if let store = board.store?.range,
            store.overlaps(board.flash.address.value..<board.flash.address.value + UInt64(header.size))
        {
            throw Failure.unfit(
                "the image of \(header.size) bytes reaches into the store at \(board.store!.address), where keys and records are kept",
                advice: "Make it smaller")
        }
        return header
    }
}

/// Where an image comes from.
public struct ImageOrigin: Equatable, Sendable {
    /// Name of the application, of which the header holds 19 bytes.
    public var application: String
    /// First 32 bits of the commit's hash, 0 when unknown.
    public var build: UInt32
    /// The tree had changes that the commit does not have.
    public var isChanged: Bool

    /// - Parameter build: first 32 bits of the commit's hash, 0 when unknown.
    public init(application: String, build: UInt32, isChanged: Bool = false) {
        (self.application, self.build, self.isChanged) = (application, build, isChanged)
    }
}

extension ELFFile {
    /// Fills size and hash of the header, the board's name, and where the image comes from.
    /// - Throws: `Failure` when it was linked without a header.
    public mutating func stampHeader(board: Board, origin: ImageOrigin) throws {
        let address = board.flash.address.value + UInt64(ImageHeader.offset)
        guard contents(address..<address + UInt64(ImageHeader.length)) != nil else {
            throw Failure.unfit(
                "\(url.lastPathComponent) is linked without an image header at \(hexadecimal(address))",
                about: url.lastPathComponent, advice: "Let it depend on Startup")
        }
        var flat = try flat(in: board.flash.range)
        let header = try ImageHeader(flash: flat)
        guard header.layout.format == ImageHeader.Layout.current.format else {
            throw Failure.unfit(
                "\(url.lastPathComponent) was linked with another release's image header", about: url.lastPathComponent,
                advice: "Build it again")
        }
        flat.stampImageHeader(board: board, version: header.version, origin: origin)
        patch(Data(flat[ImageHeader.offset..<ImageHeader.offset + ImageHeader.length]), at: address)
    }
}

extension Data {
    /// Writes the header of a flat image: for `board`, its size that of these bytes, its hash theirs.
    /// - Parameters:
    ///   - version: major, minor, patch.
    ///   - origin: what was built, from which commit.
    public mutating func stampImageHeader(board: Board, version: [UInt8], origin: ImageOrigin) {
        let field = startIndex + ImageHeader.offset..<startIndex + ImageHeader.offset + ImageHeader.length
        var header = ImageHeader(
            version: version, size: count, origin: origin, board: board.name, mcu: board.mcu,
            hash: Data(repeating: 0, count: ImageField.hash.count))
        replaceSubrange(field, with: header.bytes)
        header.hash = ImageHeader.hash(of: self)
        replaceSubrange(field, with: header.bytes)
    }
}
