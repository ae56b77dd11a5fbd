// On which line of a board.json a row stands, so that what is said of it can be found.

/// The rows of the arrays of a JSON text's outermost object, by the arrays' names. The text need not be sound: what cannot be followed has no
/// rows.
struct RowLines {
    /// One row.
    struct Row {
        /// Counted from 1.
        let line: Int
        /// Its bytes in the text.
        let bytes: Range<Int>
    }
    private(set) var rows: [String: [Row]] = [:]
    /// Lines of the outermost object's own keys.
    private(set) var keys: [String: Int] = [:]
    /// Bytes of the outermost object's arrays and objects, each with its key.
    private(set) var values: [String: Range<Int>] = [:]

    init(_ text: some Sequence<UInt8>) {
        var reader = Reader(bytes: Array(text))
        reader.read()
        (rows, keys, values) = (reader.rows, reader.keys, reader.values)
    }

    private struct Reader {
        let bytes: [UInt8]
        var rows: [String: [Row]] = [:]
        var keys: [String: Int] = [:]
        var values: [String: Range<Int>] = [:]
        private var at = 0
        private var line = 1
        /// Objects and arrays that are open.
        private var depth = 0
        private var key = ""
        private var keyStart = 0
        /// Where the row began that is being read.
        private var begun: (line: Int, at: Int)?

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func read() {
            while at < bytes.count {
                let byte = bytes[at]
                if depth == 2, begun == nil, !Self.isBetween(byte) { begun = (line, at) }
                switch byte {
                case UInt8(ascii: "\n"): line += 1
                case UInt8(ascii: "\""): string()
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 2 {
                        end()
                        values[key] = keyStart..<(at + 1)
                    }
                    depth -= 1
                case UInt8(ascii: ","): if depth == 2 { end() }
                default: break
                }
                at += 1
            }
        }

        /// Spaces, and what stands between rows.
        private static func isBetween(_ byte: UInt8) -> Bool {
            byte <= UInt8(ascii: " ") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
        }

        /// Goes to the closing quote; in the outermost object a text before a colon is a key.
        private mutating func string() {
            let start = at + 1
            repeat {
                at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
                if at < bytes.count, bytes[at] == UInt8(ascii: "\n") { line += 1 }
            } while at < bytes.count && bytes[at] != UInt8(ascii: "\"")
            guard depth == 1, at < bytes.count, bytes[(at + 1)...].first(where: { $0 > UInt8(ascii: " ") }) == UInt8(ascii: ":")
            else { return }
            key = String(decoding: bytes[start..<at], as: UTF8.self)
            keyStart = start - 1
            keys[key] = line
        }

        private mutating func end() {
            guard let begun else { return }
            rows[key, default: []].append(Row(line: begun.line, bytes: begun.at..<at))
            self.begun = nil
        }
    }
}
