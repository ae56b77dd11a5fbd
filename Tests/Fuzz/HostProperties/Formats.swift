// What must hold of the files that other programs write images to, and of the texts on an interface chip's drive.
import Foundation
import FuzzProperties
import Reporting

@testable import Flashing
@testable import Image

// MARK: Files

/// The first byte chooses what the rest is:
///
/// | First byte (modulo 6) | The rest |
/// |---|---|
/// | 0 | a file as it comes |
/// | 1 | blocks of UF2: `[flags, number, count, size, address, 4 bytes; family, seed]` each, to which the target gives the rest |
/// | 2 | what stands before the suffix of a DfuSe file, whose size is made right with bit 7 |
/// | 3 | a binary to which a DFU suffix is given |
/// | 4 | records of a Universal Hex, a line each, to which the target gives length and checksum |
/// | 5 | a text, which becomes UTF-16; with bit 7 in the other order |
private func file(_ input: [UInt8]) -> Data {
    let kind = input.first ?? 0, rest = Array(input.dropFirst())
    switch kind % 6 {
    case 1: return blocks(rest)
    case 2:
        var contents = Data(rest)
        if kind & 0x80 != 0, contents.count >= 10 {
            contents.replaceSubrange(6..<10, with: UInt32(contents.count).littleEndianBytes)
        }
        return withSuffix(contents, version: 0x011A)
    case 3: return withSuffix(Data(rest), version: 0x0100)
    case 4:
        let records = rest.split(separator: 0x0A).filter { $0.count >= 3 && $0.count < 259 }.map { record in
            let bytes = [UInt8(record.count - 3)] + record
            return ":" + (bytes + [0 &- bytes.reduce(0, &+)]).map { String(format: "%02x", $0) }.joined()
        }
        return Data((records + [":00000001FF"]).joined(separator: "\r").utf8)
    case 5:
        let isBig = kind & 0x80 != 0
        return Data(isBig ? [0xFE, 0xFF] : [0xFF, 0xFE]) + rest.flatMap { isBig ? [0, $0] : [$0, 0] }
    default: return Data(rest)
    }
}

private func blocks(_ bytes: [UInt8]) -> Data {
    stride(from: 0, to: bytes.count - bytes.count % 10, by: 10).reduce(Data()) { file, at in
        let part = Array(bytes[at..<at + 10])
        let flags = UInt32(part[0] & 3) | UInt32(part[0] & 0x30) << 8, size = UInt32(part[3]) + 1
        let address = part[4..<8].reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        let words = [0x0A32_4655, 0x9E5D_5157, flags, address, size, UInt32(part[1]), UInt32(part[2]), UInt32(part[8])]
        return file + words.flatMap(\.littleEndianBytes) + [UInt8](repeating: part[9], count: 476) + [0x30, 0x6F, 0xB1, 0x0A]
    }
}

private func withSuffix(_ contents: Data, version: UInt16) -> Data {
    let all: Data =
        contents + ([0xFFFF, 0xDF11, 0x0483, version] as [UInt16]).flatMap(\.littleEndianBytes) + Array("UFD".utf8) + [16]
    return all + DFUFile.crc(all).littleEndianBytes
}

/// A file is read or refused as an unfit image; what is read lies in order, is no more than the file has, and is written in each format to what
/// reads the same.
@Sendable func checkFormats(_ input: [UInt8]) throws {
    let bytes = file(input), url = URL(fileURLWithPath: "/fuzzed/image")
    let read: ImageFile
    do { read = try ImageFile(bytes, from: url) } catch let failure as Failure {
        guard failure.kind == .unfitImage, !failure.advice.isEmpty, failure.what.utf8.count < 400 else {
            throw Violation("refused otherwise: \(failure.kind) \(failure.what)", input)
        }
        return
    }
    let segments = read.segments
    for (former, next) in zip(segments, segments.dropFirst()) where read.format != .elf && former.range.upperBound >= next.address
    {
        throw Violation("segments that are not in order", input)
    }
    guard segments.reduce(0, { $0 + $1.bytes.count }) <= bytes.count else {
        throw Violation("more bytes than the file has", input)
    }
    guard segments.allSatisfy({ $0.range.upperBound <= 1 << 32 && !$0.bytes.isEmpty }) else {
        throw Violation("an odd segment", input)
    }
    if read.format == .elf { return }
    let dfu = try DFUFile.segments(DFUFile.dfuSe(segments, for: .init()), file: "again")
    guard dfu == segments else { throw Violation("came back otherwise by DfuSe", input) }
    guard try IntelHex.parse(IntelHex.text(segments), file: "again") == segments else {
        throw Violation("came back otherwise by HEX", input)
    }
    let programs = try UF2.programs(UF2.file(segments, family: 7), file: "again")
    // Blocks are filled up with erased flash.
    for segment in segments {
        guard let whole = programs.first?.segments.first(where: { $0.range.contains(segment.address) }),
            whole.bytes.dropFirst(Int(segment.address - whole.address)).starts(with: segment.bytes)
        else { throw Violation("came back otherwise by UF2", input) }
    }
    guard programs[0].segments.reduce(0, { $0 + $1.bytes.count }) <= segments.reduce(0, { $0 + $1.bytes.count + 2 * UF2.payload })
    else {
        throw Violation("more blocks than there are bytes", input)
    }
}

// MARK: A drive

/// DETAILS.TXT up to the first zero byte, then FAIL.TXT: what is taken of them is short, and steers no terminal.
@Sendable func checkDrive(_ input: [UInt8]) throws {
    let details = Array(input.prefix { $0 != 0 })
    _ = try Folder.file("DETAILS.TXT", details)
    _ = try Folder.file("FAIL.TXT", Array(input.dropFirst(details.count + 1)))
    guard let drive = DAPLinkDrive(mountPoint: Folder.url.path), let complaint = drive.complaint else {
        throw Violation("a drive that has both files", input)
    }
    let texts = drive.details.flatMap { [$0.key, $0.value] } + [complaint, drive.identifier, drive.boardCode]
    guard texts.allSatisfy({ $0.utf8.count < 20_000 && Quoted.line($0) == $0 }) else {
        throw Violation("a text that steers a terminal, or is without end", input)
    }
    // Only what the drive says after it has gone is of this copy.
    var comeback = DriveReturn(of: drive)
    if comeback.look(drive) != nil { throw Violation("came back without having left", input) }
    _ = comeback.look(nil)
    if comeback.look(drive) != drive { throw Violation("did not come back", input) }
}
