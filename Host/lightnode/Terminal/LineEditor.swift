// Line editing by libedit: history, completion, Ctrl-D. Plain lines when standard input is no terminal.
import CEdit
import Foundation
import Reporting
import Synchronization

/// Reads lines from a person. One at a time in a program: libedit keeps its state in global variables.
final class LineEditor: Sendable {
    private let isInteractive: Bool
    private let historyFile: String?
    /// libedit's callback has no place for a context.
    private static let candidates = Mutex<[String]>([])

    /// - Parameters:
    ///   - completions: what Tab may complete the line to.
    ///   - historyFile: where lines are remembered between sessions; readable by the owner alone.
    init(completions: [String], historyFile: String?) {
        isInteractive = isatty(STDIN_FILENO) == 1
        self.historyFile = historyFile
        guard isInteractive else { return }
        Self.candidates.withLock { $0 = completions }
        using_history()
        stifle_history(1000)
        if let historyFile { _ = read_history(historyFile) }
        // The line is one word: quotes, dots and brackets are parts of a call.
        cedit_configure(Self.name, Self.noBreaks) { _, _, _ in LineEditor.complete() }
        _ = rl_initialize()
        // Without the terminal's own interruption, Ctrl-C is a key: it clears the line.
        _ = rl_parse_and_bind(Self.clearLine)
    }

    // libedit keeps the pointers.
    nonisolated(unsafe) private static let name = UnsafePointer<CChar>(strdup("lightnode")!)
    nonisolated(unsafe) private static let noBreaks = strdup("\t\n")!

    /// The candidates that begin with the line so far, in libedit's form: what they share, then each, then nil; nil for none.
    private static func complete() -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        let line = cedit_line().map { String(cString: $0) } ?? ""
        let matches = candidates.withLock { $0.filter { $0.hasPrefix(line) } }
        guard var shared = matches.first else { return nil }
        for match in matches { shared = shared.commonPrefix(with: match) }
        let words = (matches.count == 1 ? matches : [shared] + matches)
        // libedit frees the list and the words with free().
        guard let list = calloc(words.count + 1, MemoryLayout<UnsafeMutablePointer<CChar>?>.stride) else { return nil }
        let slots = list.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: words.count + 1)
        for (index, word) in words.enumerated() { slots[index] = strdup(word) }
        return slots
    }

    /// The next line, or nil at the end of input. Waits on a thread of its own, so that log lines go on being shown.
    func readLine(prompt: String) async -> String? {
        let isInteractive = isInteractive
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                guard isInteractive else { return continuation.resume(returning: Swift.readLine()) }
                let line = Self.withoutInterruption { CEdit.readline(prompt) }
                guard let line else {
                    StandardOutput.write("\n")
                    return continuation.resume(returning: nil)
                }
                defer { free(line) }
                if line[0] != 0 { add_history(line) }
                continuation.resume(returning: String(cString: line))
            }
        }
    }

    nonisolated(unsafe) private static let clearLine = strdup("bind ^C em-kill-line")!

    /// Runs `body`, which reads a line, with Ctrl-C as a key of it and no signal. While a command runs it is one again.
    private static func withoutInterruption<R>(_ body: () -> R) -> R {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return body() }
        var before = settings
        settings.c_cc.0 = 0  // VINTR: no key, as _POSIX_VDISABLE is
        tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
        defer { tcsetattr(STDIN_FILENO, TCSADRAIN, &before) }
        return body()
    }

    /// Remembers the lines for the next session.
    func close() {
        guard isInteractive, let historyFile else { return }
        umask(0o077)
        _ = write_history(historyFile)
    }
}
