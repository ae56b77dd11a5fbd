// Reports for other programs: JUnit XML, the Test Anything Protocol, and the change against an older report.
import Foundation
import Reporting

extension TestReport {
    /// JUnit XML as CI systems read it: one suite per suite and board.
    public var junit: String {
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<testsuites tests=\"\(results.count)\" failures=\"\(failed)\" skipped=\"\(skipped)\" time=\"\(text(seconds))\">",
        ]
        let groups = Dictionary(grouping: results) { "\($0.test.suite).\($0.test.board)" }
        for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
            let failures = group.filter { $0.outcome.isFailure }.count, skips = group.filter { $0.outcome == .skipped }.count
            let time = text(group.map(\.seconds).reduce(0, +))
            lines.append(
                "  <testsuite name=\"\(attribute(name))\" tests=\"\(group.count)\" failures=\"\(failures)\" skipped=\"\(skips)\" time=\"\(time)\">"
            )
            for result in group {
                let open =
                    "    <testcase classname=\"\(attribute(name))\" name=\"\(attribute(result.test.name))\" time=\"\(text(result.seconds))\""
                if result.outcome.isFailure {
                    lines.append(open + ">")
                    lines.append(
                        "      <failure message=\"\(attribute(result.outcome.rawValue))\">\(Quoted.xml(result.inline))</failure>")
                    lines.append("    </testcase>")
                } else if result.outcome == .skipped {
                    lines.append(open + "><skipped message=\"\(attribute(result.detail ?? ""))\"/></testcase>")
                } else {
                    lines.append(open + "/>")
                }
            }
            lines.append("  </testsuite>")
        }
        return (lines + ["</testsuites>", ""]).joined(separator: "\n")
    }

    /// The Test Anything Protocol, version 13.
    public var tap: String {
        var lines = ["TAP version 13", "1..\(results.count)"]
        for (index, result) in results.enumerated() {
            let name = Quoted.tap("\(result.test.path) [\(result.test.board)]")
            let state = result.outcome.isFailure ? "not ok" : "ok"
            let skip = result.outcome == .skipped ? " # SKIP \(Quoted.line(result.detail ?? ""))" : ""
            lines.append("\(state) \(index + 1) - \(name)\(skip)")
            if result.outcome.isFailure {
                lines += result.inline.split(whereSeparator: \.isNewline).map { "# \(Quoted.line(String($0)))" }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Instructions and stack of each test that both reports have, where they differ.
    public func changes(since old: TestReport) -> [String] {
        let before = Dictionary(old.results.map { (($0.test.path + $0.test.board), $0) }, uniquingKeysWith: { $1 })
        return results.compactMap { now in
            guard let then = before[now.test.path + now.test.board] else { return "new: \(now.test.path) [\(now.test.board)]" }
            let changes = [
                change("instructions", then.instructions, now.instructions), change("bytes of stack", then.stack, now.stack),
                change("flash words", then.flashWrites?.words, now.flashWrites?.words),
                change("erased pages", then.flashWrites?.pages, now.flashWrites?.pages),
                then.outcome == now.outcome ? nil : "\(then.outcome.rawValue) → \(now.outcome.rawValue)",
            ].compactMap { $0 }
            return changes.isEmpty ? nil : "\(now.test.path) [\(now.test.board)]: " + changes.joined(separator: ", ")
        }
    }

    private func change(_ name: String, _ old: Int?, _ new: Int?) -> String? {
        guard let old, let new, old != new else { return nil }
        return String(format: "%@ %d → %d (%+.1f %%)", name, old, new, old == 0 ? 0 : 100 * Double(new - old) / Double(old))
    }

    private func attribute(_ text: String) -> String { Quoted.xml(text, inAttribute: true) }

    private func text(_ seconds: Double) -> String { String(format: "%.3f", seconds) }
}
