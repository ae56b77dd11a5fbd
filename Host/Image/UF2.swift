// UF2 files: blocks of 512 bytes, each of which says where its part goes (Microsoft, "USB Flashing Format (UF2)", github.com/microsoft/uf2).
import Foundation
import Reporting

/// The format that drives of bootloaders take.
enum UF2 {
    /// Bytes of a block.
    static let blockSize = 512
    /// Bytes of the image in each block that is written: what bootloaders expect.
    static let payload = 256
    /// Bytes of the image that a block has room for.
    static let room = 476
    private static let start: [UInt8] = Array("UF2\n".utf8) + [0x57, 0x51, 0x5D, 0x9E]
    private static let end: [UInt8] = [0x30, 0x6F, 0xB1, 0x0A]
    /// Flags: not for the main flash; part of a file; the word behind the count is the family of the chip.
    private static let notMainFlash: UInt32 = 0x1, fileContainer: UInt32 = 0x1000, hasFamily: UInt32 = 0x2000

    /// Whether a file begins with a block.
    static func isOne(_ bytes: Data) -> Bool { bytes.starts(with: start) }

    /// The blocks of one family, until all of them are there.
    private struct Part {
        let family: UInt32?
        let count: Int
        var numbers: Set<Int> = []
        var segments: [Segment] = []
    }

    /// The programs in a file, one for each family of chips.
    /// - Throws: `Failure` of kind `unfitImage` that names the block that is wrong.
    static func programs(_ bytes: Data, file: String) throws -> [Program] {
        func wrong(_ what: String, _ advice: String = "Copy the file again: it is damaged") -> Failure {
            .unfit("\(file)\(what)", about: file, advice: advice)
        }
        guard bytes.count.isMultiple(of: blockSize) else {
            throw wrong(" is a UF2 file that ends in the middle of a block", "Copy the file again: it is cut short")
        }
        var parts: [Part] = []
        for number in 0..<bytes.count / blockSize {
            let place = bytes.startIndex + number * blockSize
            let block = Data(bytes[place..<place + blockSize])
            let reader = LittleEndianReader(data: block, file: file)
            guard block.starts(with: start), block.suffix(4).elementsEqual(end) else {
                throw wrong(", block \(number + 1), is no UF2 block")
            }
            let flags = try reader.word(8), address = UInt64(try reader.word(12)), size = Int(try reader.word(16))
            let index = Int(try reader.word(20)), count = Int(try reader.word(24))
            let family = flags & hasFamily == 0 ? nil : try reader.word(28)
            guard (1...room).contains(size), index < count, address + UInt64(size) <= 1 << 32 else {
                throw wrong(", block \(number + 1), has \(size) bytes at \(hexadecimal(address)), as number \(index) of \(count)")
            }
            let at = parts.firstIndex { $0.family == family } ?? parts.count
            if at == parts.count { parts.append(Part(family: family, count: count)) }
            guard parts[at].count == count, parts[at].numbers.insert(index).inserted else {
                throw wrong(", block \(number + 1), is number \(index) of \(count) once more or of another file")
            }
            if flags & (notMainFlash | fileContainer) == 0 {
                parts[at].segments.append(Segment(address: address, bytes: Data(block[32..<32 + size])))
            }
        }
        return try parts.map { part in
            guard part.numbers.count == part.count else {
                throw wrong(" has \(part.numbers.count) of \(part.count) blocks", "Copy the file again: it is cut short")
            }
            return Program(
                owner: part.family.map { "family \(hexadecimal(UInt64($0)))" }, segments: try part.segments.joined(file: file))
        }
    }

    /// `segments` in blocks of 256 bytes at multiples of 256, the rest of the first and last of each filled with 0xFF.
    static func file(_ segments: [Segment], family: UInt32) -> Data {
        var blocks: [(address: UInt64, bytes: [UInt8])] = []
        for segment in segments {
            let size = UInt64(payload), bytes = [UInt8](segment.bytes)
            for place in stride(from: segment.address / size * size, to: segment.range.upperBound, by: payload) {
                // Two segments that meet in one block share it.
                if blocks.last?.address != place { blocks.append((place, [UInt8](repeating: 0xFF, count: payload))) }
                let first = max(place, segment.address), last = min(place + size, segment.range.upperBound)
                blocks[blocks.count - 1].bytes.replaceSubrange(
                    Int(first - place)..<Int(last - place),
                    with: bytes[Int(first - segment.address)..<Int(last - segment.address)])
            }
        }
        var file = Data(capacity: blocks.count * blockSize)
        for (number, block) in blocks.enumerated() {
            let numbers = [hasFamily, UInt32(block.address), UInt32(payload), UInt32(number), UInt32(blocks.count), family]
            file += start + numbers.flatMap(\.littleEndianBytes) + block.bytes
            file += [UInt8](repeating: 0, count: room - payload) + end
        }
        return file
    }
}

extension FixedWidthInteger {
    /// Its bytes, the lowest first.
    var littleEndianBytes: [UInt8] { (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}
