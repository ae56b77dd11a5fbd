// A 32-bit little-endian Arm ELF file: what is loaded where, its sections and its symbols.
import Foundation
import Reporting

/// A linked firmware image. Reads no more of ELF (Tool Interface Standard, ELF 1.2, book I) than images need.
public struct ELFImage: Sendable {
    /// A loadable part of the program (`PT_LOAD`).
    public struct Segment: Sendable {
        /// Where the bytes are programmed (physical address).
        public var address: UInt64
        /// Offset in the file of its first byte, inside the file with all `fileSize` bytes: checked on reading.
        public var fileOffset: Int
        /// Bytes in the file; what else is in memory is zeroed at start.
        public var fileSize: Int
        /// Bytes that it takes in memory, `fileSize` or more.
        public var memorySize: Int

        /// The addresses that are programmed.
        var range: Range<UInt64> { address..<address + UInt64(fileSize) }
    }

    /// A named part of the file, as the linker wrote it.
    public struct Section: Sendable {
        /// Its name, ".text"; not checked against anything.
        public var name: String
        /// Where it is at run time; 0 for what is not loaded, such as debug information.
        public var address: UInt64
        /// Offset in the file of its first byte; means nothing when `hasContents` is false.
        public var fileOffset: Int
        /// Bytes at run time; in the file too when `hasContents`.
        public var size: Int
        /// Whether the file holds its bytes (false: .bss).
        public var hasContents: Bool
    }

    /// A name for an address. The mapping symbols `$a`, `$d` and `$t` (ELF for the Arm Architecture, 5.5.5) are left out.
    public struct Symbol: Sendable {
        /// As the linker knows it: mangled, for what comes from Swift.
        public var name: String
        /// The address; bit 0 of a function's is set, which says Thumb code.
        public var value: UInt64
        /// Bytes that belong to it; 0 when the compiler did not say.
        public var size: Int
        /// True for code (`STT_FUNC`).
        public var isFunction: Bool
    }

    /// Where the file was read from; it is not read again.
    public let url: URL
    /// The whole file. Stamping changes it here, not on disk.
    public private(set) var bytes: Data
    /// Where the program starts (`e_entry`): the reset handler, bit 0 set for Thumb code.
    public let entry: UInt64
    /// The loadable segments alone, in the order of the program headers.
    public let segments: [Segment]
    /// All sections, in the order of their headers.
    public let sections: [Section]
    /// The symbols of all symbol tables that have a name.
    public let symbols: [Symbol]

    /// Reads the file.
    /// - Throws: `Failure` when it cannot be read or is no Arm ELF.
    public init(contentsOf url: URL) throws {
        guard let data = try? Data(contentsOf: url) else {
            throw Failure(.environment, "no image at \(url.path)", remedy: .build(board: nil))
        }
        var reader = LittleEndianReader(data: data, file: url.lastPathComponent)
        guard data.count > 52, data.starts(with: [0x7F, 0x45, 0x4C, 0x46, 1, 1]), try reader.half(18) == 40 else {
            throw Failure(
                .environment, "\(url.path) is no 32-bit Arm ELF image", about: "\(url.path)",
                advice: "Name the file that the linker wrote")
        }
        self.url = url
        bytes = data
        entry = UInt64(try reader.word(24))

        let programHeaders = Int(try reader.word(28)), programSize = try reader.half(42), programCount = try reader.half(44)
        segments = try (0..<programCount).compactMap { index in
            let at = programHeaders + index * programSize
            guard try reader.word(at) == 1 else { return nil }
            let segment = Segment(
                address: UInt64(try reader.word(at + 12)), fileOffset: Int(try reader.word(at + 4)),
                fileSize: Int(try reader.word(at + 16)), memorySize: Int(try reader.word(at + 20)))
            guard segment.fileOffset + segment.fileSize <= data.count else { throw reader.truncated }
            return segment
        }

        let sectionHeaders = Int(try reader.word(32)), sectionSize = try reader.half(46), sectionCount = try reader.half(48)
        let nameIndex = try reader.half(50)
        let headers = (0..<sectionCount).map { sectionHeaders + $0 * sectionSize }
        let names = nameIndex < sectionCount ? Int(try reader.word(headers[nameIndex] + 16)) : 0
        var sections: [Section] = []
        for at in headers {
            let section = Section(
                name: try reader.text(names + Int(try reader.word(at))), address: UInt64(try reader.word(at + 12)),
                fileOffset: Int(try reader.word(at + 16)), size: Int(try reader.word(at + 20)),
                hasContents: try reader.word(at + 4) != 8)
            guard !section.hasContents || section.fileOffset + section.size <= data.count else { throw reader.truncated }
            sections.append(section)
        }
        self.sections = sections

        var symbols: [Symbol] = []
        for at in headers where try reader.word(at + 4) == 2 {
            let table = Int(try reader.word(at + 16)), count = Int(try reader.word(at + 20)) / 16
            let link = Int(try reader.word(at + 24))
            // All tables together have no more entries than the file has room for.
            guard link < headers.count, symbols.count + count <= data.count / 16 else { throw reader.truncated }
            let strings = Int(try reader.word(headers[link] + 16))
            for index in 0..<count {
                let entry = table + index * 16
                let name = try reader.text(strings + Int(try reader.word(entry)))
                // $t, $a and $d mark code and data (ELF for the Arm Architecture, 5.5.5).
                guard !name.isEmpty, !["$t", "$a", "$d"].contains(String(name.prefix { $0 != "." })) else { continue }
                symbols.append(
                    Symbol(
                        name: name, value: UInt64(try reader.word(entry + 4)), size: Int(try reader.word(entry + 8)),
                        isFunction: try reader.byte(entry + 12) & 15 == 2))
            }
        }
        self.symbols = symbols
    }

