// How a test ended, with all that a report needs.
import Emulation
import Foundation
import Reporting

/// The result of one run of one test.
public struct TestResult: Sendable, Codable {
    /// How a test ended.
    public enum Outcome: String, Sendable, Codable {
        /// It came to its end with all expectations met.
        case passed
        /// An expectation was not met.
        case failed
        /// A fault of the processor.
        case crashed
        /// It used more stack than there is.
        case stackOverflow = "stack overflow"
        /// Its virtual time was over.
        case timedOut = "timed out"
        /// It had to be killed: it ran with interrupts off, or slept for ever.
        case hung
        /// It left before its end: an exit or a reset of its own.
        case endedEarly = "ended early"
        /// It took more instructions or stack than it allows itself.
        case overLimit = "over its limit"
        /// It asked to be skipped; `TestResult.detail` says why.
        case skipped
        /// It had to be ended because it printed without end.
        case printedTooMuch = "printed too much"
        /// QEMU itself failed.
        case emulatorFailed = "emulator failed"

        /// Neither passed nor skipped: such a test makes the run fail.
        public var isFailure: Bool { self != .passed && self != .skipped }
    }

    /// An expectation that was not met.
    public struct Failure: Sendable, Codable {
        /// Path from the root of the source tree.
        public var file: String?
        /// Line of the expectation, from 1.
        public var line: Int?
        /// Source of the expectation.
        public var expression: String?
        /// The value on the left of a comparison, as text.
        public var left: String?
        /// The value on the right of a comparison, as text.
        public var right: String?
        /// What the test says, when it failed without an expression.
        public var reason: String?
    }

    /// The test that was run, on its board.
    public var test: FirmwareTest
    /// By the word of the image, of QEMU, or of the runner that had to kill it.
    public var outcome: Outcome
    /// The last expectation that was not met, as far as it was told; nil when none was.
    public var failure: Failure?
    /// Why, in a sentence, when it is no failed expectation.
    public var detail: String?
    /// Lines that the test logged or printed.
    public var log: [String] = []
    /// Registers of a fault, one line each.
    public var registers: [String] = []
    /// "function at file:line", innermost first.
    public var backtrace: [String] = []
    /// Executed instructions.
    public var instructions: Int?
    /// Bytes of stack used at most.
    public var stack: Int?
    /// Changes of output pins, when they were traced.
    public var pins: PinTrace?
    /// Faults that were injected, in their order.
    public var faults: [InjectedFault] = []
    /// What the noise on the serial line did.
    public var noise: String?
    /// Nil when the test did not get to its end, or was interfered with.
    public var flashWrites: FlashWrites?
    /// Host seconds, QEMU's start included.
    public var seconds: Double
    /// What repeats it: seed of the run.
    public var seed: UInt32
}

/// All results of a run.
public struct TestReport: Sendable, Codable, CustomStringConvertible {
    /// In the order of the plan, its repetitions one after the other; fewer than planned when the run ended early.
    public var results: [TestResult]
    /// Boards or suites that were not run at all, and why.
    public var notices: [String]
    /// Seed of the run, which repeats it.
    public var seed: UInt32
    /// Host seconds of the whole run, without building.
    public var seconds: Double

    /// Results that passed; a test that is repeated counts each time.
    public var passed: Int { results.filter { $0.outcome == .passed }.count }
    /// Results of any other outcome than passed or skipped.
    public var failed: Int { results.filter { $0.outcome.isFailure }.count }
    /// Results of tests that asked to be skipped.
    public var skipped: Int { results.filter { $0.outcome == .skipped }.count }
    /// Tests ran, and none failed. Tests that all skip themselves show nothing.
    public var isGood: Bool { failed == 0 && passed > 0 }

    /// "12 passed, 1 failed, 2 skipped"
    public var summary: String { "\(passed) passed, \(failed) failed, \(skipped) skipped" }

    public var description: String {
        var lines: [String] = []
        for result in results where result.outcome.isFailure { lines.append(result.inline) }
        lines += notices.map { "note: \($0)" }
        let slow = results.filter { $0.seconds > 1 }.sorted { $0.seconds > $1.seconds }.prefix(3)
        if !slow.isEmpty {
            lines.append(
                "slowest: "
                    + slow.map { String(format: "%@ [%@] %.1f s", $0.test.path, $0.test.board, $0.seconds) }.joined(
                        separator: ", "))
        }
        if passed == 0, failed == 0, skipped > 0 { lines.append("note: every test skipped itself, so nothing was tested") }
        lines.append(String(format: "%.1f s, seed %u", seconds, seed))
        lines.append(summary)
        return lines.joined(separator: "\n")
    }
}

extension TestResult {
    /// The failure with its log, as it is shown to a person.
    public var inline: String {
        var lines = ["✘ \(test.path) [\(test.board)]: \(outcome.rawValue)" + (detail.map { ": \($0)" } ?? "")]
        if let failure {
            if let file = failure.file, let line = failure.line { lines.append("    \(file):\(line)") }
            if let expression = failure.expression { lines.append("    \(expression)") }
            if let left = failure.left, let right = failure.right { lines.append("    left: \(left), right: \(right)") }
            if let reason = failure.reason { lines.append("    \(reason)") }
        }
        if faults.count > 3 { lines.append("    \(faults.count) faults; the last three:") }
        lines += faults.suffix(3).map { "    \($0)" }
        if let noise { lines.append("    \(noise)") }
        lines += registers.map { "    \($0)" } + backtrace.map { "    in \($0)" } + log.suffix(40).map { "    | \($0)" }
        return lines.joined(separator: "\n")
    }
}
