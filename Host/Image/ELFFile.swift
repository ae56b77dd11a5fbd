// A linked program as an ELF file: what is loaded where, and nothing else of it. Its sections and symbols are read by ELFImage.
import Foundation
import Reporting

/// A 32-bit little-endian Arm ELF file (Tool Interface Standard, ELF 1.2, book I), as far as programming a flash needs it.
public struct ELFFile: Sendable {
    /// Bytes of the file that are loaded (`PT_LOAD`); never empty.
    struct Load: Sendable {
        /// Where they are programmed (physical address).
        let address: UInt64
        /// Their place in the file, inside of it: checked on reading.
        let place: Range<Int>
    }

    /// Where the file was read from; it is not read again.
    public let url: URL
    /// The whole file. Stamping changes it here, not on disk.
    public private(set) var bytes: Data
    /// Where the program starts (`e_entry`): the reset handler, bit 0 set for Thumb code.
    public let entry: UInt64
    /// In the order of the program headers.
    let loads: [Load]

    /// The first four bytes of every ELF file.
    static let magic = Data([0x7F, 0x45, 0x4C, 0x46])

    /// Reads the file.
    /// - Throws: `Failure`: `environment` when it cannot be read, `unfitImage` when it is no linked 32-bit Arm program, or cut.
    public init(contentsOf url: URL) throws { try self.init(try ImageFile.read(url), from: url) }

    /// - Parameter url: where the bytes were read from, or will be written to.
    /// - Throws: `Failure` of kind `unfitImage` when they are no linked 32-bit Arm program, or cut.
    public init(_ bytes: Data, from url: URL) throws {
        let reader = LittleEndianReader(data: bytes, file: url.lastPathComponent)
        try Self.identify(reader, url)
        self.url = url
        self.bytes = bytes
        entry = UInt64(try reader.word(24))
        let headers = Int(try reader.word(28)), size = try reader.half(42), count = try reader.half(44)
        loads = try (0..<count).compactMap { index in
            let at = headers + index * size
            let length = Int(try reader.word(at + 16))
            // What takes nothing of the file is zeroed at start, wherever it says that it lies.
            guard try reader.word(at) == 1, length > 0 else { return nil }
            let start = Int(try reader.word(at + 4))
            guard start + length <= bytes.count else { throw reader.truncated }
            return Load(address: UInt64(try reader.word(at + 12)), place: start..<start + length)
        }
    }

    /// Throws unless the first fields are those of a linked 32-bit little-endian Arm program.
    private static func identify(_ reader: LittleEndianReader, _ url: URL) throws {
        func isNot(_ what: String, remedy: Remedy) -> Failure { .unfit("\(url.path) \(what)", about: url.path, remedy: remedy) }
        let linked = Remedy.either([.advice("Name the file that the linker wrote for a board"), .build(board: nil)])
        guard reader.data.starts(with: magic) else { throw isNot("is no ELF file", remedy: linked) }
        guard reader.data.count >= 20 else { throw reader.truncated }
        guard try reader.byte(4) == 1 else {
            throw isNot("is a program for a 64-bit computer, not for a 32-bit Arm chip", remedy: linked)
        }
        guard try reader.byte(5) == 1 else { throw isNot("is a big-endian program; the chips are little-endian", remedy: linked) }
        let machine = try reader.half(18)
        guard machine == 40 else {
            throw isNot("is a program for another processor (ELF machine \(machine)), not for Arm", remedy: linked)
        }
        switch try reader.half(16) {
        case 2: break
        case 1: throw isNot("is a relocatable object file: it was compiled and not linked", remedy: linked)
        case let type: throw isNot("is no linked program (ELF type \(type))", remedy: linked)
        }
        guard reader.data.count >= 52 else { throw reader.truncated }
    }

    /// What is programmed, by address; none of them is empty.
    public var segments: [Segment] {
        loads.sorted { $0.address < $1.address }.map { load in
            let start = bytes.startIndex + load.place.lowerBound
            return Segment(address: load.address, bytes: Data(bytes[start..<start + load.place.count]))
        }
    }

    /// The bytes that the file holds for `range` of the loaded addresses, nil when it does not cover it.
    public func contents(_ range: Range<UInt64>) -> Data? {
        for load in loads where load.address <= range.lowerBound {
            let offset = Int(range.lowerBound - load.address)
            guard offset + range.count <= load.place.count else { continue }
            let start = bytes.startIndex + load.place.lowerBound + offset
            return bytes[start..<start + range.count]
        }
        return nil
    }

    /// What a programmer writes to `memory`: all bytes from its start to the end of the program, gaps as erased flash (0xFF).
    /// - Throws: `Failure` of kind `unfitImage` when it holds nothing there or does not fit.
    public func flat(in memory: Range<UInt64>) throws -> Data {
        let flat = segments.flat(in: memory)
        guard !flat.isEmpty else {
            throw Failure.unfit(
                "\(url.path) holds nothing for the flash at \(hexadecimal(memory.lowerBound))", about: url.path,
                advice: "Is it built for another board?")
        }
        guard flat.count <= memory.count else {
            let end = memory.lowerBound + UInt64(flat.count)
            throw Failure.unfit(
                "\(url.path) ends at \(hexadecimal(end)), beyond the flash's end \(hexadecimal(memory.upperBound))",
                about: url.path, advice: "Make the image smaller")
        }
        return flat
    }

    /// Replaces the bytes that are loaded at `address`, when the file holds them in one piece (`contents` is not nil).
    mutating func patch(_ data: Data, at address: UInt64) {
        for load in loads where load.address <= address {
            let offset = Int(address - load.address)
            guard offset + data.count <= load.place.count else { continue }
            let start = bytes.startIndex + load.place.lowerBound + offset
            bytes.replaceSubrange(start..<start + data.count, with: data)
            return
        }
    }

    /// The least of an ELF file that loads `segments`: it starts as the vector table at the beginning of the first one says, and has no
    /// sections and no symbols.
    public static func file(_ segments: [Segment]) -> Data {
        func half(_ value: Int) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8 & 0xFF)] }
        func word(_ value: Int) -> [UInt8] { half(value & 0xFFFF) + half(value >> 16 & 0xFFFF) }
        let entry = Array((segments.first?.bytes ?? Data()).dropFirst(4).prefix(4))
        var bytes = Array(magic) + [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        // Executable for Arm, EABI 5; program headers of 32 bytes each follow these 52.
        bytes += half(2) + half(40) + word(1) + (entry.count == 4 ? entry : word(0)) + word(52) + word(0) + word(0x0500_0000)
        bytes += half(52) + half(32) + half(segments.count) + half(40) + half(0) + half(0)
        var offset = 52 + 32 * segments.count
        for segment in segments {
            let place = word(Int(segment.address)), size = word(segment.bytes.count)
            bytes += word(1) + word(offset) + place + place + size + size + word(5) + word(4)
            offset += segment.bytes.count
        }
        return segments.reduce(Data(bytes)) { $0 + $1.bytes }
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
        .unfit("\(file) is truncated or damaged", about: file, remedy: .either([.advice("Copy it again"), .build(board: nil)]))
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
