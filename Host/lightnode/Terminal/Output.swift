// Printing: text for people or JSON for programs, from the same values.
import ArgumentParser
import Foundation
import HostCrypto
import Reporting

/// `--json`, on every subcommand.
struct Output: ParsableArguments {
    @Flag(help: "Print JSON instead of text.")
    var json = false

    /// Prints a result: its description, or as JSON.
    func show(_ value: some Encodable & CustomStringConvertible) {
        Self.write(json ? Self.encoded(value) : value.description)
    }

    /// Prints a list, one item per line, or as one JSON array.
    func show(list: [some Encodable & CustomStringConvertible], empty: String) {
        if json {
            Self.write(Self.encoded(list))
        } else {
            Self.write(list.isEmpty ? empty : list.map(\.description).joined(separator: "\n"))
        }
    }

    /// Prints a line that only people want.
    func say(_ text: String) {
        if !json { Self.write(text) }
    }

    /// Prints lines. No control character of a device, a file or a name reaches the terminal.
    static func write(_ text: String, terminator: String = "\n") {
        Steps.clear()
        StandardOutput.write(Quoted.terminal(text) + terminator)
    }

    /// Throws unless all that was printed has left this program: for what must not be lost, and at the end of every command.
    static func deliver() throws {
        if let failure = StandardOutput.failure { throw failure }
    }

    /// For output that goes on without end: false when its reader has gone.
    /// - Throws: `Failure` when it cannot be written for another reason.
    static func isFollowed() throws -> Bool {
        if StandardOutput.isClosed { return false }
        try deliver()
        return true
    }

    /// Prints what is secret, as it is, without a copy in this program's memory; throws unless it is out.
    static func deliver(secret text: String) throws {
        var bytes = Array((text + "\n").utf8)
        defer { wipe(&bytes) }
        try StandardOutput.write(secret: &bytes)
    }

    static func encoded(_ value: some Encodable) -> String { encoded(value, [.prettyPrinted]) }

    /// One line of JSON, for streams of events.
    static func line(_ value: some Encodable) -> String { encoded(value, []) }

    private static func encoded(_ value: some Encodable, _ form: JSONEncoder.OutputFormatting) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = form.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.dateEncodingStrategy = .iso8601
        guard let data = try? encoder.encode(value) else { preconditionFailure("\(type(of: value)) has only JSON's types") }
        return Quoted.json(String(decoding: data, as: UTF8.self))
    }

    /// Prints lines to standard error, fit for a terminal as `write` makes them.
    static func standardError(_ text: String) {
        Steps.clear()
        StandardError.write(Quoted.terminal(text) + "\n")
    }
}

/// A subcommand with `--json`: its errors are JSON as well.
protocol JSONCapable {
    var output: Output { get }
}
