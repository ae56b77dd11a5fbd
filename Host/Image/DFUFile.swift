// Files for DFU: the suffix at the end of any file (USB DFU 1.1, appendix B), and ST's DfuSe format (UM0391, "DfuSe File Format Specification").
import Foundation
import Reporting

/// Files that end with a DFU suffix.
enum DFUFile {
    /// A device that may be told in a suffix; 0xFFFF stands for any.
    struct Identity: Equatable, Sendable {
        var vendor: UInt16 = 0xFFFF
        var product: UInt16 = 0xFFFF
    }

    private static let suffixLength = 16
    /// bcdDFU of DfuSe.
    private static let dfuSeVersion: UInt16 = 0x011A
    private static let prefix = Array("DfuSe".utf8)
    private static let target = Array("Target".utf8)

    // MARK: Suffix

    /// What stands before the suffix; nil when there is no suffix.
    /// - Throws: `Failure` of kind `unfitImage` when the suffix does not fit the file.
    static func contents(_ bytes: Data, file: String) throws -> Data? {
        guard bytes.count >= suffixLength, bytes.suffix(8).starts(with: Array("UFD".utf8)) else { return nil }
        let reader = LittleEndianReader(data: bytes, file: file)
        let length = Int(try reader.byte(bytes.count - 5)), stated = try reader.word(bytes.count - 4)
        guard (suffixLength...bytes.count).contains(length) else {
            throw Failure.unfit(
                "\(file) ends with a DFU suffix that says it has \(length) bytes", about: file,
                advice: "Copy the file again: it is damaged")
        }
        guard crc(bytes.dropLast(4)) == stated else {
            throw Failure.unfit(
                "\(file) does not match the checksum in its DFU suffix", about: file,
                remedy: .either([.advice("Copy the file again: it is damaged"), .build(board: nil)]))
        }
        return Data(bytes.dropLast(length))
    }

    /// A suffix for `contents`.
    private static func suffix(_ contents: Data, _ identity: Identity, version: UInt16) -> [UInt8] {
        let fields = [0xFFFF, identity.product, identity.vendor, version].flatMap(\.littleEndianBytes)
        let head = fields + Array("UFD".utf8) + [UInt8(suffixLength)]
        return head + crc(contents + head).littleEndianBytes
    }

    /// CRC-32 as DFU has it: of IEEE 802.3, not inverted at the end.
    static func crc(_ bytes: Data) -> UInt32 {
        bytes.withUnsafeBytes { bytes in
            bytes.reduce(0xFFFF_FFFF) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
        }
    }

    private static let table: [UInt32] = (0..<256).map { number in
        (0..<8).reduce(UInt32(number)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
    }

    // MARK: DfuSe

    /// Whether a file begins as a DfuSe file does.
    static func isDfuSe(_ bytes: Data) -> Bool { bytes.starts(with: prefix) }

    /// What is programmed, by address.
    /// - Throws: `Failure` of kind `unfitImage` when the file is damaged.
    static func segments(_ bytes: Data, file: String) throws -> [Segment] {
        func wrong(_ what: String) -> Failure {
            .unfit("\(file)\(what)", about: file, advice: "Copy the file again: it is damaged")
        }
        guard let contents = try contents(bytes, file: file) else {
            throw wrong(" is a DfuSe file without its end, the DFU suffix")
        }
        let reader = LittleEndianReader(data: contents, file: file)
        guard try reader.byte(5) == 1 else { throw wrong(" is a DfuSe file of version \(try reader.byte(5)), known is 1") }
        guard Int(try reader.word(6)) == contents.count else {
            throw wrong(" is a DfuSe file that says \(try reader.word(6)) bytes, \(contents.count) are there")
        }
        var at = 11, segments: [Segment] = []
        for number in 0..<Int(try reader.byte(10)) {
            guard contents.dropFirst(at).starts(with: target) else { throw wrong(", target \(number + 1), is none") }
            let size = Int(try reader.word(at + 266)), count = Int(try reader.word(at + 270))
            at += 274
            let end = at + size
            for _ in 0..<count {
                let address = UInt64(try reader.word(at)), length = Int(try reader.word(at + 4))
                at += 8
                guard at + length <= min(end, contents.count), address + UInt64(length) <= 1 << 32 else {
                    throw wrong(", target \(number + 1), holds \(length) bytes at \(hexadecimal(address)), which are not there")
                }
                let start = contents.startIndex + at
                segments.append(Segment(address: address, bytes: Data(contents[start..<start + length])))
                at += length
            }
            guard at == end else { throw wrong(", target \(number + 1), says \(size) bytes and holds others") }
        }
        guard at == contents.count else { throw wrong(" goes on after its last target") }
        return try segments.joined(file: file)
    }

    /// `segments` as a DfuSe file of one target: the internal flash, which is alternate setting 0 of ST's bootloaders.
    static func dfuSe(_ segments: [Segment], for identity: Identity) -> Data {
        func word(_ number: Int) -> [UInt8] { UInt32(number).littleEndianBytes }
        let elements = segments.reduce(Data()) { $0 + UInt32($1.address).littleEndianBytes + word($1.bytes.count) + $1.bytes }
        let name = Array("Internal Flash".utf8)
        let head = target + [0] + word(1) + name + [UInt8](repeating: 0, count: 255 - name.count)
        let body = Data(head + word(elements.count) + word(segments.count)) + elements
        let contents = Data(prefix + [1] + word(body.count + 11) + [1]) + body
        return contents + suffix(contents, identity, version: dfuSeVersion)
    }
}
