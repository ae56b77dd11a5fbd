// Text as editors, shells and transfers leave it: with a byte order mark, in UTF-16, indented, with any line ends.
import Foundation

/// The text of a file that is Intel HEX or another format of records.
enum TextFile {
    /// The bytes of a text, one for each character, without its byte order mark. Characters beyond ASCII, which no record has, become "?" where
    /// they came in UTF-16.
    static func characters(_ bytes: Data) -> Data {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return bytes.dropFirst(3) }
        if bytes.starts(with: [0xFF, 0xFE]) { return narrowed(bytes.dropFirst(2), high: 1) }
        if bytes.starts(with: [0xFE, 0xFF]) { return narrowed(bytes.dropFirst(2), high: 0) }
        // A record's mark in UTF-16 without a byte order mark; no vector table begins so, for a stack's address is a multiple of 4.
        if bytes.starts(with: [UInt8(ascii: ":"), 0]) { return narrowed(bytes, high: 1) }
        return bytes
    }

    private static func narrowed(_ bytes: Data, high: Int) -> Data {
        let units = [UInt8](bytes)
        return Data(
            stride(from: 0, to: units.count - units.count % 2, by: 2).map { at in
                let low = units[at + 1 - high]
                return units[at + high] == 0 && low < 0x80 ? low : UInt8(ascii: "?")
            })
    }

    /// What the first line says that is neither blank nor a comment, if the text begins with printable characters; at most 80 of them.
    static func beginning(_ text: Data) -> ArraySlice<UInt8>? {
        var isInComment = false, line: [UInt8] = []
        // A comment at a file's head has some lines, not some thousand.
        for byte in text.prefix(1 << 16) {
            if byte == 0x0A || byte == 0x0D {
                if !line.isEmpty, !isInComment { break }
                line.removeAll(keepingCapacity: true)
                isInComment = false
            } else if byte > 0x20 {
                guard byte < 0x7F || isInComment else { return nil }
                if line.count < 80 { line.append(byte) }
                isInComment = isInComment || isComment(line[...])
            } else if byte != 0x20, byte != 0x09, byte != 0x0B, byte != 0x0C {
                return nil
            }
            if line.count == 80, !isInComment { break }
        }
        return line.isEmpty || isInComment ? nil : line[...]
    }

    /// Whether a line without its blanks is a comment, as people write them into files of records.
    static func isComment(_ line: ArraySlice<UInt8>) -> Bool {
        line.first == UInt8(ascii: ";") || line.first == UInt8(ascii: "#") || line.starts(with: Array("//".utf8))
    }

    /// The lines, ended by LF, CR or both.
    static func lines(_ text: Data) -> [Data.SubSequence] {
        var lines: [Data.SubSequence] = [], start = text.startIndex, isAfterReturn = false
        for (index, byte) in zip(text.indices, text) {
            if byte == 0x0A, isAfterReturn {
                start = index + 1
            } else if byte == 0x0A || byte == 0x0D {
                lines.append(text[start..<index])
                start = index + 1
            }
            isAfterReturn = byte == 0x0D
        }
        return lines + [text[start...]]
    }
}
