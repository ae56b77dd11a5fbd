// Files that are taken for images and that hold none as they are: each is called by its name, with the way out.
import Foundation
import Reporting

/// What a file is that is no image.
enum ForeignFile {
    private struct Kind {
        let beginning: [UInt8]
        /// What the file is, as the end of a sentence.
        let what: String
        /// The next thing to do with the file of that path, already fit for a shell.
        let advice: (String) -> String
    }

    private static func unpacked(by program: String) -> (String) -> String {
        { "Unpack it, and flash what is in it: \(program) \($0)" }
    }

    /// By their first bytes. None of them is the address of a stack, with which a plain binary begins.
    private static var kinds: [Kind] {
        [
            Kind(beginning: [0x1F, 0x8B], what: "is compressed with gzip", advice: unpacked(by: "gunzip --keep")),
            Kind(beginning: [0xFD] + Array("7zXZ".utf8), what: "is compressed with xz", advice: unpacked(by: "unxz --keep")),
            Kind(beginning: Array("BZh".utf8), what: "is compressed with bzip2", advice: unpacked(by: "bunzip2 --keep")),
            Kind(beginning: [0x28, 0xB5, 0x2F, 0xFD], what: "is compressed with zstd", advice: unpacked(by: "unzstd --keep")),
            Kind(beginning: Array("PK".utf8) + [3, 4], what: "is a ZIP archive", advice: unpacked(by: "unzip")),
            Kind(beginning: Array("!<arch>\n".utf8), what: "is a library of objects, which was not linked") { _ in
                "Name the file that the linker wrote for a board"
            },
            Kind(beginning: Array("version https://git-lfs".utf8), what: "stands for a file that Git LFS has not fetched") { _ in
                "Fetch it, in its folder: git lfs pull"
            },
        ]
    }

    /// What MCUboot's images begin with (MCUboot, docs/design.md, "Image format").
    private static let mcuboot: [UInt8] = [0x3D, 0xB8, 0xF3, 0x96]

    /// What a file is whose bytes are no format of images; nil when nothing is known of it.
    static func failure(_ bytes: Data, _ url: URL) -> Failure? {
        if let kind = kinds.first(where: { bytes.starts(with: $0.beginning) }) {
            return .unfit("\(url.path) \(kind.what)", about: url.path, advice: kind.advice(Quoted.shell(url.path)))
        }
        guard let line = TextFile.beginning(TextFile.characters(bytes)) else { return nil }
        if line.count >= 4, line.first == UInt8(ascii: "S"), line.dropFirst().prefix(3).allSatisfy(isHexadecimal) {
            let written = url.deletingPathExtension().lastPathComponent + ".hex"
            return .unfit(
                "\(url.path) is a Motorola S-record file", about: url.path,
                advice: "Make Intel HEX of it, and flash that: "
                    + "arm-none-eabi-objcopy -I srec -O ihex \(Quoted.shell(url.path)) \(Quoted.shell(written))")
        }
        let words = String(decoding: line, as: UTF8.self).lowercased()  // foreign: compared, not shown
        if words.hasPrefix("<!doctype") || words.hasPrefix("<html") {
            return .unfit(
                "\(url.path) is a web page, not the file that was to be fetched", about: url.path,
                advice: "Look at it with a browser: it says what was wrong with the address or the login")
        }
        return nil
    }

    private static func isHexadecimal(_ digit: UInt8) -> Bool {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"):
            true
        default: false
        }
    }

    /// An image that was signed for MCUboot, whichever format its file has; nil when it is none.
    static func failure(_ segments: [Segment], _ url: URL) -> Failure? {
        guard let first = segments.first?.bytes, first.starts(with: mcuboot) else { return nil }
        let reader = LittleEndianReader(data: first, file: url.lastPathComponent)
        let header = (try? reader.half(8)).map { ": its program stands behind a header of \($0) bytes" } ?? ""
        return .unfit(
            "\(url.path) is an image for the bootloader MCUboot, which no board here has\(header)", about: url.path,
            advice: "Flash the file that imgtool signed, as the build wrote it")
    }

    /// What is no file of bytes at all; nil for one that can be read.
    static func failure(status: stat, _ url: URL) -> Failure? {
        func isNo(_ what: String, _ advice: String) -> Failure {
            .unfit("\(url.path) is \(what), not an image", about: url.path, advice: advice)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            return status.st_size <= longest
                ? nil : isNo("a file of \(status.st_size >> 20) MB", "Name an image: those of microcontrollers are much smaller")
        case S_IFDIR: return isNo("a folder", "Name a file in it")
        case S_IFIFO: return isNo("a pipe", "Write what comes out of it to a file, and name that")
        case S_IFSOCK: return isNo("a socket", "Name a file")
        default: return isNo("a device", "Name a file; which node is flashed is said with --serial or --via")
        }
    }

    /// Bytes of a file at the most: an ELF file with all that a debugger wants has some tens of megabytes.
    private static let longest = 1 << 28
}
