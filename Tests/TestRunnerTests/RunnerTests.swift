// The runner's own failures: a suite whose tests end in every way there is gives exactly the expected report.
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import FoundationXML
import Reporting
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

    static let runs = RunnerTests.boards.map { board in (board, Result { try SelftestRun(board: board) }) }

    static func on(_ board: String) throws -> SelftestRun {
        try #require(runs.first { $0.0 == board }).1.get()
    }
}

@Suite(.serialized) struct RunnerTests {
    static func expected(_ board: String) -> [String: TestResult.Outcome] {
        var expected = common
        expected["asks for its USB cable to be pulled"] = board == "mps2-an386" ? .passed : .skipped
        if board == "b-l475e-iot01a" { for name in needFlash { expected[name] = .skipped } }
        return expected
    }
    private static let needFlash = [
        "counts its starts in the store", "asks for its power to be cut", "asks for a flipped bit and sees it",
    ]

    private static let common: [String: TestResult.Outcome] = [
        "simply passes": .passed,
        "fails an expectation with both values": .failed,
        "fails an expectation without values": .failed,
        "crashes on an address that does not exist": .crashed,
        "traps on an overflow": .crashed,
        "hangs for ever": .timedOut,
        "hangs with interrupts off": .hung,
        "overflows the stack": .stackOverflow,
        "prints garbage and passes": .passed,
        "prints without end": .printedTooMuch,
        "exits early": .endedEarly,
        "resets the chip": .endedEarly,
        "skips itself": .skipped,
        "executes more than its limit": .overLimit,
        "logs before it fails": .failed,
        "blinks a light": .passed,
        "counts its starts in the store": .passed,
        "asks for its power to be cut": .passed,
        "asks for a flipped bit and sees it": .passed,
        "asks for a line without noise and hears itself": .passed,
        "asks for a noisy line and hears something else": .passed,
    ]

    /// What QEMU can run here: the last one needs 9.1.
    static let boards = ["microbit", "mps2-an386", "b-l475e-iot01a"].filter { name in
        guard let board = try? BoardCatalogue(root: root).board(name) else { return true }
        return (try? QEMU.installed(for: board).obstacle(to: board)) == nil || name != "b-l475e-iot01a"
    }

    // R19
    @Test("every way to end is told from every other", arguments: boards)
    func outcomes(board: String) throws {
        let report = try SelftestRun.on(board).report
        let found = Dictionary(uniqueKeysWithValues: report.results.map { ($0.test.name, $0.outcome) })
        #expect(found == Self.expected(board))
        let counts = Dictionary(grouping: Self.expected(board).values) { $0 == .passed ? "p" : $0 == .skipped ? "s" : "f" }
        #expect(
            report.summary == "\(counts["p"]!.count) passed, \(counts["f"]!.count) failed, \(counts["s"]!.count) skipped")
        #expect(counts["f"]?.count == 12)
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

    @Test("a crash names the function and the line, and shows the registers", arguments: boards)
    func crash(board: String) throws {
        let result = try #require(
            try SelftestRun.on(board).report.results.first { $0.test.name.contains("address that does not") })
        #expect(result.registers.first?.hasPrefix("exception 3  pc 0") == true)
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

    @Test("the same run executes the same instructions", arguments: boards)
    func deterministic(board: String) throws {
        let run = try SelftestRun.on(board)
        #expect(run.report.results.map(\.instructions) == run.again.results.map(\.instructions))
        #expect(run.report.results.map(\.stack) == run.again.results.map(\.stack))
        #expect(run.report.results.map(\.flashWrites) == run.again.results.map(\.flashWrites))
        #expect(run.report.results.map(\.faults) == run.again.results.map(\.faults))
        #expect(run.report.results.map(\.noise) == run.again.results.map(\.noise))
        #expect(run.report.results.compactMap(\.instructions).count >= 11)
        #expect(run.again.changes(since: run.report).isEmpty)
    }

