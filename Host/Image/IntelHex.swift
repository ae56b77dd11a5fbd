// Intel HEX files (Intel Hexadecimal Object File Format Specification, revision A, 1988): reading and writing.
import Foundation
import Reporting

/// The text form of memory contents that many programmers take.
public enum IntelHex {
    /// The runs of bytes in `text`, by address, neighbours joined.
    /// - Throws: `Failure` with the number of the line that is wrong.
    public static func parse(_ text: String, file: String) throws -> [Segment] {
        var segments: [Segment] = []
        var base: UInt64 = 0
        var ended = false
        for (index, raw) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            func wrong(_ how: String) -> Failure {
                .unfit("\(file), line \(index + 1), \(how)", advice: "Write the file again: it is damaged or no Intel HEX")
            }
            let line = raw.filter { $0 > 0x20 }
            guard !line.isEmpty else { continue }
            guard !ended else { throw wrong("stands after the end record") }
            guard line.first == UInt8(ascii: ":"), let bytes = octets(line.dropFirst()), bytes.count >= 5 else {
                throw wrong("is no record")
            }
            guard bytes.count == Int(bytes[0]) + 5 else { throw wrong("has \(bytes.count - 5) bytes and says \(bytes[0])") }
            guard bytes.reduce(0, &+) == 0 else { throw wrong("has a wrong checksum") }
            let data = bytes[4..<bytes.count - 1]
            let offset = UInt64(bytes[1]) << 8 | UInt64(bytes[2])
            func value(_ length: Int) throws -> UInt64 {
                guard data.count == length else { throw wrong("has \(data.count) bytes in place of \(length)") }
                return data.reduce(0) { $0 << 8 | UInt64($1) }
            }
            switch bytes[3] {
            case 0:
                // Addresses have 32 bits; whether what reaches beyond them begins again at 0, no two programs agree on.
                guard base + offset + UInt64(data.count) <= 1 << 32 else { throw wrong("reaches beyond the last address") }
                segments.append(Segment(address: base + offset, bytes: Data(data)))
            case 1:
                _ = try value(0)
                ended = true
            case 2: base = try value(2) << 4
            case 3, 5: _ = try value(4)  // Where execution starts: the vector table says it on these chips.
            case 4: base = try value(2) << 16
            default: throw wrong("has the unknown type \(bytes[3])")
            }
        }
        guard ended else {
            throw Failure.unfit("\(file) has no end record", advice: "Write the file again: it is cut short")
        }
        return try join(segments, file: file)
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

    /// Sorts and joins what touches; what overlaps is an error.
    private static func join(_ segments: [Segment], file: String) throws -> [Segment] {
        var joined: [Segment] = []
        for segment in segments.sorted(by: { $0.address < $1.address }) where !segment.bytes.isEmpty {
            guard let last = joined.last else {
                joined.append(segment)
                continue
            }
            guard segment.address >= last.range.upperBound else {
                throw Failure.unfit(
                    "\(file) gives two values for \(hexadecimal(segment.address))", advice: "Write the file again")
            }
            if segment.address == last.range.upperBound {
                joined[joined.count - 1].bytes.append(segment.bytes)
            } else {
                joined.append(segment)
            }
        }
        return joined
    }
}
