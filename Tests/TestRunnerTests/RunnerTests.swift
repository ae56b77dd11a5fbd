// The runner's own failures: a suite whose tests end in every way there is gives exactly the expected report.
import Emulation
import FirmwareBuild
import Foundation
import FoundationXML
import Testing

@testable import TestRunner

let root =
    ProcessInfo.processInfo.environment["LIGHTNODE_ROOT"].map { URL(fileURLWithPath: $0) }
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Runs the suite Selftest once per board for all tests here.
final class SelftestRun: Sendable {
    let report: TestReport
    let again: TestReport

    init(board: String) throws {
        var options = Runner.Options()
        options.filters = ["Selftest"]
        options.boards = [board]
        options.timeoutFactor = 0.15
        options.seed = 7
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let plan = try runner.plan()
        report = try runner.run(plan)
        again = try runner.run(plan)
    }

    static let runs = ["microbit", "mps2-an386"].map { board in (board, Result { try SelftestRun(board: board) }) }

    static func on(_ board: String) throws -> SelftestRun {
        try #require(runs.first { $0.0 == board }).1.get()
    }
}

@Suite(.serialized) struct RunnerTests {
    static let expected: [String: TestResult.Outcome] = [
        "simply passes": .passed,
        "fails an expectation with both values": .failed,
        "fails an expectation without values": .failed,
        "crashes on an address that does not exist": .crashed,
        "traps on an overflow": .crashed,
        "hangs for ever": .timedOut,
        "hangs with interrupts off": .hung,
        "overflows the stack": .stackOverflow,
        "prints garbage and passes": .passed,
        "exits early": .endedEarly,
        "resets the chip": .endedEarly,
        "skips itself": .skipped,
        "executes more than its limit": .overLimit,
        "logs before it fails": .failed,
        "counts its starts in the store": .passed,
    ]

    @Test("every way to end is told from every other", arguments: ["microbit", "mps2-an386"])
    func outcomes(board: String) throws {
        let report = try SelftestRun.on(board).report
        let found = Dictionary(uniqueKeysWithValues: report.results.map { ($0.test.name, $0.outcome) })
        #expect(found == Self.expected)
        #expect(report.summary == "3 passed, 11 failed, 1 skipped")
        #expect(!report.isGood)
    }

