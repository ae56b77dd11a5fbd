// The pages for owners and for factories, run from top to bottom: what is typed there is typed here, and prints what stands there.
import Emulation
import Foundation
import Testing

/// A page's commands: each with who types it, what it prints, and how it ends.
struct Page {
    struct Step {
        /// Who types it: the name before the prompt; "owner" where there is none.
        let person: String
        let line: String
        let expected: [String]
        let status: Int32
    }

    let steps: [Step]

    /// Reads the fences that are marked as a console: lines behind `$ ` or `NAME$ ` are typed, the others are printed.
    init(_ text: String) {
        var steps: [Step] = []
        let fences = text.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        for fence in fences where fence.hasPrefix("console\n") {
            var typed: (person: String, line: String)?
            var printed: [String] = []
            func close() {
                guard let step = typed else { return }
                let status = step.line.range(of: #"# exit code (\d+)$"#, options: .regularExpression)
                    .flatMap { Int32(step.line[$0].split(separator: " ").last ?? "") }
                steps.append(Step(person: step.person, line: step.line, expected: printed, status: status ?? 0))
            }
            for line in fence.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().map(String.init) {
                if let prompt = line.range(of: #"^[a-z]*\$ "#, options: .regularExpression) {
                    close()
                    let name = line[prompt].dropLast(2)
                    (typed, printed) = ((name.isEmpty ? "owner" : String(name), String(line[prompt.upperBound...])), [])
                } else {
                    printed.append(line)
                }
            }
            close()
        }
        self.steps = steps
    }

    /// Whether a line that was printed is the one that stands in the page: “…” there is anything.
    static func matches(_ line: String, _ pattern: String) -> Bool {
        var rest = Substring(line)
        let parts = pattern.components(separatedBy: "…")
        for (place, part) in parts.enumerated() {
            if place == 0 {
                guard rest.hasPrefix(part) else { return false }
                rest = rest.dropFirst(part.count)
            } else if place == parts.count - 1 {
                return part.isEmpty || rest.hasSuffix(part)
            } else if !part.isEmpty {
                guard let found = rest.range(of: part) else { return false }
                rest = rest[found.upperBound...]
            }
        }
        return rest.isEmpty
    }

    /// Whether all that was printed is what stands in the page: a line “…” there is any number of lines.
    static func matches(_ lines: ArraySlice<String>, _ patterns: ArraySlice<String>) -> Bool {
        guard let pattern = patterns.first else { return lines.isEmpty }
        if pattern == "…" {
            return (0...lines.count).contains { matches(lines.dropFirst($0), patterns.dropFirst()) }
        }
        guard let line = lines.first, matches(line, pattern) else { return false }
        return matches(lines.dropFirst(), patterns.dropFirst())
    }
}

@Suite("Pages that are run", .serialized)
struct PageTests {
    /// People at one desk: a home for each, and the boards that stand there.
    final class Desk {
        let scratch: Scratch
        private var printed = ""

        init() throws {
            scratch = try Scratch()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                at: folder.appendingPathComponent("build"), withDestinationURL: sourceRoot.appendingPathComponent("build"))
        }

        private var folder: URL { scratch.url.appendingPathComponent("desk") }
        private var state: URL { scratch.url.appendingPathComponent("state") }

        deinit {
            let boards = EmulatedBoards(home: state.appendingPathComponent("lightnode"))
            for record in boards.running where (try? boards.stop(record.name)) == nil { kill(record.supervisor, SIGKILL) }
        }

        func run(_ line: String, by person: String) throws -> (status: Int32, text: String) {
            let home = scratch.url.appendingPathComponent(person)
            try FileManager.default.createDirectory(
                at: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = ["-c", try filled(line)]
            process.currentDirectoryURL = folder
            process.environment = [
                "HOME": home.path, "XDG_STATE_HOME": state.path, "USER": person, "TMPDIR": "/tmp", "TZ": "UTC",
                "LIGHTNODE_ROOT": sourceRoot.path,
                "PATH": Program.beside("lightnode").deletingLastPathComponent().path + ":/usr/bin:/bin",
            ]
            // A file rather than a pipe: a board that stays on in the background would keep a pipe open.
            let output = scratch.url.appendingPathComponent("output")
            try Data().write(to: output)
            let handle = try FileHandle(forWritingTo: output)
            (process.standardOutput, process.standardError, process.standardInput) = (handle, handle, FileHandle.nullDevice)
            try process.run()
            process.waitUntilExit()
            let text = try String(contentsOf: output, encoding: .utf8)
            printed += text
            return (process.terminationStatus, text)
        }

        /// A word with “…” stands for the last one like it that was printed; KEY_OF_NAME for that person's public key, GRANT_OF_NAME for the id of the
        /// grant that was given to NAME.
        private func filled(_ line: String) throws -> String {
            try line.split(separator: " ", omittingEmptySubsequences: false).map { word -> String in
                if word.hasPrefix("PUBLIC_KEY_OF_") {
                    let shown = try run("lightnode keys show", by: word.dropFirst("PUBLIC_KEY_OF_".count).lowercased()).text
                    return String(shown.prefix(64))
                }
                if word.hasPrefix("GRANT_OF_") {
                    let name = "“\(word.dropFirst("GRANT_OF_".count).lowercased())”"
                    let grants = printed.split(separator: "\n").filter { $0.contains("to \(name)") }
                    return String(try #require(grants.last).prefix(16))
                }
                guard word.contains("…") else { return String(word) }
                let words = printed.split { $0.isWhitespace || $0 == "\"" }.map(String.init)
                return try #require(
                    words.last { !$0.contains("…") && Page.matches($0, String(word)) }, "nothing like \(word) was printed")
            }.joined(separator: " ")
        }
    }

    @Test("What stands on the page is what happens", arguments: ["for-owners", "for-factories"])
    func runs(_ name: String) throws {
        let text = try String(contentsOf: sourceRoot.appendingPathComponent("docs/\(name).md"), encoding: .utf8)
        let page = Page(text)
        #expect(page.steps.count > 8)
        let desk = try Desk()
        for step in page.steps {
            let result = try desk.run(step.line, by: step.person)
            let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
            #expect(result.status == step.status, "\(step.line)\n\(result.text)")
            #expect(Page.matches(lines[...], step.expected[...]), "\(step.line)\nprinted:\n\(result.text)")
        }
    }

    @Test("A page that says something else than what is printed is found: the check above can fail")
    func differences() {
        #expect(Page.matches(["a 12 b"], ["a … b"]) && !Page.matches(["a 12 c"], ["a … b"]) && !Page.matches(["a", "b"], ["a"]))
        #expect(Page.matches(["a", "b", "c"], ["…", "c"]) && !Page.matches(["a"], ["…", "c"]) && !Page.matches([], ["a"]))
        let page = Page("x\n```console\n$ one   # exit code 3\nout\nanna$ two\n```\n```text\n$ no\n```\n")
        #expect(
            page.steps.map(\.person) == ["owner", "anna"] && page.steps.map(\.status) == [3, 0]
                && page.steps[0].expected == ["out"])
    }
}
