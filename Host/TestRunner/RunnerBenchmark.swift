// What the runner costs: its time for tests that do nothing, against QEMU alone started by a shell.
import Emulation
import FirmwareBuild
import Foundation
import Programs
import Reporting

/// A row of bench.json.
public struct BenchmarkRow: Codable, Sendable, CustomStringConvertible {
    /// What was measured, "runner.overhead".
    public var name: String
    /// Name of the board.
    public var board: String
    /// What distinguishes rows of one name and board.
    public var variant: String
    /// The figure, in `unit`.
    public var value: Double
    /// Unit of the figure; "ratio" for one without.
    public var unit: String

    public var description: String { String(format: "%@ [%@] %.3f %@", name, board, value, unit) }
}

extension Runner {
    /// `runner.overhead` (time of 50 trivial tests, one job, over bare QEMU in a shell loop) and `runner.scaling` (time with one
    /// job over time with two). Each is the median of `rounds` ratios, and the runs of a ratio follow each other: the machine's other
    /// work then disturbs both alike, and a ratio that it did disturb does not count.
    /// - Throws: `Failure` when a trivial test or bare QEMU fails.
    public static func measure(builder: FirmwareBuilder, board: String, rounds: Int = 9) throws -> [BenchmarkRow] {
        var options = Options()
        options.filters = ["Trivial"]
        options.boards = [board]
        let runner = Runner(builder: builder, options: options)
        let plan = try runner.plan()
        _ = try runner.seconds(plan, jobs: 2)
        var overhead: [Double] = [], scaling: [Double] = []
        for round in 0..<rounds {
            // The order changes, so that a drift of the machine's speed favours neither.
            if round.isMultiple(of: 2) {
                let one = try runner.seconds(plan, jobs: 1), bare = try bareLoop(plan), two = try runner.seconds(plan, jobs: 2)
                overhead.append(one / bare)
                scaling.append(try runner.seconds(plan, jobs: 1) / two)
            } else {
                let bare = try bareLoop(plan), one = try runner.seconds(plan, jobs: 1), two = try runner.seconds(plan, jobs: 2)
                overhead.append(one / bare)
                scaling.append(one / two)
            }
        }
        return [
            BenchmarkRow(
                name: "runner.overhead", board: board, variant: "50 trivial tests", value: overhead.median, unit: "ratio"),
            BenchmarkRow(name: "runner.scaling", board: board, variant: "2 jobs", value: scaling.median, unit: "ratio"),
        ]
    }

    private func seconds(_ plan: TestPlan, jobs: Int) throws -> Double {
        var runner = self
        runner.options.jobs = jobs
        let report = try runner.run(plan)
        guard report.isGood else {
            throw Failure(.environment, "the trivial tests failed: \(report.summary)", remedy: .runTests(suite: "Trivial"))
        }
        return report.seconds
    }

    private static func bareLoop(_ plan: TestPlan) throws -> Double {
        let folder = plan.scratch.url
        let lines = plan.items.map { item in
            let run = TestRun(
                test: item.test, prepared: item.prepared, seed: 1, hostLimit: 60, scratch: folder, sources: item.sources)
            let words = run.arguments(output: folder.appendingPathComponent("o"), serial: folder.appendingPathComponent("u"))
            return ([item.prepared.qemu.path] + words).map { "'\($0)'" }.joined(separator: " ") + " 2>/dev/null || exit 1"
        }
        let began = Date()
        let script = folder.appendingPathComponent("loop.sh")
        try lines.joined(separator: "\n").write(to: script, atomically: true, encoding: .utf8)
        let result = try Tool("sh", package: "dash").run([script.path])
        guard result.status == 0 else {
            throw Failure(
                .environment, "bare QEMU failed in the shell loop: \(result.errors)",
                advice: "Measure again; when it stays so, look at what changed")
        }
        return Date().timeIntervalSince(began)
    }
}

extension [Double] {
    /// The middle one.
    fileprivate var median: Double { sorted()[count / 2] }
}
