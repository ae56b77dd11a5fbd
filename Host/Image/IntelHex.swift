// Intel HEX files (Intel Hexadecimal Object File Format Specification, revision A, 1988): reading and writing.
import Foundation
import Reporting

/// The text form of memory contents that many programmers take.
public enum IntelHex {
    /// The runs of bytes in `text`, by address, neighbours joined; of a Universal Hex those of the light node's board.
    /// - Throws: `Failure` with the number of the line that is wrong.
    public static func parse(_ text: String, file: String) throws -> [Segment] {
        try programs(Data(text.utf8), file: file).chosen(file: file).segments
    }

    /// The programs in a text: one, or those of a micro:bit Universal Hex (its specification, version 0.4.0, at tech.microbit.org), one for
    /// each kind of board. Lines may be indented and end in any way; blank lines and comments (`;`, `#`, `//`) are left out.
    static func programs(_ text: Data, file: String) throws -> [Program] {
        var reading = Reading()
        for (index, line) in TextFile.lines(text).enumerated() {
            do { try reading.take(line.filter { $0 > 0x20 }) } catch let fault as Reading.Fault {
                throw Failure.unfit(
                    "\(file), line \(index + 1), \(fault.what)", advice: "Write the file again: it is damaged or no Intel HEX")
            }
        }
        guard reading.hasEnded else {
            throw Failure.unfit("\(file) has no end record", advice: "Write the file again: it is cut short")
        }
        let programs = reading.parts.map { board, segments in
            Program(owner: board.map { "board \(String(format: "0x%04X", $0))" }, segments: segments)
        }
        return try programs.map { Program(owner: $0.owner, segments: try $0.segments.joined(file: file)) }
            .filter { !$0.segments.isEmpty || programs.count == 1 }
    }

    /// What was read so far.
    private struct Reading {
        /// What is wrong with a line.
        struct Fault: Error {
            let what: String
        }

        /// By the board of the Universal Hex; of no board in Intel HEX, and before the first block.
        var parts: [(board: UInt16?, segments: [Segment])] = [(nil, [])]
        var hasEnded = false
        private var current = 0
        private var base: UInt64 = 0

        /// - Parameter line: without blanks.
        mutating func take(_ line: Data) throws {
            let line = [UInt8](line)
            guard !line.isEmpty, !TextFile.isComment(line[...]) else { return }
            guard !hasEnded else { throw Fault(what: "stands after the end record") }
            guard line.first == UInt8(ascii: ":"), let bytes = IntelHex.octets(line.dropFirst()), bytes.count >= 5 else {
                throw Fault(what: "is no record")
            }
            guard bytes.count == Int(bytes[0]) + 5 else {
                throw Fault(what: "has \(bytes.count - 5) bytes and says \(bytes[0])")
            }
            guard bytes.reduce(0, &+) == 0 else { throw Fault(what: "has a wrong checksum") }
            try take(type: bytes[3], offset: UInt64(bytes[1]) << 8 | UInt64(bytes[2]), bytes[4..<bytes.count - 1])
        }

        private mutating func take(type: UInt8, offset: UInt64, _ data: ArraySlice<UInt8>) throws {
            func value(_ length: Int) throws -> UInt64 {
                guard data.count == length else { throw Fault(what: "has \(data.count) bytes in place of \(length)") }
                return data.reduce(0) { $0 << 8 | UInt64($1) }
            }
            switch type {
            case 0: try take(data, at: base + offset)
            case 1:
                _ = try value(0)
                hasEnded = true
            case 2: base = try value(2) << 4
            case 3, 5: _ = try value(4)  // Where execution starts: the vector table says it on these chips.
            case 4: base = try value(2) << 16
            case 0x0A:
                // A block of one board begins.
                let mark = try value(4)
                guard mark & 0xFFFF == 0xC0DE else { throw Fault(what: "begins a block of a Universal Hex without its mark") }
                let board = UInt16(mark >> 16)
                current = parts.firstIndex { $0.board == board } ?? parts.count
                if current == parts.count { parts.append((board, [])) }
            case 0x0D where current > 0: try take(data, at: base + offset)
            // Filling, and what is no program.
            case 0x0B where current > 0, 0x0C where current > 0, 0x0E where current > 0: break
            default: throw Fault(what: "has the unknown type \(type)")
            }
        }

        private mutating func take(_ data: ArraySlice<UInt8>, at address: UInt64) throws {
            // Addresses have 32 bits; whether what reaches beyond them begins again at 0, no two programs agree on.
            guard address + UInt64(data.count) <= 1 << 32 else { throw Fault(what: "reaches beyond the last address") }
            parts[current].segments.append(Segment(address: address, bytes: Data(data)))
        }
    }

    /// `segments` as text with 16 bytes per record.
    public static func text(_ segments: [Segment]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(segments.reduce(64) { $0 + $1.bytes.count * 3 })
        var upper: UInt64 = 0
        for segment in segments {
            let bytes = [UInt8](segment.bytes)
            var at = segment.address
            while at < segment.range.upperBound {
                if at >> 16 != upper {
                    upper = at >> 16
                    record(4, address: 0, [UInt8(truncatingIfNeeded: upper >> 8), UInt8(truncatingIfNeeded: upper)], to: &text)
                }
                // A record does not reach over a 64 KB border.
                let end = min(at + 16, segment.range.upperBound, (at | 0xFFFF) + 1)
                let start = Int(at - segment.address)
                record(0, address: UInt16(truncatingIfNeeded: at), bytes[start..<start + Int(end - at)], to: &text)
                at = end
            }
        }
        record(1, address: 0, [], to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func record(_ type: UInt8, address: UInt16, _ data: ArraySlice<UInt8>, to text: inout [UInt8]) {
        text.append(UInt8(ascii: ":"))
        var sum: UInt8 = 0
        func put(_ byte: UInt8) {
            sum &+= byte
            for nibble in [byte >> 4, byte & 15] { text.append(nibble < 10 ? 48 + nibble : 55 + nibble) }
        }
        put(UInt8(data.count))
        put(UInt8(address >> 8))
        put(UInt8(address & 0xFF))
        put(type)
        for byte in data { put(byte) }
        put(0 &- sum)
        text.append(UInt8(ascii: "\n"))
    }

    private static func octets(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        func nibble(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 48...57: digit - 48
            case 65...70: digit - 55
            case 97...102: digit - 87
            default: nil
            }
        }
        var bytes: [UInt8] = []
        for index in stride(from: digits.startIndex, to: digits.endIndex, by: 2) {
            guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
