// What the compiler and the linker said of a build that failed: the errors, each with its notes, without what repeats itself.
import Foundation

/// The errors in the output of `swift build`.
struct CompilerMessages {
    /// The first errors, as they were said: "Boards/porch/Board.swift:93:9: error: switch must be exhaustive".
    private(set) var errors: [String] = []
    /// The notes of each of them: "add missing case: '.beep'", with the place where that is another one.
    private var notes: [[String]] = []
    private let rest: [String]

    /// Errors that are shown, and notes of one of them.
    private static let mostErrors = 5, mostNotes = 4

    /// - Parameter root: what paths in the messages are shown below.
    init(_ output: String, root: String) {
        let lines = output.split(separator: "\n").map { Self.readable(String($0)) }
        rest = lines.suffix(5).map { $0.replacingOccurrences(of: root + "/", with: "") }
        var isOfError = false
        for line in lines {
            let shown = line.replacingOccurrences(of: root + "/", with: "")
            if shown.contains(#/^([^\s|][^|]*: )?(fatal )?error: /#) {
                // The driver says once more that it was not content; of what was said before, the notes are known.
                if !errors.isEmpty, shown.contains(#/^error: (emit-module|compile|fatalError)/#) { continue }
                isOfError = !errors.contains(shown) && errors.count < Self.mostErrors
                guard isOfError else { continue }
                errors.append(shown)
                notes.append([])
            } else if shown.contains(#/^[^\s|][^|]*: warning: /#) || shown.contains(#/^\[\d+/\d+\]/#) {
                isOfError = false
            } else if isOfError, let note = Self.note(shown), notes[notes.count - 1].count < Self.mostNotes,
                !notes[notes.count - 1].contains(note)
            {
                notes[notes.count - 1].append(note)
            }
        }
    }

    /// In the compiler's pictures a note stands below its place, "|  `- note: add missing case: '.beep'", else behind it.
    private static func note(_ line: String) -> String? {
        if let match = line.firstMatch(of: #/^\s*\d*\s*\|.*[|`]- note: (.*)$/#) { return "note: \(match.1)" }
        if let match = line.firstMatch(of: #/^([^\s|][^|]*): note: (.*)$/#) { return "\(match.1): note: \(match.2)" }
        return nil
    }

    /// Without colours.
    private static func readable(_ line: String) -> String { line.replacing(#/\u{1B}\[[0-9;]*m/#, with: "") }

    /// For a person: each error with its notes below it, indented; what came last when there is no error.
    var text: String {
        if errors.isEmpty { return rest.map { "  \($0)" }.joined(separator: "\n") }
        return zip(errors, notes).flatMap { error, notes in ["  \(error)"] + notes.map { "    \($0)" } }.joined(separator: "\n")
    }
}
