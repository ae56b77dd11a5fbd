// QEMU's machine protocol: commands as JSON lines (QEMU documentation, "QEMU Machine Protocol Specification").
import Foundation
import Reporting

/// A monitor connection. Calls are serialised; each has a time limit.
final class QMP: @unchecked Sendable {
    private let socket: LineSocket
    private let lock = NSLock()
    private var events: [String] = []

    init(socket: LineSocket) throws {
        self.socket = socket
        guard let greeting = try socket.receiveLine(timeout: 5), greeting.contains("QMP") else {
            throw Failure(.environment, "the emulator's monitor does not answer", advice: "Start the board again")
        }
        _ = try execute("qmp_capabilities")
    }

    /// Runs a command and returns its answer (`return`).
    /// - Throws: `Failure` with QEMU's description.
    @discardableResult
    func execute(_ command: String, _ arguments: [String: any Sendable] = [:], timeout: Double = 10) throws -> Any {
        lock.lock()
        defer { lock.unlock() }
        var request: [String: Any] = ["execute": command]
        if !arguments.isEmpty { request["arguments"] = arguments }
        try socket.send(line: String(decoding: try JSONSerialization.data(withJSONObject: request), as: UTF8.self))
        let limit = Date().addingTimeInterval(timeout)
        while let line = try socket.receiveLine(timeout: limit.timeIntervalSinceNow) {
            guard let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else { continue }
            if let value = answer["return"] { return value }
            if let error = answer["error"] as? [String: Any] {
                throw Failure(
                    .environment, "the emulator refused \(command): \(error["desc"] as? String ?? line)",
                    advice: "Start the board again")
            }
            if let event = answer["event"] as? String { events.append(event) }
        }
        throw Failure(
            .environment, "the emulator did not answer \(command) within \(timeout) s",
            advice: "Stop the board and start it again")
    }

    /// Runs a command of the human monitor and returns its text.
    func monitor(_ command: String) throws -> String {
        let text = try execute("human-monitor-command", ["command-line": command]) as? String ?? ""
        return text.replacingOccurrences(of: "\r", with: "")
    }

    /// Waits for an event of that name.
    func waitForEvent(_ name: String, timeout: Double) throws -> Bool {
        lock.lock()
        defer { lock.unlock() }
        let limit = Date().addingTimeInterval(timeout)
        while true {
            if let index = events.firstIndex(of: name) {
                events.removeFirst(index + 1)
                return true
            }
            guard let line = try socket.receiveLine(timeout: max(0, limit.timeIntervalSinceNow)) else { return false }
            let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            if let event = answer?["event"] as? String { events.append(event) }
        }
    }

    /// Drops the events so far.
    func forgetEvents() { lock.withLock { events.removeAll() } }
}
