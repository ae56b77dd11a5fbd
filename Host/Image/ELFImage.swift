// What a linked file tells beside its program: sections and symbols, for sizes, names of functions and lines. Flashing needs none of it.
import Foundation
import Reporting

/// A linked firmware image with its sections and symbols.
public struct ELFImage: Sendable {
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

    /// The program itself.
    public let file: ELFFile
    /// All sections, in the order of their headers.
    public let sections: [Section]
    /// The symbols of all symbol tables that have a name.
    public let symbols: [Symbol]

    /// The first symbol of that mangled name; nil when there is none. Looks at all symbols.
    public func symbol(_ name: String) -> Symbol? { symbols.first { $0.name == name } }

    /// Reads the file.
    /// - Throws: `Failure`: `environment` when it cannot be read, `unfitImage` when it is no linked 32-bit Arm program, or damaged.
    public init(contentsOf url: URL) throws { try self.init(try ELFFile(contentsOf: url)) }

    /// Reads sections and symbols of a file whose program was read before.
    /// - Throws: `Failure` of kind `unfitImage` when they lie beyond its end.
    public init(_ file: ELFFile) throws {
        self.file = file
        var reader = LittleEndianReader(data: file.bytes, file: file.url.lastPathComponent)
        let start = Int(try reader.word(32)), size = try reader.half(46), count = try reader.half(48)
        let headers = (0..<count).map { start + $0 * size }
        sections = try Self.sections(headers, &reader)
        symbols = try Self.symbols(headers, &reader)
    }

    private static func sections(_ headers: [Int], _ reader: inout LittleEndianReader) throws -> [Section] {
        let nameIndex = try reader.half(50)
        let names = nameIndex < headers.count ? Int(try reader.word(headers[nameIndex] + 16)) : 0
        var sections: [Section] = []
        for at in headers {
            let section = Section(
                name: try reader.text(names + Int(try reader.word(at))), address: UInt64(try reader.word(at + 12)),
                fileOffset: Int(try reader.word(at + 16)), size: Int(try reader.word(at + 20)),
                hasContents: try reader.word(at + 4) != 8)
            guard !section.hasContents || section.fileOffset + section.size <= reader.data.count else { throw reader.truncated }
            sections.append(section)
        }
        return sections
    }

    private static func symbols(_ headers: [Int], _ reader: inout LittleEndianReader) throws -> [Symbol] {
        var symbols: [Symbol] = []
        for at in headers where try reader.word(at + 4) == 2 {
            let table = Int(try reader.word(at + 16)), count = Int(try reader.word(at + 20)) / 16
            let link = Int(try reader.word(at + 24))
            // All tables together have no more entries than the file has room for.
            guard link < headers.count, symbols.count + count <= reader.data.count / 16 else { throw reader.truncated }
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
        return symbols
    }

    /// The first section of that name; nil when there is none.
    public func section(_ name: String) -> Section? { sections.first { $0.name == name } }

    /// The bytes of the first section of that name that has any in the file; nil when there is none.
    public func sectionBytes(_ name: String) -> [UInt8]? {
        guard let section = sections.first(where: { $0.name == name && $0.hasContents }) else { return nil }
        let start = file.bytes.startIndex + section.fileOffset
        return [UInt8](file.bytes[start..<start + section.size])
    }

    /// Bytes of RAM that are taken before the program starts: .data and .bss.
    public func staticRAM(in memory: Range<UInt64>) -> Int {
        sections.filter { memory.contains($0.address) }.reduce(0) { $0 + $1.size }
    }
}