    @Test("JUnit and TAP say the same as the text")
    func reports() throws {
        let report = try SelftestRun.on("microbit").report
        #expect(report.junit.contains("<testsuites tests=\"22\" failures=\"12\" skipped=\"2\""))
        #expect(report.junit.components(separatedBy: "<failure ").count == 13)
        #expect(XMLParser(data: Data(report.junit.utf8)).parse())
        #expect(report.tap.hasPrefix("TAP version 13\n1..22\n"))
        #expect(report.tap.components(separatedBy: "\nnot ok ").count == 13)
        #expect(report.description.hasSuffix("8 passed, 12 failed, 2 skipped"))
    }

    @Test("what changed since an older report is told in numbers and per cent")
    func comparison() throws {
        let report = try SelftestRun.on("microbit").report
        var old = report
        let index = try #require(old.results.firstIndex { $0.test.name == "simply passes" })
        let instructions = try #require(old.results[index].instructions)
        old.results[index].instructions = instructions * 2
        old.results[index].outcome = .failed
        #expect(
            report.changes(since: old) == [
                "Selftest/simply passes [microbit]: instructions \(instructions * 2) → \(instructions) (-50.0 %), failed → passed"
            ])
        old.results.remove(at: index)
        #expect(report.changes(since: old) == ["new: Selftest/simply passes [microbit]"])
    }

    @Test("only what failed in the last run is run again")
    func onlyFailed() throws {
        let last = FileManager.default.temporaryDirectory.appendingPathComponent("last-\(UUID().uuidString.prefix(8)).json")
        defer { try? FileManager.default.removeItem(at: last) }
        var options = Runner.Options()
        options.filters = ["Selftest/simply passes", "Selftest/fails an expectation without"]
        options.boards = ["microbit"]
        options.lastReport = last
        var runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        #expect(try runner.run(try runner.plan()).summary == "1 passed, 1 failed, 0 skipped")
        runner.options.filters = ["Selftest"]
        runner.options.onlyFailed = true
        #expect(try runner.plan().tests.map(\.name) == ["fails an expectation without values"])
        // Also of a suite that runs only when it is named, and after a run of that one test alone.
        runner.options.filters = []
        let alone = try runner.plan()
        #expect(alone.tests.map(\.name) == ["fails an expectation without values"])
        _ = try runner.run(alone)
        #expect(try runner.plan().tests.map(\.path) == alone.tests.map(\.path))
        runner.options.filters = ["Selftest/simply"]
        #expect(throws: Failure.self) { try runner.plan() }
        // What cannot be read, and what is not there, are not a run without failures.
        func words() -> String { do { _ = try runner.plan() } catch { return "\(error)" }; return "" }
        for damaged in ["", "{", "[]"] {
            try Data(damaged.utf8).write(to: last)
            #expect(words().contains("cannot be read"), "\(words())")
        }
        try FileManager.default.removeItem(at: last)
        #expect(words().contains("no earlier run"), "\(words())")
    }

    @Test("pin changes are traced with virtual time, and written as a value change dump")
    func trace() throws {
        var control = RunControl()
        control.traceStep = 50
        let result = try runs(1, "blinks a light", "microbit", control)[0]
        #expect(result.outcome == .passed)
        let pins = try #require(result.pins)
        #expect(pins.changes.contains { $0.change.level } && pins.changes.contains { !$0.change.level })
        #expect(pins.changes.map(\.instruction) == pins.changes.map(\.instruction).sorted())
        #expect(pins.vcd.hasPrefix("$timescale 1 ns $end\n$scope module board $end\n$var wire 1 p"))
        #expect(try runs(1, "blinks a light", "microbit", control)[0].pins?.changes == pins.changes)
    }

    @Test("no test that fits is an error, not a success")
    func nothing() throws {
        var options = Runner.Options()
        options.filters = ["NoSuchSuite"]
        var runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        #expect(throws: Failure.self) { try runner.plan() }
        // A suite that there is, for another board, is not told to be missing.
        (runner.options.filters, runner.options.boards) = (["Discovery"], ["microbit"])
        let elsewhere = #expect(throws: Failure.self) { try runner.plan() }
        #expect(elsewhere?.what == "Discovery does not run on microbit" && elsewhere?.advice == "It runs on b-l475e-iot01a")
        #expect(!TestReport(results: [], notices: [], seed: 1, seconds: 0).isGood)
        let test = FirmwareTest(suite: "S", board: "b", name: "n o", address: 0)
        let skipped = TestResult(test: test, outcome: .skipped, seconds: 0, seed: 1)
        let allSkipped = TestReport(results: [skipped], notices: [], seed: 1, seconds: 0)
        #expect(!allSkipped.isGood && allSkipped.description.contains("nothing was tested"))
        let passed = TestResult(test: test, outcome: .passed, seconds: 0, seed: 1)
        #expect(TestReport(results: [skipped, passed], notices: [], seed: 1, seconds: 0).isGood)
    }

    @Test("a test that prints without end is ended soon, and its report is small")
    func printsTooMuch() throws {
        let result = try #require(try SelftestRun.on("microbit").report.results.first { $0.test.name == "prints without end" })
        #expect(result.detail?.contains("printed more than 4 MB") == true)
        #expect(result.log.contains { $0.contains("bytes are left out") } && result.log.first?.hasPrefix("a line of") == true)
        #expect(try JSONEncoder().encode(result).count < 1 << 20)
    }

    @Test(
        "the power is cut at exact instructions, the flash kept, and the test started again until it ends",
        arguments: ["microbit", "mps2-an386"])
    func powerCuts(board: String) throws {
        var control = RunControl()
        control.cuts = .once(3000)
        let once = try runs(1, "counts its starts in the store", board, control)[0]
        #expect(once.faults == [InjectedFault(kind: .powerCut, instruction: 3000, start: 1)])
        #expect(once.log == ["starts before this one 1"], "cut while the first start waited")
        control.cuts = .every(3000)
        let every = try runs(1, "counts its starts in the store", board, control)[0]
        #expect(every.faults.map(\.instruction) == (1...every.faults.count).map { UInt64(3000 * $0) })
        #expect(every.outcome == .passed)
        #expect(every.log == ["starts before this one 5"])
        control.cuts = .random(seed: 5)
        let random = try runs(2, "counts its starts in the store", board, control)
        #expect(random[0].faults.count > 3)
        #expect(random[0].faults == random[1].faults)
        #expect(random[0].log == random[1].log)
        #expect(random[0].outcome == .passed)
    }

    private func runs(_ count: Int, _ name: String, _ board: String, _ control: RunControl) throws -> [TestResult] {
        var options = Runner.Options()
        options.filters = ["Selftest/" + name]
        options.boards = [board]
        options.control = control
        options.repetitions = count
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let results = try runner.run(try runner.plan()).results
        try #require(results.count == count)
        return results
    }

    @Test("a test that asks for faults gets them, and its report tells them", arguments: ["microbit", "mps2-an386"])
    func askedFaults(board: String) throws {
        let results = try SelftestRun.on(board).report.results
        func result(_ name: String) throws -> TestResult { try #require(results.first { $0.test.name == name }) }
        let cut = try result("asks for its power to be cut").faults
        #expect(cut.count >= 5)
        #expect(cut.map(\.instruction) == (1...cut.count).map { UInt64(6000 * $0) })
        let flip = try #require(try result("asks for a flipped bit and sees it").faults.first)
        let store = try #require(try BoardCatalogue(root: root).board(board).store)
        #expect(store.range.contains(try #require(flip.bit).address))
        #expect(flip.instruction == 100)
        if board == "mps2-an386" {
            let pulled = try result("asks for its USB cable to be pulled")
            #expect(pulled.faults.map(\.kind) == [.unplugged])
            #expect(pulled.log == ["configured"])
        }
        #expect(try result("asks for a line without noise and hears itself").noise?.hasPrefix("0 of 32 bytes") == true)
        #expect(try result("asks for a noisy line and hears something else").noise?.hasPrefix("0 of") == false)
    }

    @Test("a bit that the command line names is the one that turns over", arguments: ["microbit", "mps2-an386"])
    func flippedBit(board: String) throws {
        let store = try #require(try BoardCatalogue(root: root).board(board).store)
        var control = RunControl()
        let bit = MemoryBit(address: store.address.value, bit: 7)
        control.flips = BitFlips("\(bit):10")
        #expect(control.flips == .exactly(bit, 10))
        // The test takes the first word that is not erased for a mark of an earlier start.
        let result = try runs(1, "counts its starts in the store", board, control)[0]
        #expect(result.faults == [InjectedFault(kind: .flippedBit, instruction: 10, start: 1, bit: bit)])
        #expect(result.log == ["starts before this one 1"])
    }

    @Test("flash writes are counted: words programmed and pages erased", arguments: ["microbit", "mps2-an386"])
    func flashWrites(board: String) throws {
        var options = Runner.Options()
        options.filters = ["Store/an erased page is all ones", "Store/the store takes less"]
        options.boards = [board]
        let runner = Runner(builder: FirmwareBuilder(catalogue: try BoardCatalogue(root: root)), options: options)
        let results = try runner.run(try runner.plan()).results
        // Three pages erased, three words programmed, one page erased again (Tests/OnTarget/Store).
        #expect(results.map { $0.flashWrites?.pages } == [4, 0])
        #expect(results.map { $0.flashWrites?.words } == [3, 0])
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

    @Test("of much output the beginning and the end are kept, of a long line the beginning")
    func bounded() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("said-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let middle = String(repeating: "middle\n", count: 1_000_000)
        try Data("first\n\(middle)last\n\u{1}end\u{1F}0\u{1F}1\u{1F}2\u{1F}3\u{1F}4\n".utf8).write(to: file)
        let said = TestOutput(file: file)
        #expect(said.log.first == "first" && said.log.last == "last" && said.last("end") != nil)
        #expect(said.log.contains { $0.contains("bytes are left out") } && said.log.count < 50_000)
        let long = output(String(repeating: "x", count: 512 << 10) + "\n").log
        #expect(long.count == 1 && long[0].utf8.count < 5000 && long[0].hasSuffix("(524288 bytes)"))
        #expect(output("\u{1}log\u{1F}a\u{1B}[2J\n").log == ["a\\u{1B}[2J"])
    }

    @Test("functions in the sources: what is marked as a test and is none, and why")
    func functions() {
        let found = TestSuite.functions(
            in: """
                @used static func `a sentence`() {}
                    @used static func `passes`() {}
                @used private static func `hidden from all`() throws {}
                private @used static func `also hidden`() {}
                @used @inline(never) static func plain() {}
                static func helper() {}
                static func `forgotten mark`() {}
                // @used static func `in a comment`() {}
                @used static func `with a parameter`(_ x: Int) {}
                """)
        #expect(
            found == [
                .init(name: "a sentence", isUsed: true), .init(name: "passes", isUsed: true),
                .init(name: "hidden from all", isUsed: true, isPrivate: true),
                .init(name: "also hidden", isUsed: true, isPrivate: true), .init(name: "plain", isUsed: true),
                .init(name: "helper"), .init(name: "forgotten mark"),
            ])
    }

    @Test("names and texts of a test arrive in JUnit and TAP as they are, and make no line of their own")
    func foreign() throws {
        let hostile = "a <b> & \"c\" # SKIP \n not ok 2 \u{1B}[2J \r\n ok 3"
        var failed = TestResult(
            test: FirmwareTest(suite: "S", board: "b", name: hostile, address: 0), outcome: .failed, seconds: 0, seed: 1)
        failed.detail = hostile
        var skipped = failed
        skipped.outcome = .skipped
        let report = TestReport(results: [failed, skipped], notices: [], seed: 1, seconds: 0)
        #expect(XMLParser(data: Data(report.junit.utf8)).parse())
        let lines = report.tap.split(whereSeparator: \.isNewline)
        #expect(lines.filter { $0.hasPrefix("ok") || $0.hasPrefix("not ok") }.count == 2)
        #expect(lines.filter { $0.hasPrefix("not ok") }.allSatisfy { !$0.contains(" # SKIP") })
        #expect(!report.tap.unicodeScalars.contains("\u{1B}") && !report.junit.unicodeScalars.contains("\u{1B}"))
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
