// Every command line in the help, the docs and the README, as a shell hands it to the program: the parser takes it, and the calls in it are calls.
import ArgumentParser
import Foundation
import NodeProtocol
import Testing

@testable import lightnode

@Suite("Examples")
struct ExampleTests {
    struct Example: CustomStringConvertible, Sendable {
        let place: String
        let line: String
        var description: String { "\(place): \(line)" }
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The lines of a text that are typed: those that begin with the program, after a prompt or the spaces of an example.
    private static func lines(_ text: String, _ place: String) -> [Example] {
        text.split(separator: "\n").compactMap { line in
            var line = line.trimmingCharacters(in: .whitespaces)
            if let prompt = line.range(of: #"^[a-z]*\$ (sudo )?(bin/)?"#, options: .regularExpression) {
                line.removeSubrange(prompt)
            }
            return line.hasPrefix("lightnode ") || line.contains("| lightnode ") ? Example(place: place, line: line) : nil
        }
    }

    private static func commands(_ type: any ParsableCommand.Type, _ path: [String] = []) -> [(
        path: [String], type: any ParsableCommand.Type
    )] {
        let here = path + [type._commandName]
        let below = type.configuration.subcommands + type.configuration.groupedSubcommands.flatMap(\.subcommands)
        return [(here, type)] + below.flatMap { commands($0, here) }
    }

    static let ofHelp = commands(Lightnode.self).flatMap {
        lines($0.type.configuration.discussion, "help of \($0.path.joined(separator: " "))")
    }

    static let ofPages: [Example] = {
        let docs = (try? FileManager.default.contentsOfDirectory(atPath: root.path + "/docs")) ?? []
        let files = docs.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" } + ["README.md", "CONTRIBUTING.md"]
        return files.flatMap { file -> [Example] in
            let text = (try? String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)) ?? ""
            // What is typed stands in fences.
            let fences = text.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
            return fences.filter { $0.hasPrefix("console") }.flatMap { lines($0, file) }
        }
    }()

    /// A shell does something else with a line than hand it over.
    struct TakenApart: Error { let said: String }

    /// The words as a shell makes them of the line. Whatever it would run itself in the line, it cannot: it knows no such command here.
    static func words(_ line: String) throws -> [String] {
        let command =
            line.range(of: "| lightnode ").map { String(line[$0.upperBound...]) } ?? String(line.dropFirst("lightnode ".count))
        // What stands in brackets behind wide spaces is a remark.
        let typed = command.replacingOccurrences(
            of: #"\s{2,}\(.*\)$|\s{2,}#.*$| < \S+$| &$"#, with: "", options: .regularExpression)
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-f", "-c", "PATH=; printf '%s\\n' \(typed)"]
        let (output, error) = (Pipe(), Pipe())
        shell.standardOutput = output
        shell.standardError = error
        try shell.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let said = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        shell.waitUntilExit()
        guard said.isEmpty, shell.terminationStatus == 0 else { throw TakenApart(said: said) }
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// What stands for a value in an example, as a value of its kind.
    private static func filled(_ word: String) -> String {
        let key = String(repeating: "a1", count: 32)
        return word.replacingOccurrences(
            of: "PUBLIC_KEY(_OF_[A-Z]+)?|PUBLICKEY|HOLDERKEY|OTHERKEY", with: key, options: .regularExpression
        ).replacingOccurrences(of: "GRANT_OF_[A-Z]+", with: "a0b1c2d3e4f50617", options: .regularExpression)
    }

    @Test("There are examples to be tried, of every command that has no subcommands alone")
    func all() {
        #expect(Self.ofHelp.count > 80 && Self.ofPages.count > 40, "\(Self.ofHelp.count) and \(Self.ofPages.count)")
        for (path, type) in Self.commands(Lightnode.self) where type.configuration.subcommands.isEmpty && path.count > 1 {
            #expect(type.configuration.discussion.contains("EXAMPLE:"), "\(path.joined(separator: " ")) has no example")
        }
    }

    @Test("The parser takes every example of the help and the pages, as a shell hands it over", arguments: ofHelp + ofPages)
    func parses(_ example: Example) throws {
        let words = try Self.words(example.line).map(Self.filled)
        // A word that is cut short stands for one that is whole.
        guard !words.contains(where: { $0.contains("…") && $0.count < 40 && !$0.hasPrefix("LN") }) else { return }
        if words.contains("--help") || words.contains("--version") { return }
        let command: any ParsableCommand
        do { command = try Lightnode.parseAsRoot(words) } catch {
            Issue.record("\(example): \(Lightnode.message(for: error))")
            return
        }
        guard let send = command as? Send else { return }
        #expect(throws: Never.self, "\(example)") { _ = try WrittenCall(parsing: Send.spelledOut(send.call, send.arguments)) }
    }

    @Test("The README's table of exit codes is the one that --help shows")
    func exitCodes() throws {
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let after = try #require(readme.components(separatedBy: "\n## Exit codes\n").last)
        let section = try #require(after.components(separatedBy: "\n## ").first)
        let rows = section.matches(of: /\n\| (\d+) \| (.+) \|/).map { "\($0.1)  \($0.2)" }
        let help = ExitStatus.table.split(separator: "\n").dropFirst().map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(rows == help)
    }

    @Test("An example that a shell takes apart, or the parser refuses, is found: the checks above can fail")
    func refused() throws {
        #expect(throws: (any Error).self) { _ = try Self.words(#"lightnode send "$('led').on()""#) }
        #expect(throws: (any Error).self) { _ = try Lightnode.parseAsRoot(try Self.words("lightnode status --nod x")) }
        #expect(try Self.words(#"lightnode send '$("led").on()'   (a remark)"#) == ["send", #"$("led").on()"#])
    }

    @Test("What a shell has made of a call in double quotes is recognised, with advice")
    func eaten() throws {
        try CommandLineTests().withHome { home throws in
            let result = try CommandLineTests().run(["send", ".on()"], home: home)
            #expect(result.status == 64 && result.error.contains("write the call in single quotes"), "\(result.error)")
        }
        #expect(Send.spelledOut("lock.open", ["5s"]) == "$('lock').open(5s)" && Send.spelledOut("led.on", []) == "$('led').on()")
        #expect(Send.spelledOut("$('led').on()", []) == "$('led').on()" && Send.spelledOut("x", []) == "x")
    }
}
