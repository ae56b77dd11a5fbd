// PASS and FAIL as they are seen and heard across a room.
import Foundation
import Provisioning
import Reporting

/// How a node at the line has ended, in letters of five rows, and in sound: one stroke of the terminal's bell, or three.
struct Verdicts: Sendable {
    enum Verdict: String, Sendable {
        case pass = "PASS"
        case fail = "FAIL"

        /// Nil for an event that is no end of a node.
        init?(_ event: LineEvent) {
            switch event.event {
            case .done: self = .pass
            case .failed: self = .fail
            default: return nil
            }
        }

        /// Seconds between strokes tell one from the other with closed eyes.
        var strokes: Int { self == .pass ? 1 : 3 }
    }

    private static let letters: [Character: [String]] = [
        "P": ["█████ ", "██  ██", "█████ ", "██    ", "██    "], "A": [" ████ ", "██  ██", "██████", "██  ██", "██  ██"],
        "S": [" █████", "██    ", " ████ ", "    ██", "█████ "], "F": ["██████", "██    ", "████  ", "██    ", "██    "],
        "I": ["██████", "  ██  ", "  ██  ", "  ██  ", "██████"], "L": ["██    ", "██    ", "██    ", "██    ", "██████"],
    ]

    /// The word, five rows high, green or red where the terminal takes that, and the node's place below it.
    func text(_ verdict: Verdict, node: String) -> String {
        let rows = (0..<5).map { row in verdict.rawValue.compactMap { Self.letters[$0]?[row] }.joined(separator: "  ") }
        let (start, end) = StandardOutput.takesEscapes ? (verdict == .pass ? "\u{1b}[32m" : "\u{1b}[31m", "\u{1b}[0m") : ("", "")
        return "\n" + rows.map { "  \(start)\(Self.trimmed($0))\(end)" }.joined(separator: "\n") + "\n  \(Quoted.line(node))\n\n"
    }

    private static func trimmed(_ row: String) -> String {
        var row = row
        while row.last == " " { row.removeLast() }
        return row
    }

    /// Rings the terminal's bell; a file or a pipe gets none.
    func sound(_ verdict: Verdict) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        let strokes = verdict.strokes
        Thread.detachNewThread {
            for stroke in 0..<strokes {
                if stroke > 0 { usleep(250_000) }
                StandardError.write("\u{7}")
            }
        }
    }
}
