// Builds suites (R19), lists their tests, runs them on all boards, several QEMUs at once.
import BoardFacts
import Emulation
import FirmwareBuild
import Foundation
import Programs
import Reporting

/// A run of on-target tests.
public struct Runner: Sendable {
    /// What is run, and how.
    public struct Options: Sendable {
        /// Tests whose "Suite/name" contains one of these; all when empty. A suite's whole name also selects a hidden suite.
        public var filters: [String] = []
        /// Boards; all that a suite names when empty.
        public var boards: [String] = []
        /// QEMUs at once.
        public var jobs = ProcessInfo.processInfo.activeProcessorCount
        /// Only those that failed in the last run.
        public var onlyFailed = false
        /// How often each test is run; less than 1 counts as 1.
        public var repetitions = 1
        /// Multiplies the host time after which a test is killed.
        public var timeoutFactor = 1.0
        /// Given to each test and to QEMU: what repeats a run.
        public var seed: UInt32 = 1
        /// Ends after the first failure.
        public var stopsAtFailure = false
        /// Records which code was executed.
        public var coverage = false
        /// Faults, or a trace of the pins.
        public var control: RunControl?

        /// Where scratch files go; the system's temporary folder when nil.
        public var scratch: URL?

        /// Where the last run's report is kept for `onlyFailed`; build/last-test.json when nil.
        public var lastReport: URL?

        /// All tests that are not hidden, on all their boards, once.
        public init() {}
    }

    /// Host seconds after which a test that neither ends nor times out is killed.
    static let hostLimit = 30.0

    /// Builds the suites; its catalogue says which boards there are.
    public let builder: FirmwareBuilder
    /// Counts from the next `plan` or `run` on.
    public var options: Options
    /// Called before the first test and after each one, from any thread but one at a time: results so far, all, the newest.
    public var progress: @Sendable (_ done: Int, _ total: Int, _ result: TestResult?) -> Void = { _, _, _ in }

    /// Nothing is built before `plan`.
    public init(builder: FirmwareBuilder, options: Options) {
        self.builder = builder
        self.options = options
    }

    /// Builds and lists what the options select.
    /// - Throws: `Failure` when QEMU is missing, a board is unknown, a suite does not build, or nothing fits the filters.
    public func plan() throws -> TestPlan {
        let suites = try TestSuite.all(builder)
        let catalogue = builder.catalogue
        for board in options.boards { _ = try catalogue.board(board) }
        _ = try QEMU.installed()
        let failed = options.onlyFailed ? try lastFailures() : nil
        var plan = TestPlan(scratch: try scratchFolder())
        // Of a board that is skipped, the suites are known and the tests are not.
        var isSuiteSkipped = false
        for board in try catalogue.boards() where options.boards.isEmpty || options.boards.contains(board.name) {
            let wanted = suites.filter { suite in
                guard suite.runs(on: board) else { return false }
                // What failed runs again, hidden or not, and nothing else is built.
                guard let failed else { return selects(suite) }
                return failed.contains { $0.suite == suite.name && $0.board == board.name && selects($0) }
            }
            guard !wanted.isEmpty else { continue }
            try fetchEmulator(for: board)
            if let obstacle = try QEMU.installed(for: board).obstacle(to: board) {
                isSuiteSkipped = isSuiteSkipped || options.filters.isEmpty || wanted.contains { isNamed($0) }
                plan.notices.append("skipped \(wanted.map(\.name).joined(separator: ", ")) on \(board.name): \(obstacle)")
                continue
            }
            let built = try builder.build(board: board, products: wanted.map(\.name))
            for (suite, image) in zip(wanted, built) {
                let prepared = try PreparedImage(suite, image: image, root: catalogue.root, scratch: plan.scratch.url)
                for test in try suite.tests(in: prepared.linked, board: board) where selects(test) {
                    plan.items.append(TestPlan.Item(test: test, prepared: prepared, sources: suite.folder))
                }
            }
        }
        if let failed {
            let names = Set(failed.map { $0.path + $0.board })
            plan.items.removeAll { !names.contains($0.test.path + $0.test.board) }
        }
        if plan.items.isEmpty, !isSuiteSkipped {
            if let suite = suites.first(where: { isNamed($0) && !options.filters.isEmpty }), !options.boards.isEmpty,
                !options.onlyFailed, !(try options.boards.contains { suite.runs(on: try catalogue.board($0)) })
            {
                let boards = try suite.boards ?? catalogue.boards().filter { suite.runs(on: $0) }.map(\.name)
                throw Failure(
                    .environment, "\(suite.name) does not run on \(options.boards.joined(separator: ", "))",
                    advice: "It runs on \(boards.joined(separator: ", "))")
            }
            let names = suites.filter { !$0.isHidden }.map(\.name).joined(separator: ", ")
            if options.onlyFailed { throw Failure(.environment, "no test failed in the last run", remedy: .runTests(suite: nil)) }
            if suites.isEmpty || names.isEmpty {
                throw Failure(
                    .environment, "there are no test suites",
                    advice: "Write one in Tests/OnTarget/<Suite>/; docs/testing.md shows how")
            }
            throw Failure(
                .environment, "no test fits \(options.filters.joined(separator: ", "))",
                remedy: .either([.advice("There are the suites \(names)"), .listTests]))
        }
        return plan
    }

