// Printing: text for people or JSON for programs, from the same values.
import ArgumentParser
import ControlNode
import Foundation
import Reporting

/// `--json`, on every subcommand.
struct Output: ParsableArguments {
    @Flag(help: "Print JSON instead of text.")
    var json = false

    /// Prints a result: its description, or as JSON.
    func show(_ value: some Encodable & CustomStringConvertible) {
        print(json ? Self.encoded(value) : value.description)
    }

    /// Prints a list, one item per line, or as one JSON array.
    func show(list: [some Encodable & CustomStringConvertible], empty: String) {
        if json {
            print(Self.encoded(list))
        } else {
            print(list.isEmpty ? empty : list.map(\.description).joined(separator: "\n"))
        }
    }

    /// Prints a line that only people want.
    func say(_ text: String) {
        if !json { print(text) }
    }

    /// Throws unless all that was printed has left this program: for what must not be lost.
    static func deliver() throws {
        guard fflush(nil) == 0 else {
            throw Failure(
                .environment, "standard output could not be written: \(String(cString: strerror(errno)))",
                advice: "Print it to a terminal or to a file with enough space")
        }
    }

    /// Prints what is secret, without a copy in this program's output buffer; throws unless it is out.
    static func deliver(secret text: String) throws {
        var bytes = Array((text + "\n").utf8)
        defer { wipe(&bytes) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw Failure(
                    .environment, "standard output could not be written: \(String(cString: strerror(errno)))",
                    advice: "Print it to a terminal or to a file with enough space")
            }
            sent += count
        }
    }

    static func encoded(_ value: some Encodable) -> String { encoded(value, [.prettyPrinted]) }

    /// One line of JSON, for streams of events.
    static func line(_ value: some Encodable) -> String { encoded(value, []) }

    private static func encoded(_ value: some Encodable, _ form: JSONEncoder.OutputFormatting) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = form.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.dateEncodingStrategy = .iso8601
        guard let data = try? encoder.encode(value) else { preconditionFailure("\(type(of: value)) has only JSON's types") }
        return String(decoding: data, as: UTF8.self)
    }

    static func standardError(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

/// A subcommand with `--json`: its errors are JSON as well.
protocol JSONCapable {
    var output: Output { get }
}
