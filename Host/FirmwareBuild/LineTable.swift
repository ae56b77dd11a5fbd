// Which source line each machine instruction comes from: the .debug_line section of an image.
//
// DWARF Debugging Information Format, version 4 section 6.2 and version 5 section 6.2; what Swift and clang emit for these images.
import Foundation
import Image
import Reporting

/// A stretch of code that comes from one line.
public struct LineRow: Sendable, Equatable {
    /// Path as the compiler was given it, with its folder when that is known.
    public var path: String
    /// Line of the source file, counted from 1.
    public var line: Int
    /// The code that came from it, the end excluded; never empty in a table that was read.
    public var addresses: Range<UInt64>
    /// Where the sequence that it belongs to begins: one function or more. The linker leaves those of code that it dropped at 0.
    public var sequence: UInt64

    /// - Parameters:
    ///   - line: counted from 1.
    ///   - addresses: the end excluded.
    ///   - sequence: address of the first row of its sequence.
    public init(path: String, line: Int, addresses: Range<UInt64>, sequence: UInt64) {
        (self.path, self.line, self.addresses, self.sequence) = (path, line, addresses, sequence)
    }
}

extension ELFImage {
    /// The rows of code that is in the image, in the order of the section.
    /// - Throws: `Failure` when the section is damaged or of a version that is not known.
    public func lineTable() throws -> [LineRow] {
        guard let lines = sectionBytes(".debug_line") else {
            throw Failure(
                .environment, "\(file.url.path) has no line table", about: "\(file.url.path)",
                advice: "Build it again with debug information")
        }
        var reader = DwarfReader(
            lines, strings: sectionBytes(".debug_str"), lineStrings: sectionBytes(".debug_line_str"), file: file.url.path)
        var rows: [LineRow] = []
        while !reader.isAtEnd { rows += try reader.unit() }
        // No function is before the image header's end (LinkerScripts/sections.ld) but a few of Startup's.
        let first = (file.segments.map(\.address).min() ?? 0) + 0x240
        return rows.filter { $0.sequence >= first }
    }
}

/// Reads units of line programs, little-endian, 32-bit DWARF.
private struct DwarfReader {
    private let bytes: [UInt8]
    private let strings: [UInt8], lineStrings: [UInt8]
    private let file: String
    private var at = 0
    private var end: Int
    /// Bytes of names that may still be read: they may lie upon each other, so that a small file could name much.
    private var room: Int

    init(_ bytes: [UInt8], strings: [UInt8]?, lineStrings: [UInt8]?, file: String) {
        (self.bytes, self.strings, self.lineStrings, self.file) = (bytes, strings ?? [], lineStrings ?? [], file)
        end = bytes.count
        room = 64 * (bytes.count + self.strings.count + self.lineStrings.count)
    }

    var isAtEnd: Bool { at >= bytes.count }
    private var damaged: Failure {
        Failure(.environment, "the line table of \(file) is damaged at byte \(at)", advice: "Build it again")
    }

    private mutating func number(_ size: Int) throws -> UInt64 {
        guard size <= 8, at + size <= end else { throw damaged }
        defer { at += size }
        return (0..<size).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }

    private mutating func byte() throws -> UInt8 { UInt8(try number(1)) }

    private mutating func unsigned() throws -> UInt64 { try groups().value }

    private mutating func signed() throws -> Int64 {
        let (value, width, last) = try groups()
        return Int64(bitPattern: last & 0x40 != 0 && width < 64 ? value | ~0 << width : value)
    }

    /// Seven bits a byte, the lowest first (LEB128): the number, how many bits it was given in, and the last byte.
    private mutating func groups() throws -> (value: UInt64, width: UInt64, last: UInt8) {
        var value: UInt64 = 0, width: UInt64 = 0
        while true {
            let part = try byte()
            if width < 64 { value |= UInt64(part & 0x7F) << width }
            width += 7
            if part & 0x80 == 0 { return (value, width, part) }
        }
    }

    private mutating func text() throws -> String {
        guard let stop = bytes[at..<end].firstIndex(of: 0) else { throw damaged }
        defer { at = stop + 1 }
        return String(decoding: bytes[at..<stop], as: UTF8.self)
    }