    @Test("a failed expectation shows its source, both values, file and line")
    func expectation() throws {
        let result = try #require(try SelftestRun.on("microbit").report.results.first { $0.test.name.contains("both values") })
        let source = try String(
            contentsOf: root.appendingPathComponent("Tests/OnTarget/Selftest/Selftest.swift"), encoding: .utf8)
        let line = try #require(
            source.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.contains("answer + 1 == 43") })
        #expect(
            result.inline == """
                ✘ Selftest/fails an expectation with both values [microbit]: failed
                    Tests/OnTarget/Selftest/Selftest.swift:\(line + 1)
                    expect(answer + 1 == 43)
                    left: 42, right: 43
                """)
    }

    @Test("a crash names the function and the line, and shows the registers", arguments: ["microbit", "mps2-an386"])
    func crash(board: String) throws {
        let result = try #require(
            try SelftestRun.on(board).report.results.first { $0.test.name.contains("address that does not") })
        #expect(result.registers.first?.hasPrefix("exception 3  pc 0000") == true)
        #expect(result.backtrace.first?.contains("`crashes on an address that does not exist`") == true)
        #expect(result.backtrace.first?.contains("Tests/OnTarget/Selftest/Selftest.swift:") == true)
    }

    @Test("garbage on the report channel is shown as the test's output and decides nothing")
    func garbage() throws {
        let result = try #require(try SelftestRun.on("microbit").report.results.first { $0.test.name.contains("garbage") })
        #expect(result.outcome == .passed)
        #expect(result.failure == nil)
        #expect(result.log.contains { $0.contains("nonsense") })
    }

    @Test("the same run executes the same instructions", arguments: ["microbit", "mps2-an386"])
    func deterministic(board: String) throws {
        let run = try SelftestRun.on(board)
        #expect(run.report.results.map(\.instructions) == run.again.results.map(\.instructions))
        #expect(run.report.results.map(\.stack) == run.again.results.map(\.stack))
        #expect(run.report.results.compactMap(\.instructions).count >= 11)
        #expect(run.again.changes(since: run.report).isEmpty)
    }

    @Test("JUnit and TAP say the same as the text")
    func reports() throws {
        let report = try SelftestRun.on("microbit").report
        #expect(report.junit.contains("<testsuites tests=\"15\" failures=\"11\" skipped=\"1\""))
        #expect(report.junit.components(separatedBy: "<failure ").count == 12)
        #expect(XMLParser(data: Data(report.junit.utf8)).parse())
        #expect(report.tap.hasPrefix("TAP version 13\n1..15\n"))
        #expect(report.tap.components(separatedBy: "\nnot ok ").count == 12)
        #expect(report.description.hasSuffix("3 passed, 11 failed, 1 skipped"))
    }

    @Test("no test that fits is an error, not a success")
    func nothing() throws {
        var options = Runner.Options()
        options.filters = ["NoSuchSuite"]
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        #expect(throws: FirmwareError.self) { try runner.plan() }
        #expect(!TestReport(results: [], notices: [], seed: 1, seconds: 0).isGood)
    }

    @Test(
        "the power is cut at exact instructions, the flash kept, and the test started again until it ends",
        arguments: ["microbit", "mps2-an386"])
    func powerCuts(board: String) throws {
        var options = Runner.Options()
        options.filters = ["Selftest/counts its starts in the store"]
        options.boards = [board]
        var runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let plan = try runner.plan()
        runner.options.control = .cutPower(.once(3000))
        let once = try #require(try runner.run(plan).results.first)
        #expect(once.cuts == [3000])
        #expect(once.log == ["starts before this one 0"], "cut while the stack was being painted")
        // Elsewhere the start alone takes many such steps.
        if board == "microbit" {
            runner.options.control = .cutPower(.every(3000))
            let every = try #require(try runner.run(plan).results.first)
            #expect(every.cuts == (1...every.cuts.count).map { UInt64(3000 * $0) })
            #expect(every.outcome == .passed)
            #expect(every.log == ["starts before this one 5"])
        }
        runner.options.control = .cutPower(.random(seed: 5))
        let random = try runner.run(plan), again = try runner.run(plan)
        #expect(random.results.first?.cuts == again.results.first?.cuts)
        #expect(random.results.first?.log == again.results.first?.log)
        #expect(random.results.first?.outcome == .passed)
    }

    @Test("200 tests with 8 jobs all run, once each, and leave no process behind")
    func many() throws {
        var options = Runner.Options()
        options.filters = ["Trivial"]
        options.boards = ["microbit"]
        options.jobs = 8
        options.repetitions = 4
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let plan = try runner.plan()
        let report = try runner.run(plan)
        #expect(report.summary == "200 passed, 0 failed, 0 skipped")
        #expect(Set(report.results.map(\.test)).count == 50)
        let left = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { entry in
            let line = (try? String(contentsOfFile: "/proc/\(entry)/cmdline", encoding: .utf8)) ?? ""
            return Int(entry) != nil && line.contains(plan.scratch.url.path)
        }
        #expect(left.isEmpty)
    }
}

@Suite struct TestOutputTests {
    func output(_ text: String) -> TestOutput { TestOutput(Data(text.utf8)) }

    @Test("a record after text without a line end is found")
    func afterText() {
        let said = output("half a line\u{1}end\u{1F}0\u{1F}1\u{1F}2\u{1F}3\u{1F}4\n")
        #expect(said.last("end")?.fields == ["0", "1", "2", "3", "4"])
        #expect(said.log == ["half a line"])
    }

    @Test(
        "records with too few fields or other than numbers are output",
        arguments: [
            "\u{1}end\n", "\u{1}end\u{1F}0\n", "\u{1}end\u{1F}a\u{1F}1\u{1F}2\u{1F}3\u{1F}4\n", "\u{1}fail\u{1F}f\u{1F}x\n",
            "\u{1}nonsense\u{1F}1\n", "\u{1}\n",
        ])
    func malformed(text: String) {
        #expect(output(text).records.isEmpty)
        #expect(output(text).log.count == 1)
    }

    @Test("a test's name is the sentence in backquotes of its own module")
    func names() {
        #expect(
            TestSuite.testName("static Storage.Storage.`a record survives`() -> ()", module: "Storage") == "a record survives")
        #expect(
            TestSuite.testName("static (extension in Storage):Storage.Storage.`a record survives`() -> ()", module: "Storage")
                != "x")
        #expect(TestSuite.testName("static Other.Storage.`a record survives`() -> ()", module: "Storage") == nil)
        #expect(TestSuite.testName("static Storage.Storage.helper() -> ()", module: "Storage") == nil)
        #expect(TestSuite.testName("static Storage.Storage.`two words`(Swift.Int) -> ()", module: "Storage") == nil)
    }
}
