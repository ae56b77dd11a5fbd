// lightnode batch report: what was made in a shift.
import ArgumentParser
import Foundation
import Provisioning
import Records
import Reporting

struct BatchReport: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "What was made in a shift: how many, by whom, at which station, and what is left to be redone.",
        discussion: """
            EXAMPLE:
              lightnode batch report
              lightnode batch report --since 8h --operator anna --json

            It counts the nodes that were finished, or begun and not finished, within that time, in all batches. Needs no station.
            """)
    @Option(help: "How far back: seconds, or 30min, 8h, 7d.", transform: { try Seconds.parse($0) })
    var since: UInt64 = 8 * 3600
    @OptionGroup var station: StationOptions
    @OptionGroup var output: Output

    func run() async throws {
        let records = try station.station().recordsToRead()
        let begin = Date(timeIntervalSinceNow: -TimeInterval(since))
        let nodes = try records.batches().flatMap { try records.nodes(batch: $0.name) }
            .filter { ($0.time ?? $0.begun) >= begin && (station.operatorName ?? $0.operator) == $0.operator }
        let groups = Dictionary(grouping: nodes) { Who(operator: $0.operator, station: $0.station, batch: $0.batch) }
        let lines = groups.map { Line(who: $0.key, nodes: $0.value) }
            .sorted { ($0.operator, $0.station, $0.batch) < ($1.operator, $1.station, $1.batch) }
        output.show(Result(since: begin, lines: lines))
    }

    struct Who: Hashable {
        let `operator`, station, batch: String
    }

    struct Line: Encodable, CustomStringConvertible {
        let `operator`, station, batch: String
        let done: Int
        let discarded: Int
        /// What is not done, and why.
        let toBeRedone: [NodeRecord]
        let first: Date?
        let last: Date?

        init(who: Who, nodes: [NodeRecord]) {
            (self.operator, station, batch) = (who.operator, who.station, who.batch)
            done = nodes.count { $0.step == .done }
            discarded = nodes.count { $0.step == .discarded }
            toBeRedone = nodes.filter { $0.step != .done && $0.step != .discarded }
            let times = nodes.compactMap(\.time)
            (first, last) = (times.min(), times.max())
        }

        var description: String {
            let hours = first.flatMap { first in last.map { $0.timeIntervalSince(first) / 3600 } } ?? 0
            var text = "\(self.operator) at \(station)  \(batch)  \(done) done"
            // A few nodes within a minute are no rate.
            if done > 2, hours > 1.0 / 60 { text += String(format: " (%.0f an hour)", Double(done - 1) / hours) }
            if discarded > 0 { text += ", \(discarded) discarded" }
            if !toBeRedone.isEmpty { text += ", \(toBeRedone.count) to be redone" }
            return text + toBeRedone.map { "\n    \($0)" }.joined()
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let since: Date
        let lines: [Line]

        var description: String {
            let total = lines.map(\.done).reduce(0, +)
            return (lines.map(\.description) + ["\(total) done since \(since.formatted(.iso8601))"]).joined(separator: "\n")
        }
    }
}