    private mutating func text(in section: [UInt8], _ offset: UInt64) throws -> String {
        guard offset < UInt64(section.count) else { return "" }
        let text = section[Int(offset)...].prefix(max(0, room)).prefix { $0 != 0 }
        try take(text.count)
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func take(_ count: Int) throws {
        room -= count + 1
        guard room >= 0 else { throw damaged }
    }

    // MARK: Header (6.2.4)

    private struct Header {
        var minimumLength: UInt64 = 1
        var lineBase: Int64 = 0
        var lineRange: Int64 = 1
        var opcodeBase: UInt8 = 1
        var operandCounts: [UInt8] = []
        var folders: [String] = []
        var files: [String] = []

        /// File names are numbered from 1 up to version 4, from 0 since; `files` is filled accordingly.
        func path(_ file: UInt64) -> String? { file < files.count ? files[Int(file)] : nil }
    }

    mutating func unit() throws -> [LineRow] {
        end = bytes.count
        let length = try number(4)
        guard length < 0xFFFF_FFF0, at + Int(length) <= bytes.count else { throw damaged }
        end = at + Int(length)
        let version = try number(2)
        guard 2...5 ~= version else {
            throw Failure(
                .environment, "the line table of \(file) is of version \(version), not 2 to 5",
                advice: "Build it with the compiler that this release names")
        }
        if version == 5 { _ = try number(2) }  // address and segment selector sizes
        let headerLength = try number(4)
        let program = at + Int(headerLength)
        guard program <= end else { throw damaged }
        var header = Header()
        header.minimumLength = try number(1)
        if version >= 4 { _ = try byte() }  // operations per instruction
        _ = try byte()  // whether a row starts as a statement
        header.lineBase = Int64(Int8(bitPattern: try byte()))
        header.lineRange = Int64(try byte())
        header.opcodeBase = try byte()
        guard header.lineRange > 0, header.opcodeBase > 0 else { throw damaged }
        for _ in 1..<Int(header.opcodeBase) { header.operandCounts.append(try byte()) }
        if version == 5 { try tables5(&header) } else { try tables(&header) }
        at = program
        defer { at = end }
        return try run(header)
    }

    private mutating func tables(_ header: inout Header) throws {
        header.folders = [""]
        while case let folder = try text(), !folder.isEmpty { header.folders.append(folder) }
        header.files = [""]
        while case let name = try text(), !name.isEmpty {
            let folder = try unsigned()
            _ = (try unsigned(), try unsigned())  // time and size
            header.files.append(try joined(header, folder, name))
        }
    }

    private mutating func tables5(_ header: inout Header) throws {
        for entry in try entries() { header.folders.append(entry.name) }
        for entry in try entries() { header.files.append(try joined(header, entry.folder, entry.name)) }
    }

    private mutating func joined(_ header: Header, _ folder: UInt64, _ name: String) throws -> String {
        guard !name.hasPrefix("/"), folder < header.folders.count, !header.folders[Int(folder)].isEmpty else { return name }
        try take(header.folders[Int(folder)].utf8.count + name.utf8.count)
        return header.folders[Int(folder)] + "/" + name
    }

    /// One table of version 5: its entries' format, then the entries.
    private mutating func entries() throws -> [(name: String, folder: UInt64)] {
        var formats: [(content: UInt64, form: UInt64)] = []
        for _ in 0..<Int(try byte()) { formats.append((try unsigned(), try unsigned())) }
        let count = try unsigned()
        guard count <= UInt64(end - at) else { throw damaged }
        return try (0..<count).map { _ in
            var name = "", folder: UInt64 = 0
            for format in formats {
                let (text, value) = try attribute(format.form)
                if format.content == 1 { name = text }  // DW_LNCT_path
                if format.content == 2 { folder = value }  // DW_LNCT_directory_index
            }
            return (name, folder)
        }
    }

    /// A value by its form (7.5.6).
    private mutating func attribute(_ form: UInt64) throws -> (String, UInt64) {
        switch form {
        case 0x08: return (try text(), 0)  // string
        case 0x0E: return (try text(in: strings, try number(4)), 0)  // strp
        case 0x1F: return (try text(in: lineStrings, try number(4)), 0)  // line_strp
        case 0x0B: return ("", try number(1))  // data1
        case 0x05: return ("", try number(2))  // data2
        case 0x06: return ("", try number(4))  // data4
        case 0x0F: return ("", try unsigned())  // udata
        case 0x1E:  // data16
            _ = (try number(8), try number(8))
            return ("", 0)
        default:
            throw Failure(
                .environment, "the line table of \(file) uses the form \(form), which is not known",
                advice: "Build it with the compiler that this release names")
        }
    }

    // MARK: Program (6.2.5)

    private mutating func run(_ header: Header) throws -> [LineRow] {
        var rows: [LineRow] = []
        var address: UInt64 = 0, file: UInt64 = 1, line: Int64 = 1
        var open: (address: UInt64, file: UInt64, line: Int64)?
        var sequence: UInt64 = 0
        func close(_ next: UInt64) {
            guard let row = open, row.line > 0, next > row.address, let path = header.path(row.file) else { return }
            rows.append(LineRow(path: path, line: Int(row.line), addresses: row.address..<next, sequence: sequence))
        }
        while at < end {
            let opcode = try byte()
            if opcode >= header.opcodeBase {
                let adjusted = Int64(opcode - header.opcodeBase)
                address &+= UInt64(adjusted / header.lineRange) &* header.minimumLength
                line &+= header.lineBase &+ adjusted % header.lineRange
                close(address)
                open = (address, file, line)
                continue
            }
            switch opcode {
            case 0:
                let length = try unsigned()
                let stop = at + Int(min(length, UInt64(end)))
                guard length > 0, stop <= end else { throw damaged }
                switch try byte() {
                case 1:  // end_sequence
                    close(address)
                    (address, file, line, open) = (0, 1, 1, nil)
                case 2:  // set_address
                    address = try number(stop - at)
                    if open == nil { sequence = address }
                default: break
                }
                at = stop
            case 1:  // copy
                close(address)
                open = (address, file, line)
            case 2: address &+= try unsigned() &* header.minimumLength  // advance_pc
            case 3: line &+= try signed()  // advance_line
            case 4: file = try unsigned()  // set_file
            case 8: address &+= UInt64(Int64(255 - header.opcodeBase) / header.lineRange) &* header.minimumLength  // const_add_pc
            case 9: address &+= try number(2)  // fixed_advance_pc
            default: for _ in 0..<header.operandCounts[Int(opcode) - 1] { _ = try unsigned() }
            }
        }
        return rows
    }
}
