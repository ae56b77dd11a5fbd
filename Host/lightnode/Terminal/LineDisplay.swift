// A production line as it is seen: live lines on a terminal, plain ones in a file, JSON for programs.
import Foundation
import Provisioning
import Reporting

/// Prints events. On a terminal every node under way has a line that changes, and the last line counts.
final class LineDisplay: @unchecked Sendable {
    private let json: Bool
    private let isLive: Bool
    /// Says how each node ended so that it is seen and heard across a room.
    private let verdicts: Verdicts?
    // Under the lock.
    private let lock = NSLock()
    private var live: [(name: String, text: String)] = []
    private var liveLines = 0
    private var summary = LineEvent.Summary()

    /// - Parameter bell: shows and sounds a verdict for each node.
    init(json: Bool, bell: Bool = false) {
        self.json = json
        verdicts = bell ? Verdicts() : nil
        isLive = !json && isatty(STDOUT_FILENO) == 1
    }

    func show(_ event: LineEvent) {
        var event = event
        event.advice = event.remedy?.text
        // What cannot be written is no reason to stop a line; it is told at its end.
        lock.withLock {
            if json { return Output.write(Self.encoded(event)) }
            if let summary = event.summary { self.summary = summary }
            if isLive { update(event) } else if let line = Self.line(event) { Output.write(line) }
            if let verdict = Verdicts.Verdict(event), let verdicts {
                if !isLive { StandardOutput.write(verdicts.text(verdict, node: event.connection ?? "")) }
                verdicts.sound(verdict)
            }
        }
    }

    private static func encoded(_ event: LineEvent) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return (try? encoder.encode(event)).map { Quoted.json(String(decoding: $0, as: UTF8.self)) } ?? "{}"
    }

    /// The line that stays of an event; nil for one that is only of the moment.
    private static func line(_ event: LineEvent) -> String? {
        let place = event.connection ?? ""
        switch event.event {
        case .started, .progress, .skipped: return nil
        case .done:
            let seconds = event.seconds.map { $0 > 0 ? String(format: "  %.1f s", $0) : "" } ?? ""
            let node = event.record.map { "\($0.batch)#\($0.serial)  \($0.address)\($0.isTest ? "  TEST" : "")" } ?? ""
            return "done    \(place)  \(node)\(seconds)\(event.isResumed == true ? "  (completed)" : "")"
        case .waiting: return "waits   \(place)  \(event.node ?? "")  for its sheet of labels"
        case .failed: return "FAILED  \(place)  \(event.message ?? "")\n        \(event.advice ?? "")"
        case .toBeRedone: return "REDO    \(event.node ?? "")  connect it again (\(place)): \(event.message ?? "")"
        case .stopping: return "stopping: nodes under way are finished; Ctrl-C again leaves at once"
        case .finished: return event.summary.map { "finished: \(count($0))" }
        }
    }

    private static func count(_ summary: LineEvent.Summary) -> String {
        var parts = ["\(summary.done)\(summary.wanted.map { " of \($0)" } ?? "") done"]
        if summary.failed > 0 { parts.append("\(summary.failed) failed") }
        if summary.waiting > 0 { parts.append("\(summary.waiting) waiting for their sheet") }
        if summary.underWay > 0 { parts.append("\(summary.underWay) under way") }
        if summary.done > 0 { parts.append(String(format: "%.0f an hour", summary.rate)) }
        if let left = summary.secondsLeft, left > 0 {
            parts.append(left < 90 ? String(format: "%.0f s left", left) : String(format: "%.0f min left", left / 60))
        }
        return parts.joined(separator: ", ")
    }

    private func update(_ event: LineEvent) {
        var text = ""
        if liveLines > 0 { text += "\u{1b}[\(liveLines)F\u{1b}[J" }
        if let line = Self.line(event) { text += Quoted.terminal(line) + "\n" }
        if let name = event.connection {
            switch event.event {
            case .started: live.append((name, "asking"))
            case .progress: for index in live.indices where live[index].name == name { live[index].text = event.message ?? "" }
            default: live.removeAll { $0.name == name }
            }
        }
        let lines = event.event == .finished ? [] : liveText()
        let verdict = Verdicts.Verdict(event).flatMap { verdicts?.text($0, node: event.connection ?? "") }
        if let verdict { text += verdict }
        for line in lines { text += Quoted.line(line) + "\n" }
        liveLines = lines.count
        StandardOutput.write(text)
    }

    /// The lines that change, each of one row: what were wrapped, or scrolled away, could not be drawn over.
    private func liveText() -> [String] {
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
        let (columns, rows) = isKnown ? (Int(size.ws_col), Int(size.ws_row)) : (80, 24)
        let room = max(1, rows - 3)
        var lines = live.prefix(live.count > room ? room - 1 : room).map { "  …     \($0.name)  \($0.text)" }
        if live.count > lines.count { lines.append("  …     and \(live.count - lines.count) more") }
        return (lines + [Self.count(summary)]).map { String($0.prefix(columns - 1)) }
    }
}