    /// Runs a plan.
    /// - Throws: `Failure` when there is no place for scratch files. A test that fails throws nothing: the report says it.
    public func run(_ plan: TestPlan) throws -> TestReport {
        // Any test may ask for faults, and those are placed by counting.
        if plan.count > 0 {
            if !StoreProbe.isBuilt { try builder.buildCounter() }
            _ = try StoreProbe.file()
        }
        let began = Date()
        progress(0, plan.items.count * max(1, options.repetitions), nil)
        let work = Work(Array(repeating: plan.items, count: max(1, options.repetitions)).flatMap { $0 })
        let done = DispatchGroup()
        for job in 0..<max(1, min(options.jobs, work.count)) {
            let folder = plan.scratch.url.appendingPathComponent("job-\(job)")
            do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
                throw Failure(
                    .environment, "the scratch folder \(folder.path) cannot be made: \(error.localizedDescription)",
                    advice: "Check the permissions of its folder and the space on its disk")
            }
            done.enter()
            let thread = Thread { [self] in
                while let (index, item) = work.next() {
                    let run = TestRun(
                        test: item.test, prepared: item.prepared, seed: options.seed,
                        hostLimit: Self.hostLimit * options.timeoutFactor, scratch: folder, sources: item.sources,
                        coverage: options.coverage, control: options.control)
                    work.finish(index, run(), stop: options.stopsAtFailure, progress)
                }
                done.leave()
            }
            thread.start()
        }
        done.wait()
        var report = TestReport(
            results: work.results, notices: plan.notices, seed: options.seed, seconds: Date().timeIntervalSince(began))
        if let obstacle = saveLast(report) {
            report.notices.append("this result is not kept for the next run: \(obstacle)")
        }
        return report
    }

    /// Source lines that the tests of a plan executed; `Options.coverage` must have been set.
    /// - Throws: `Failure` when the line table of an image cannot be read.
    public func coverage(_ plan: TestPlan) throws -> Coverage {
        var coverage = Coverage()
        var seen: Set<ObjectIdentifier> = []
        for item in plan.items where seen.insert(ObjectIdentifier(item.prepared)).inserted {
            try coverage.add(item.prepared.linked, executed: item.prepared.executed, root: builder.catalogue.root)
        }
        return coverage
    }

    private func selects(_ suite: TestSuite) -> Bool {
        if options.filters.isEmpty { return !suite.isHidden }
        // A filter without a slash may be of a test's name.
        return isNamed(suite) || (!suite.isHidden && options.filters.contains { !$0.contains("/") })
    }

    private func isNamed(_ suite: TestSuite) -> Bool {
        options.filters.contains { ($0.split(separator: "/").first.map(String.init) ?? $0) == suite.name }
    }

    private func selects(_ test: FirmwareTest) -> Bool {
        options.filters.isEmpty || options.filters.contains { test.path.contains($0) }
    }

    private var lastFile: URL {
        options.lastReport ?? builder.catalogue.root.appendingPathComponent("build/last-test.json")
    }

    /// - Throws: `Failure` when there is no last run, or what it left cannot be read: neither means that no test failed.
    private func lastFailures() throws -> [FirmwareTest] {
        guard FileManager.default.fileExists(atPath: lastFile.path) else {
            throw Failure(.environment, "no earlier run is known here", remedy: .runTests(suite: nil))
        }
        guard let data = try? Data(contentsOf: lastFile), let report = try? JSONDecoder().decode(TestReport.self, from: data)
        else {
            throw Failure(.environment, "the last run's result in \(lastFile.path) cannot be read", remedy: .runTests(suite: nil))
        }
        return report.results.filter { $0.outcome.isFailure }.map(\.test)
    }

    /// A board that is named is to be tested: what it takes that the installed QEMU has not is fetched. One that cannot be had is told later.
    private func fetchEmulator(for board: Board) throws {
        guard options.boards.contains(board.name), ProcessInfo.processInfo.environment["LIGHTNODE_QEMU"] == nil,
            try QEMU.installed(for: board).obstacle(to: board) != nil, board.emulator != nil
        else { return }
        builder.report(WorkStep("fetching a newer QEMU for \(board.name)"))
        defer { builder.report(nil) }
        _ = try? Tool.bash.run(["Tools/install-newer-qemu"], in: builder.catalogue.root)
    }

    /// Why it could not be kept; an older one is then gone, because it is not the last.
    private func saveLast(_ report: TestReport) -> String? {
        try? FileManager.default.createDirectory(at: lastFile.deletingLastPathComponent(), withIntermediateDirectories: true)
        do {
            try WholeFile.write(try JSONEncoder().encode(report), to: lastFile.path)
            return nil
        } catch {
            try? FileManager.default.removeItem(at: lastFile)
            return (error as? Failure)?.what ?? "\(error)"
        }
    }

    private func scratchFolder() throws -> ScratchFolder {
        try ScratchFolder(options.scratch ?? FileManager.default.temporaryDirectory)
    }
}

