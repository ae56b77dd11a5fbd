// Help as wide as the terminal. The parser renders it without an end of lines; texts of commands are broken in the source where it suits the
// source. Here paragraphs are joined, and all is broken again.
import Foundation

enum HelpText {
    /// Columns of the terminal that standard output is; of $COLUMNS; 80.
    static var columns: Int {
        var size = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 { return min(Int(size.ws_col), 200) }
        return ProcessInfo.processInfo.environment["COLUMNS"].flatMap(Int.init).flatMap { 20...200 ~= $0 ? $0 : nil } ?? 80
    }

    /// What the parser renders at, so that it breaks nothing.
    static let unbroken = 100_000

    /// The text in lines of `columns` characters at most, where words allow it. Examples stay as they are: they are copied.
    static func wrapped(_ text: String, columns: Int) -> String {
        var result: [String] = []
        var paragraph = ""
        func flush() {
            if !paragraph.isEmpty { result += broken(paragraph, columns, hanging: 0) }
            paragraph = ""
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let isIndented = line.first == " "
            if line.isEmpty || isIndented || line.hasSuffix(":") || line.hasPrefix("USAGE:") || line.hasPrefix("OVERVIEW:") {
                flush()
                if isIndented, line.trimmingCharacters(in: .whitespaces).hasPrefix("lightnode ") || line.contains(" | lightnode ")
                {
                    result.append(line)
                } else if line.hasPrefix("OVERVIEW:") {
                    paragraph = line
                } else {
                    result += broken(line, columns, hanging: hanging(line))
                }
            } else {
                paragraph += paragraph.isEmpty ? line : " " + line
            }
        }
        flush()
        return result.joined(separator: "\n")
    }

    /// Where the lines below a long one begin: under what stands behind the first wide gap, or under its own beginning.
    private static func hanging(_ line: String) -> Int {
        if line.hasPrefix("USAGE:") { return 7 }
        let characters = Array(line)
        let start = characters.firstIndex { $0 != " " } ?? 0
        var column = start
        while column + 2 < characters.count {
            if characters[column] == " ", characters[column + 1] == " " {
                return characters[column...].firstIndex { $0 != " " } ?? start
            }
            column += 1
        }
        return start
    }

    private static func broken(_ line: String, _ columns: Int, hanging: Int) -> [String] {
        guard line.count > columns, hanging < columns - 10 else { return [line] }
        var lines: [String] = []
        var rest = Array(line)
        let indent = [Character](repeating: " ", count: hanging)
        while rest.count > columns {
            // Behind the indentation, or nothing would be left of a word that is longer than the line.
            let space =
                rest[..<(columns + 1)].lastIndex(of: " ").flatMap { $0 > hanging ? $0 : nil }
                ?? rest[columns...].firstIndex(of: " ")
            guard let space, rest[..<space].contains(where: { $0 != " " }) else { break }
            lines.append(String(rest[..<space]))
            rest = indent + rest[space...].drop { $0 == " " }
        }
        return lines + [String(rest)]
    }
}
