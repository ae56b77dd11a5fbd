// What a command is at, while it takes its time: a line that changes on a terminal, a line for each step in a pipe.
import Foundation
import Reporting
import Synchronization

/// The step that is under way. Whatever else is printed first clears the line that is drawn.
enum Steps {
    private struct State {
        var step: WorkStep?
        var began = 0.0
        /// When a line was written last, of this step; nil before the first.
        var told: Double?
        var isDrawn = false
        var isWatched = false
        var areShown = true
    }

    private static let state = Mutex(State())
    private static let isLive = isatty(STDERR_FILENO) == 1
    /// Seconds after which a step is worth a line, and between two lines of one step.
    private static let patience = (live: 0.4, pipe: 2.0, again: 20.0)

    /// False: errors are JSON, and standard error is for them alone.
    static var areShown: Bool {
        get { state.withLock { $0.areShown } }
        set { state.withLock { $0.areShown = newValue } }
    }

    /// For libraries that tell what they are at.
    static let report: WorkStep.Report = { step in if let step { show(step) } else { end() } }

    /// Runs `body` as a step.
    static func during<R>(_ what: String, _ body: () throws -> R) rethrows -> R {
        show(WorkStep(what))
        defer { end() }
        return try body()
    }

    /// Begins a step, or tells how far it is.
    static func show(_ step: WorkStep) {
        state.withLock { state in
            guard state.areShown || isLive else { return }
            if state.step?.what != step.what { (state.began, state.told) = (now, nil) }
            state.step = step
            if !state.isWatched {
                state.isWatched = true
                let thread = Thread(block: watch)
                thread.name = "steps"
                thread.start()
            }
        }
    }

    /// The step is over.
    static func end() {
        state.withLock { state in
            clear(&state)
            state.step = nil
        }
    }

    /// Makes room for something else that is printed.
    static func clear() { state.withLock { clear(&$0) } }

    private static func clear(_ state: inout State) {
        if state.isDrawn { StandardError.write("\r\u{1B}[K") }
        state.isDrawn = false
    }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    private static func watch() {
        while true {
            usleep(200_000)
            state.withLock { state in
                guard let step = state.step else { return }
                let passed = now - state.began
                if isLive, passed >= patience.live { draw(step, passed, &state) }
                guard !isLive, passed >= patience.pipe, state.told.map({ now - $0 >= patience.again }) ?? true else { return }
                let seconds = state.told == nil ? " …" : ", \(Int(passed)) s"
                StandardError.write(Quoted.terminal(step.text + seconds) + "\n")
                state.told = now
            }
        }
    }

    private static func draw(_ step: WorkStep, _ passed: Double, _ state: inout State) {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        let line = Quoted.line("\(step.text)  \(Int(passed)) s" + (step.detail.isEmpty ? "" : "  \(step.detail)"))
        StandardError.write("\r\u{1B}[K" + line.prefix(isKnown ? Int(size.ws_col) - 1 : 79))
        state.isDrawn = true
    }
}
