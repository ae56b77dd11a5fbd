// What the person at the terminal sees: numbered steps, what was claimed, and whether it held.
import Foundation
import Reporting

/// Prints the steps and counts what did not hold.
struct Walk {
    /// A claim did not hold, and what follows depends on it.
    struct Stopped: Error {}

    private let isColoured = isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    private let began = Date()
    private(set) var step = 0
    private(set) var checks = 0
    private(set) var failures = 0

    /// At once, also into a pipe, so that a program that reads along sees each step when it happens.
    private func write(_ line: String) { StandardOutput.write(line + "\n") }

    private func styled(_ text: String, _ code: Int) -> String { isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }

    func title(_ text: String) { write(styled(text, 1)) }
    func blank() { write("") }

    mutating func begin(_ title: String) {
        step += 1
        write("\n\(styled("\(step)  \(title)", 1))")
    }

    /// A line, or several, under the step.
    func say(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { write("   \(line)") }
    }

    /// What the node or another program said.
    func quote(_ text: String) { say(styled("| \(text)", 2)) }

    /// Prints a claim with a mark, and remembers it when it does not hold.
    mutating func check(_ claim: String, _ holds: Bool, else instead: @autoclosure () -> String = "") {
        checks += 1
        if holds { return say("\(styled("✓", 32)) \(claim)") }
        failures += 1
        let found = instead()
        say("\(styled("✗", 31)) NOT SO: \(claim)\(found.isEmpty ? "" : "; instead: \(found)")")
    }

    /// As `check`, but the walk cannot go on without it.
    mutating func require(_ claim: String, _ holds: Bool, else instead: @autoclosure () -> String = "") throws {
        check(claim, holds, else: instead())
        if !holds { throw Stopped() }
    }

    /// An error that ended the walk.
    mutating func fail(_ text: String) {
        failures += 1
        say("\(styled("✗", 31)) \(text)")
    }

    var seconds: Double { Date().timeIntervalSince(began) }
}
