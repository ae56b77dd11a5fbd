// lightnode test: firmware tests in QEMU.
import ArgumentParser
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Reporting
import TestRunner

struct Test: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Run the firmware tests of Tests/OnTarget in QEMU, each from reset.",
        discussion: """
            EXAMPLE:
              lightnode test
              lightnode test Storage --board microbit --junit build/tests.xml --json build/tests.json
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
    @Option(
        name: .customLong("json"), defaultAsFlag: "-", parsing: .next,
        help: ArgumentHelp(
            "Write the report as JSON to this file; without one, or to \"-\", print it instead of text.", valueName: "file"))
    var json: String?
    @Flag(help: "Print the Test Anything Protocol instead of text.")
    var tap = false
    @Option(help: ArgumentHelp("Print what changed since this report (--json).", valueName: "file"))
    var compare: String?
    @Option(help: ArgumentHelp("Record coverage, print it per file and write it to this lcov file.", valueName: "file"))
    var coverage: String?
    @Option(help: ArgumentHelp("Cut the power: every:N, at:N or random:SEED, in instructions of the test.", valueName: "plan"))
    var cutPower: String?
    @Option(
        help: ArgumentHelp(
            "Turn a bit of the store over: at:N, random:SEED; or any bit of memory: 0xADDRESS.BIT:N.", valueName: "plan"))
    var flipBit: String?
    @Option(
        help: ArgumentHelp(
            "Join the UART's ends by a line on which each byte suffers with this chance, 0 to 1.", valueName: "rate"))
    var uartNoise: Double?
    @Option(help: ArgumentHelp("Plug a USB cable in, and pull it after N instructions of the test: at:N.", valueName: "plan"))
    var usbUnplug: String?
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

    /// As with every other command: JSON on standard output, unless it goes to a file.
    var output: Output {
        var output = Output()
        output.json = json == "-"
        return output
    }
    private var jsonFile: String? { json == "-" ? nil : json }

    func run() throws {
        guard jobs ?? 1 > 0, repetitions > 0, timeoutFactor > 0 else {
            throw ValidationError("--jobs, --repeat and --timeout-factor must be greater than 0.")
        }
        guard !tap || json != "-" else {
            throw ValidationError("--tap and --json both print to standard output. Give --json a file.")
        }
        try checkFiles()
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
        let builder = FirmwareBuilder.shown(try BoardCatalogue())
        // "--json Storage" was meant for a filter: it must not become a file, and the run one of everything.
        if let jsonFile, builder.suites.contains(where: { jsonFile == $0 || jsonFile.hasPrefix($0 + "/") }) {
            throw ValidationError(
                "--json takes the word after it for a file, and \(jsonFile) is a suite. Put --json last, or write --json -.")
        }
        var runner = Runner(builder: builder, options: options)
        // Read before the run: a wrong name must not cost one.
        let old = try compare.map(Self.report)
        let plan = try runner.plan()
        if list {
            let listed = plan.tests.map(Listed.init)
            if let jsonFile { try write(Output.encoded(listed), to: jsonFile) }
            output.show(list: listed, empty: "no tests")
            return
        }
        guard vcd == nil || plan.count == 1 else {
            throw ValidationError("--vcd needs exactly one test, \(plan.count) are selected. Name it, and its --board.")
        }
        // A run that does not come to its end leaves no report of an earlier one in its place.
        for file in [junit, jsonFile, coverage, vcd].compactMap({ $0 }) { WholeFile.forget(file) }
        runner.progress = { done, total, result in
            var step = WorkStep("testing", done: done, of: total)
            if let result { step.detail = "\(result.outcome.rawValue): \(result.test.path) [\(result.test.board)]" }
            Steps.show(step)
        }
        let report = try runner.run(plan)
        Steps.end()
        if let junit { try write(report.junit, to: junit) }
        if let jsonFile { try write(Output.encoded(report), to: jsonFile) }
        if let coverage {
            let found = try runner.coverage(plan)
            try write(found.lcov, to: coverage)
            output.say(found.description)
        }
        try showPins(report)
        if let old { output.say(report.changes(since: old).joined(separator: "\n")) }
        if tap { Output.write(report.tap, terminator: "") } else { output.show(report) }
        if gdb, let failed = report.results.first(where: { $0.outcome.isFailure }) {
            try runner.debug(failed.test, in: plan) {
                Output.write($0)
            }
        }
        if !report.isGood { throw ExitCode(1) }
    }

    private func control() throws -> RunControl? {
        var control = RunControl()
        if let cutPower {
            control.cuts = PowerCuts(cutPower)
            guard control.cuts != nil else { throw ValidationError("--cut-power takes every:N, at:N or random:SEED.") }
        }
        if let flipBit {
            control.flips = BitFlips(flipBit)
            guard control.flips != nil else {
                throw ValidationError("--flip-bit takes at:N, random:SEED or 0xADDRESS.BIT:N (bits are numbered 0 to 7).")
            }
        }
        if let uartNoise {
            guard 0...1 ~= uartNoise else { throw ValidationError("--uart-noise takes a chance from 0 to 1, such as 0.01.") }
            control.noise = uartNoise
        }
        if let usbUnplug {
            control.unplug = RunControl.moment(usbUnplug)
            guard control.unplug != nil else { throw ValidationError("--usb-unplug takes at:N.") }
        }
        if trace || vcd != nil { control.traceStep = max(1, traceStep) }
        return control.isEmpty ? nil : control
    }

    /// A report that --json wrote.
    private static func report(_ file: String) throws -> TestReport {
        let data = Data(try WholeFile.read(file, advice: "Name a report that a test run wrote"))
        guard let report = try? JSONDecoder().decode(TestReport.self, from: data) else {
            throw Failure(
                .environment, "\(file) is no test report", about: "\(file)", advice: "Name a report that a test run wrote")
        }
        return report
    }

    private func showPins(_ report: TestReport) throws {
        for result in report.results {
            guard let pins = result.pins else { continue }
            if trace, !pins.changes.isEmpty { output.say("\(result.test.path) [\(result.test.board)]\n\(pins)") }
            if let vcd { try write(pins.vcd, to: vcd) }
        }
    }

    private func write(_ text: String, to file: String) throws { try WholeFile.write(text.utf8, to: file) }

    /// Of two reports in one file the second would be all that is left.
    private func checkFiles() throws {
        let files = [("--junit", junit), ("--json", jsonFile), ("--coverage", coverage), ("--vcd", vcd)].compactMap {
            option, file in
            file.map { (option, $0) }
        }
        for (index, first) in files.enumerated() {
            if let second = files.dropFirst(index + 1).first(where: { WholeFile.areOne(first.1, $0.1) }) {
                throw ValidationError("\(first.0) and \(second.0) both name \(first.1). Give each a file of its own.")
            }
        }
    }

    struct Listed: Encodable, CustomStringConvertible {
        let test: FirmwareTest
        var description: String { "\(test.path) [\(test.board)]" }
        func encode(to encoder: any Encoder) throws { try test.encode(to: encoder) }
    }
}
