// Foreign text in other languages: one place for each language in which a string of a device, a label, a file or a manifest is put into
// what another program reads. What is not plain is encoded, so that it arrives as the text that it is, and never as a command.

/// Text made fit to stand in a program, a table or a document.
///
/// All of it works on Unicode scalars or bytes: a quotation mark with an accent on it is one `Character` and still ends a string.
public enum Quoted {
    // MARK: Command languages

    /// One word of Tcl, as OpenOCD reads it: what is not plain ASCII is an octal escape (Tcl(n), rule 9), which no reader takes for syntax.
    ///
    /// Tcl procedures may evaluate a word again (`eval`): such a one must not be given foreign text at all.
    public static func tcl(_ text: String) -> String {
        if text.isEmpty { return "{}" }
        var word: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) || byte >= 0x80 {
                word.append(byte)
            } else {
                word += [UInt8(ascii: "\\"), 48 + byte >> 6, 48 + byte >> 3 & 7, 48 + byte & 7]
            }
        }
        return String(decoding: word, as: UTF8.self)
    }

    /// One word of a POSIX shell, for commands that people copy; control characters are shown as `line` shows them.
    public static func shell(_ text: String) -> String {
        let shown = line(text)
        if !shown.isEmpty, shown.utf8.allSatisfy({ isPlain($0) || "@%+=:,".utf8.contains($0) }) { return shown }
        return "'" + replaced(shown) { $0 == "'" ? "'\\''" : nil } + "'"
    }

    /// A value in an option of QEMU (qemu(1)): a comma would begin the next one.
    public static func qemu(_ text: String) -> String { replaced(text) { $0 == "," ? ",," : nil } }

    /// A comment line of udev's rules, a Makefile or the like, with its `#`: it cannot end early, nor go on in the next line.
    public static func comment(_ text: String) -> String {
        let shown = line(text)
        return "# " + (shown.hasSuffix("\\") ? shown + " ." : shown)
    }

    // MARK: Documents and tables

    /// Characters of XML, HTML and SVG (XML 1.0, 2.2 and 2.4).
    /// - Parameter inAttribute: line feeds and tabs are written as references, which a reader leaves as they are there.
    public static func xml(_ text: String, inAttribute: Bool = false) -> String {
        replaced(text) { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&#39;"
            case "\r": "&#13;"
            case "\n", "\t": inAttribute ? "&#\(scalar.value);" : nil
            // XML has no way to write these.
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: "?"
            // Allowed, but a terminal or an editor that shows the file may obey them.
            case _ where isControl(scalar): "&#\(scalar.value);"
            default: nil
            }
        }
    }

    /// A field of CSV (RFC 4180) that a spreadsheet does not take for a formula: an apostrophe stands before what would begin one, and
    /// before an apostrophe. `csvField` takes it away again.
    public static func csv(_ field: String) -> String {
        let guarded = field.unicodeScalars.first.map { "=+-@'\t\r\n".unicodeScalars.contains($0) } == true ? "'" + field : field
        guard guarded.utf8.contains(where: { "\",\r\n;\t".utf8.contains($0) }) else { return guarded }
        return "\"" + replaced(guarded) { $0 == "\"" ? "\"\"" : nil } + "\""
    }

    /// The text of a field that `csv` wrote, its quotation marks taken off by the reader of the table.
    public static func csvField(_ field: String) -> String {
        field.unicodeScalars.first == "'" ? String(field.unicodeScalars.dropFirst()) : field
    }

    /// A description in the Test Anything Protocol, in which `#` begins a directive.
    public static func tap(_ text: String) -> String {
        replaced(line(text)) { $0 == "#" ? "\\#" : $0 == "\\" ? "\\\\" : nil }
    }

    // MARK: People

    /// Text of several lines on a terminal: control characters, which a terminal obeys, are shown as `\u{1B}`. Line feeds and tabs stay.
    public static func terminal(_ text: String) -> String { visible(text, keeping: "\n\t") }

    /// Text of one line: as `terminal`, and line feeds and tabs are shown too, so that it cannot pretend to be more lines.
    public static func line(_ text: String) -> String { visible(text, keeping: "") }

    /// Text that may hold more than a person reads: of a long one its beginning and its end.
    /// - Parameter limit: Unicode scalars that are kept.
    public static func brief(_ text: String, limit: Int = 4096) -> String {
        // Not more is counted than can be kept: bytes are at least as many as scalars.
        guard text.utf8.count > limit, case let scalars = text.unicodeScalars, case let count = scalars.count, count > limit
        else { return text }
        let half = limit / 2
        return String(String.UnicodeScalarView(scalars.prefix(half))) + "… (\(count - 2 * half) characters more) …"
            + String(String.UnicodeScalarView(scalars.suffix(half)))
    }

    /// JSON text with the control characters escaped that JSON lets stand: a terminal obeys them too.
    public static func json(_ text: String) -> String {
        replaced(text) { scalar in
            guard isControl(scalar), scalar.value >= 0x7F else { return nil }
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }

    // MARK: Characters

    /// Letters, digits and what names consist of; no language here gives them a meaning.
    public static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { isPlain($0) && $0 != UInt8(ascii: "/") } }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "._/-".utf8.contains(byte)
        }
    }

    /// Controls (C0, delete, C1), line and paragraph separators, and what turns the direction of text round.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    private static func visible(_ text: String, keeping kept: String) -> String {
        replaced(text) { scalar in
            guard isControl(scalar), !kept.unicodeScalars.contains(scalar) else { return nil }
            return "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }

    /// The text with some scalars replaced; nil keeps one.
    private static func replaced(_ text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let other = replacement(scalar) { result.append(contentsOf: other.unicodeScalars) } else { result.append(scalar) }
        }
        return String(result)
    }
}
