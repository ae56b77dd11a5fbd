// What the runner costs: its time for tests that do nothing, against QEMU alone started by a shell.
import Emulation
import FirmwareBuild
import Foundation

/// A row of bench.json.
public struct BenchmarkRow: Codable, Sendable, CustomStringConvertible {
    public var name: String
    public var board: String
    public var variant: String
    public var value: Double
    public var unit: String

    public var description: String { String(format: "%@ [%@] %.3f %@", name, board, value, unit) }
}

extension Runner {
    /// `runner.overhead` (time of 50 trivial tests, one job, over bare QEMU in a shell loop) and `runner.scaling` (time with one
    /// job over time with two). Ratios of the best of `rounds` interleaved runs: the machine's other work disturbs all alike.
    public static func measure(builder: FirmwareBuilder, board: String, rounds: Int = 5) throws -> [BenchmarkRow] {
        var options = Options()
        options.filters = ["Trivial"]
        options.boards = [board]
        var runner = Runner(builder: builder, options: options)
        let plan = try runner.plan()
        var best: [String: Double] = [:]
        func note(_ name: String, _ seconds: Double) { best[name] = min(best[name] ?? .infinity, seconds) }
        for _ in 0..<rounds {
            for jobs in [1, 2] {
                runner.options.jobs = jobs
                let report = try runner.run(plan)
                guard report.failed == 0 else {
                    throw FirmwareError("the trivial tests failed: \(report.summary). Run: lightnode test Trivial")
                }
                note("jobs \(jobs)", report.seconds)
            }
            note("bare", try bareLoop(plan))
        }
        guard let one = best["jobs 1"], let two = best["jobs 2"], let bare = best["bare"] else { return [] }
        return [
            BenchmarkRow(name: "runner.overhead", board: board, variant: "50 trivial tests", value: one / bare, unit: "ratio"),
            BenchmarkRow(name: "runner.scaling", board: board, variant: "2 jobs", value: one / two, unit: "ratio"),
        ]
    }

    private static func bareLoop(_ plan: TestPlan) throws -> Double {
        let path = try QEMU.installed().path, folder = plan.scratch.url
        let lines = plan.items.map { item in
            let run = TestRun(
                test: item.test, prepared: item.prepared, seed: 1, hostLimit: 60, scratch: folder, sources: item.sources)
            let words = run.arguments(output: folder.appendingPathComponent("o"), serial: folder.appendingPathComponent("u"))
            return ([path] + words).map { "'\($0)'" }.joined(separator: " ") + " 2>/dev/null || exit 1"
        }
        let began = Date()
        let script = folder.appendingPathComponent("loop.sh")
        try lines.joined(separator: "\n").write(to: script, atomically: true, encoding: .utf8)
        let result = try Tool("sh", package: "dash").run([script.path])
        guard result.status == 0 else { throw FirmwareError("bare QEMU failed in the shell loop: \(result.errors)") }
        return Date().timeIntervalSince(began)
    }
}
