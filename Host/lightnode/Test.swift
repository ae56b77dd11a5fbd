// lightnode test: firmware tests in QEMU.
import ArgumentParser
import Emulation
import FirmwareBuild
import Foundation
import TestRunner

struct Test: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Run the firmware tests of Tests/OnTarget in QEMU, each from reset.",
        discussion: """
            EXAMPLE:
              lightnode test
              lightnode test Storage --board microbit --junit build/tests.xml
              lightnode test --only-failed --gdb

            Exits with 0 only if tests ran and none failed. docs/testing.md shows how to write one.
            """)

    @Argument(help: "Run tests whose \"Suite/name\" contains one of these.")
    var filter: [String] = []
    @Option(name: .shortAndLong, help: "Run on this board; may be given several times.")
    var board: [String] = []
    @Option(name: .shortAndLong, help: "QEMUs at once; the number of processors when not given.")
    var jobs: Int?
    @Flag(help: "Run only what failed in the last run.")
    var onlyFailed = false
    @Flag(help: "List the tests and run none.")
    var list = false
    @Option(name: .customLong("repeat"), help: "Run each test this often.")
    var repetitions = 1
    @Option(help: "Multiply the time after which a test that hangs is killed.")
    var timeoutFactor = 1.0
    @Option(help: "Seed of all chance in the tests and in QEMU.")
    var seed: UInt32 = 1
    @Option(help: "Write JUnit XML to this file.")
    var junit: String?
    @Option(name: .customLong("json-file"), help: "Write the report as JSON to this file.")
    var jsonFile: String?
    @Flag(help: "Print the Test Anything Protocol instead of text.")
    var tap = false
    @Option(help: "Print what changed since this report (--json-file or --json).")
    var compare: String?
    @Option(help: ArgumentHelp("Record coverage, print it per file and write it to this lcov file.", valueName: "file"))
    var coverage: String?
    @Option(help: ArgumentHelp("Cut the power: every:N, at:N or random:SEED, in instructions.", valueName: "plan"))
    var cutPower: String?
    @Flag(help: "Print every change of an output pin with its virtual time.")
    var trace = false
    @Option(
        help: ArgumentHelp(
            "Write the pin changes of the one test selected to this file, for a waveform viewer.", valueName: "file"))
    var vcd: String?
    @Option(help: "Instructions between two looks at the pins.")
    var traceStep: UInt64 = 100
    @Flag(help: "Stop at the first failure and wait with a gdb server at its start.")
    var gdb = false
    @OptionGroup var output: Output

    func run() throws {
        guard jobs ?? 1 > 0, repetitions > 0, timeoutFactor > 0 else {
            throw ValidationError("--jobs, --repeat and --timeout-factor must be greater than 0.")
        }
        var options = Runner.Options()
        options.filters = filter
        options.boards = board
        if let jobs { options.jobs = jobs }
        options.onlyFailed = onlyFailed
        options.repetitions = repetitions
        options.timeoutFactor = timeoutFactor
        options.seed = seed
        options.stopsAtFailure = gdb
        options.coverage = coverage != nil
        options.control = try control()
        var runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue()), options: options)
        // Read before the run: a wrong name must not cost one.
        let old = try compare.map { try JSONDecoder().decode(TestReport.self, from: Data(contentsOf: URL(fileURLWithPath: $0))) }
        let plan = try runner.plan()
        if list {
            output.show(list: plan.tests.map(Listed.init), empty: "no tests")
            return
        }
        guard vcd == nil || plan.count == 1 else {
            throw ValidationError("--vcd needs exactly one test, \(plan.count) are selected. Name it, and its --board.")
        }
        let line = ProgressLine()
        runner.progress = { done, total, result in line.show(done, total, result) }
        let report = try runner.run(plan)
        line.clear()
        if let junit { try report.junit.write(toFile: junit, atomically: true, encoding: .utf8) }
        if let jsonFile { try Output.encoded(report).write(toFile: jsonFile, atomically: true, encoding: .utf8) }
        if let coverage {
            let found = try runner.coverage(plan)
            try found.lcov.write(toFile: coverage, atomically: true, encoding: .utf8)
            output.say(found.description)
        }
        try showPins(report)
        if let old { output.say(report.changes(since: old).joined(separator: "\n")) }
        if tap { print(report.tap, terminator: "") } else { output.show(report) }
        if gdb, let failed = report.results.first(where: { $0.outcome.isFailure }) {
            try runner.debug(failed.test, in: plan) { print($0) }
        }
        if !report.isGood { throw ExitCode(1) }
    }

    private func control() throws -> RunControl? {
        guard let cutPower else { return trace || vcd != nil ? .tracePins(step: max(1, traceStep)) : nil }
        guard let cuts = PowerCuts(cutPower), !trace, vcd == nil else {
            throw ValidationError("--cut-power takes every:N, at:N or random:SEED, and no trace beside it.")
        }
        return .cutPower(cuts)
    }

    private func showPins(_ report: TestReport) throws {
        for result in report.results {
            guard let pins = result.pins else { continue }
            if trace, !pins.changes.isEmpty { output.say("\(result.test.path) [\(result.test.board)]\n\(pins)") }
            if let vcd { try pins.vcd.write(toFile: vcd, atomically: true, encoding: .utf8) }
        }
    }

    struct Listed: Encodable, CustomStringConvertible {
        let test: FirmwareTest
        var description: String { "\(test.path) [\(test.board)]" }
        func encode(to encoder: any Encoder) throws { try test.encode(to: encoder) }
    }
}

/// One line that is written over; nothing when the output is no terminal.
private final class ProgressLine: Sendable {
    private let isLive = isatty(2) == 1

    func show(_ done: Int, _ total: Int, _ result: TestResult) {
        guard isLive else { return }
        let text = "\(done)/\(total) \(result.outcome.rawValue): \(result.test.path) [\(result.test.board)]"
        Output.write("\r\u{1B}[K" + String(text.prefix(110)))
    }

    func clear() { if isLive { Output.write("\r\u{1B}[K") } }
}

extension Output {
    fileprivate static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