    /// The first section of that name; nil when there is none.
    public func section(_ name: String) -> Section? { sections.first { $0.name == name } }
    /// The first symbol of that mangled name; nil when there is none. Looks at all symbols.
    public func symbol(_ name: String) -> Symbol? { symbols.first { $0.name == name } }

    /// The bytes that the file holds for `range` of the loaded addresses, nil when it does not cover it.
    public func contents(_ range: Range<UInt64>) -> Data? {
        for segment in segments where segment.address <= range.lowerBound {
            let offset = Int(range.lowerBound - segment.address)
            guard offset + range.count <= segment.fileSize else { continue }
            let start = segment.fileOffset + offset
            return bytes[start..<start + range.count]
        }
        return nil
    }

    /// Bytes of RAM that are taken before the program starts: .data and .bss.
    public func staticRAM(in memory: Range<UInt64>) -> Int {
        sections.filter { memory.contains($0.address) }.reduce(0) { $0 + $1.size }
    }

    /// File offset of the byte that is loaded at `address`.
    func fileOffset(of address: UInt64) -> Int? {
        segments.first { $0.address <= address && address < $0.address + UInt64($0.fileSize) }
            .map { $0.fileOffset + Int(address - $0.address) }
    }

    /// What a programmer writes to `memory`: all bytes from its start to the end of the image, gaps as erased flash (0xFF).
    /// - Throws: `Failure` when the image does not fit.
    public func flat(in memory: Range<UInt64>) throws -> Data {
        let loaded = segments.filter { $0.fileSize > 0 && memory.contains($0.address) }
        guard let end = loaded.map({ $0.address + UInt64($0.fileSize) }).max() else {
            throw Failure(
                .environment, "\(url.path) holds nothing for the flash at \(Word(memory.lowerBound))", about: "\(url.path)",
                advice: "Is it built for another board?")
        }
        guard end <= memory.upperBound else {
            throw Failure(
                .environment, "\(url.path) ends at \(Word(end)), beyond the flash's end \(Word(memory.upperBound))",
                about: "\(url.path)", advice: "Make the image smaller")
        }
        var flat = Data(repeating: 0xFF, count: Int(end - memory.lowerBound))
        for segment in loaded {
            let at = Int(segment.address - memory.lowerBound)
            flat.replaceSubrange(
                at..<at + segment.fileSize, with: bytes[segment.fileOffset..<segment.fileOffset + segment.fileSize])
        }
        return flat
    }

    /// The least of an ELF file: `flat` as one segment at `address`, started as its vector table says. It has no symbols.
    public static func file(_ flat: Data, at address: UInt64) -> Data {
        func half(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)] }
        func word(_ value: Int) -> [UInt8] { half(value & 0xFFFF) + half(value >> 16 & 0xFFFF) }
        let entry = Array(flat.dropFirst(4).prefix(4))
        var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        // Executable for Arm, EABI 5; one program header of 32 bytes follows these 52.
        bytes += half(2) + half(40) + word(1) + entry + word(52) + word(0) + word(0x0500_0000)
        bytes += half(52) + half(32) + half(1) + half(40) + half(0) + half(0)
        let (place, size) = (word(Int(address)), word(flat.count))
        bytes += word(1) + word(84) + place + place + size + size + word(5) + word(4)
        return Data(bytes) + flat
    }

    /// Replaces bytes of the file in place.
    mutating func patch(_ data: some Collection<UInt8>, fileOffset: Int) {
        bytes.replaceSubrange(fileOffset..<fileOffset + data.count, with: data)
    }
}

/// Little-endian fields of a file, checked against its end.
struct LittleEndianReader {
    let data: Data
    let file: String
    private var room: Int

    init(data: Data, file: String) {
        (self.data, self.file) = (data, file)
        room = 8 * data.count
    }

    var truncated: Failure {
        Failure(.environment, "\(file) is truncated or damaged", about: "\(file)", advice: "Build it again")
    }

    func byte(_ at: Int) throws -> UInt8 {
        guard at >= 0, at < data.count else { throw truncated }
        return data[data.startIndex + at]
    }

    func half(_ at: Int) throws -> Int { Int(try byte(at)) | Int(try byte(at + 1)) << 8 }
    func word(_ at: Int) throws -> UInt32 { UInt32(try half(at)) | UInt32(try half(at + 2)) << 16 }

    /// The NUL-terminated text at an offset.
    ///
    /// Texts may share their ends, so that a small file could name much: all of them together are at most eight times the file.
    mutating func text(_ at: Int) throws -> String {
        guard at >= 0, at < data.count else { throw truncated }
        let rest = data[(data.startIndex + at)...].prefix(max(0, room))
        let text = rest.prefix { $0 != 0 }
        room -= text.count + 1
        guard room >= 0 else { throw truncated }
        return String(decoding: text, as: UTF8.self)
    }
}
