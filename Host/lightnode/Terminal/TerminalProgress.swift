// Progress on a terminal: one line that is drawn over, with rate and time left. No terminal: nothing but notes.
import Flashing
import Foundation
import Reporting

final class TerminalProgress: FlashProgress, @unchecked Sendable {
    enum Style {
        /// A line that is drawn over.
        case drawn
        /// A line at the end of each stage: several nodes share the terminal.
        case lines
        /// Notes alone.
        case notes
        case silent
    }

    private let prefix: String
    private let style: Style
    private var meter: ProgressMeter?
    private var lastDrawn = 0.0

    /// - Parameter prefix: before every line; empty when there is only one node.
    init(prefix: String, style: Style) {
        self.prefix = prefix
        self.style = style
    }

    private var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

    func begin(_ stage: FlashStage, total: Int) {
        meter = ProgressMeter(total: total, now: now)
        lastDrawn = 0
        draw(stage)
    }

    func advance(_ stage: FlashStage, done: Int) {
        meter?.advance(to: done, now: now)
        draw(stage)
    }

    func end(_ stage: FlashStage) {
        lastDrawn = 0
        draw(stage, isOver: true)
        if style == .drawn { StandardError.write("\n") }
        if style == .lines, let meter { note(meter.line(stage)) }
        meter = nil
    }

    func note(_ text: String) {
        if style != .silent { StandardError.write(Quoted.terminal("\(prefix)\(text)") + "\n") }
    }

    /// At most ten times a second: a terminal that is slow must not slow the flash.
    private func draw(_ stage: FlashStage, isOver: Bool = false) {
        guard style == .drawn, let meter, now - lastDrawn > 0.1 else { return }
        lastDrawn = now
        StandardError.write("\r\u{1B}[K" + meter.line(stage, isOver: isOver))
    }
}

/// Ctrl-C: the first asks the flash to stop at the next block, the second ends the program.
final class Interruption: @unchecked Sendable {
    let cancellation = Cancellation()
    private let source: any DispatchSourceSignal

    init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: DispatchQueue(label: "interruption"))
        source.setEventHandler { [cancellation] in
            if cancellation.isCancelled { exit(ExitStatus.interrupted.rawValue) }
            cancellation.cancel()
        }
        source.resume()
    }

    func end() {
        source.cancel()
        signal(SIGINT, SIG_DFL)
    }
}
