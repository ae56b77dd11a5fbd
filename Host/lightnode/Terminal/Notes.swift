// What a command finds beside what it was asked: on standard error, for programs as JSON at the end.
import Reporting
import Synchronization

/// Told once each. Whether they are kept for the end is decided before the command runs.
enum Notes {
    private struct State {
        var areKept = false
        var told: Set<String> = []
        var kept: [String] = []
    }

    private static let state = Mutex(State())

    /// True when they are shown together at the end.
    static var areKept: Bool {
        get { state.withLock { $0.areKept } }
        set { state.withLock { $0.areKept = newValue } }
    }

    /// Shows a note, or keeps it.
    static func add(_ text: String) {
        let text = Quoted.brief(text)
        let isShown = state.withLock { state in
            guard state.told.insert(text).inserted else { return false }
            if state.areKept { state.kept.append(text) }
            return !state.areKept
        }
        if isShown { Output.standardError("note: \(text)") }
    }

    /// Those that were kept.
    static var taken: [String] { state.withLock { $0.kept } }
}