/// What a run will do.
public struct TestPlan: Sendable {
    struct Item: Sendable {
        var test: FirmwareTest
        var prepared: PreparedImage
        var sources: URL
    }

    var items: [Item] = []
    /// Boards that are left out, and why.
    public internal(set) var notices: [String] = []
    let scratch: ScratchFolder

    init(scratch: ScratchFolder) { self.scratch = scratch }

    /// In the order in which they are started; one for each board that it runs on.
    public var tests: [FirmwareTest] { items.map(\.test) }
    /// Tests of the plan, without repetitions.
    public var count: Int { items.count }
}

/// A private folder that is gone with the run.
final class ScratchFolder: Sendable {
    let url: URL

    init(_ base: URL) throws {
        url = base.appendingPathComponent("lightnode-test-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
            throw Failure(
                .environment, "no scratch folder can be made in \(base.path): \(error.localizedDescription)",
                advice: "Set TMPDIR to another place")
        }
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

/// The queue of a run and its results, in the queue's order.
private final class Work: @unchecked Sendable {
    private let lock = NSLock()
    private let items: [TestPlan.Item]
    private var given = 0
    private var ended: [TestResult?]
    private var finished = 0
    private var isStopped = false

    init(_ items: [TestPlan.Item]) {
        self.items = items
        ended = Array(repeating: nil, count: items.count)
    }

    var count: Int { items.count }
    var results: [TestResult] { lock.withLock { ended.compactMap { $0 } } }

    func next() -> (Int, TestPlan.Item)? {
        lock.withLock {
            guard given < items.count, !isStopped else { return nil }
            given += 1
            return (given - 1, items[given - 1])
        }
    }

    func finish(_ index: Int, _ result: TestResult, stop: Bool, _ progress: (Int, Int, TestResult?) -> Void) {
        lock.withLock {
            ended[index] = result
            finished += 1
            if stop, result.outcome.isFailure { isStopped = true }
            progress(finished, items.count, result)
        }
    }
}
