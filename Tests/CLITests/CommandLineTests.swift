import Foundation
import Testing

@testable import lightnode

/// What a command printed with `--json`.
func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
}

/// The program as a user runs it: arguments in, text and exit code out.
@Suite("The command line")
struct CommandLineTests {
    struct Result {
        let status: Int32
        let output: String
        let error: String
    }

    /// The folder that holds `lightnode`, which is built beside the tests.
    static let program: URL = {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("lightnode").path), folder.path != "/" {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent("lightnode")
    }()

    /// Writing to a program that has ended must not end the process that runs the tests.
    private static let brokenPipesAreErrors: Void = { signal(SIGPIPE, SIG_IGN) }()

    func run(
        _ arguments: [String], home: String, input: String = "", environment: [String: String] = [:], program: URL = Self.program
    ) throws -> Result {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin"].merging(environment) { $1 }
        let (output, error, standardInput) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        process.standardInput = standardInput
        _ = Self.brokenPipesAreErrors
        try process.run()
        // A program that has ended already has read what it wanted.
        try? standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let out = output.fileHandleForReading.readDataToEndOfFile()
        let err = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: String(decoding: out, as: UTF8.self),
            error: String(decoding: err, as: UTF8.self))
    }

    /// A home with nothing in it, for its caller to remove.
    static func newHome() throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/ln-cli-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return path
    }

    func withHome(_ body: (String) throws -> Void) throws {
        let path = try Self.newHome()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test(
        "Every subcommand has help with an example",
        arguments: ["provision", "label", "bind", "send", "status", "history", "console", "gateway", "bridge"])
    func help(_ subcommand: String) throws {
        try withHome { home throws in
            let result = try run([subcommand, "--help"], home: home)
            #expect(result.status == 0 && result.output.contains("EXAMPLE:") && result.output.contains("lightnode \(subcommand)"))
        }
    }

    @Test("The help lists every command in a group by what it is for")
    func groups() throws {
        try withHome { home throws in
            let help = try run(["--help"], home: home).output
            let groups = help.split(separator: "\n").filter { $0.hasSuffix(" SUBCOMMANDS:") }
            #expect(groups.count == Lightnode.configuration.groupedSubcommands.count)
            #expect(Lightnode.configuration.ungroupedSubcommands.isEmpty)
        }
    }

    @Test("What options and verbs were called before still works: --device, emulate --list, emulate --stop")
    func formerSpellings() throws {
        try withHome { home throws in
            let (former, named) = (
                try run(["status", "--device", "serial:/dev/none"], home: home),
                try run(["status", "--node", "serial:/dev/none"], home: home)
            )
            #expect(former.status == 3 && former.error == named.error)
            let help = try run(["status", "--help"], home: home).output
            #expect(help.contains("--node") && !help.contains("--device"))
            let verbs = [
                (["--list"], ["list"]), (["--stop", "x"], ["stop", "x"]), (["--usb", "x"], ["usb", "x"]),
                (["--board", "none"], ["start", "--board", "none"]),
            ]
            for (former, verb) in verbs {
                let (old, new) = (try run(["emulate"] + former, home: home), try run(["emulate"] + verb, home: home))
                #expect(old.status == new.status && old.output == new.output && old.error == new.error, "\(former)")
            }
        }
    }

    @Test("The help shows the table of exit codes")
    func exitCodes() throws {
        try withHome { home throws in #expect(try run(["--help"], home: home).output.contains("EXIT CODES:")) }
    }

    @Test("Wrong usage exits with 64 and explains itself on standard error")
    func usage() throws {
        try withHome { home throws in
            for arguments in [
                ["fly"], ["send"], ["send", "$('led').on("], ["send", "x", "--node", "nowhere"], ["label", "LN1:A"],
            ] {
                let result = try run(arguments, home: home)
                #expect(result.status == 64, "\(arguments)")
                #expect(!result.error.isEmpty && result.output.isEmpty)
            }
        }
    }

    @Test("A call with an error shows the column, also as JSON")
    func column() throws {
        try withHome { home throws in
            let text = try run(["send", "$('led').on(maybe)"], home: home)
            #expect(text.error.contains("column 13") && text.error.contains("            ^"))
            let json = try run(["send", "$('led').on(maybe)", "--json"], home: home)
            let report = try JSONSerialization.jsonObject(with: Data(json.error.utf8)) as? [String: Any]
            #expect(report?["exitCode"] as? Int == 64 && report?["reason"] as? String == "syntax")
        }
    }

    @Test("A key is made once, shown, and never replaced")
    func keys() throws {
        try withHome { home throws in
            let made = try run(["keys", "new", "--json"], home: home)
            #expect(made.status == 0)
            let shown = try run(["keys", "show", "--json"], home: home)
            func key(_ result: Result) throws -> String? {
                (try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])?["publicKey"] as? String
            }
            #expect(try key(made) != nil && key(made) == key(shown))
            #expect(try run(["keys", "new"], home: home).status == 4)
        }
    }

    @Test("A sealed key needs its passphrase")
    func sealedKey() throws {
        try withHome { home throws in
            #expect(try run(["keys", "new", "--passphrase"], home: home, environment: ["LIGHTNODE_PASSPHRASE": "p"]).status == 0)
            #expect(try run(["keys", "show"], home: home, environment: ["LIGHTNODE_PASSPHRASE": "q"]).status == 4)
            #expect(try run(["keys", "show"], home: home, environment: ["LIGHTNODE_PASSPHRASE": "p"]).status == 0)
        }
    }

    @Test("Without a key, or with one that others may read, a command is not sent")
    func keyTrouble() throws {
        try withHome { home throws in
            let missing = try run(["send", "$('led').on()", "--node", "serial:/dev/null"], home: home)
            #expect(missing.status == 4 && missing.error.contains("controller.key"))
            #expect(try run(["keys", "new"], home: home).status == 0)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: home + "/controller.key")
            let open = try run(["send", "$('led').on()", "--node", "serial:/dev/null"], home: home)
            #expect(open.status == 4 && open.error.contains("chmod 600"))
        }
    }

    @Test("A node that is not there exits with 3 and says so")
    func unreachable() throws {
        try withHome { home throws in
            let result = try run(["status", "--node", "serial:/dev/ttyNONE9"], home: home)
            #expect(result.status == 3 && result.error.contains("/dev/ttyNONE9"))
            let json = try run(["status", "--node", "serial:/dev/ttyNONE9", "--json"], home: home)
            #expect(try JSONSerialization.jsonObject(with: Data(json.error.utf8)) is [String: Any])
        }
    }

    @Test("A label is checked, drawn, and written as SVG; one wrong character is found")
    func label() throws {
        try withHome { home throws in
            let vectors = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("ControlNodeTests/Vectors/messages.json")
            let contents = try JSONSerialization.jsonObject(with: Data(contentsOf: vectors)) as? [String: Any]
            let label = try #require(contents?["label"] as? String)
            let drawn = try run(["label", label], home: home)
            #expect(drawn.status == 0 && drawn.output.contains("█") && drawn.output.contains(label))
            let piped = try run(["label", "-", "--svg", home + "/label.svg", "--json"], home: home, input: label + "\n")
            #expect(piped.status == 0 && piped.output.contains("\"address\""))
            #expect(try String(contentsOfFile: home + "/label.svg", encoding: .utf8).contains("<svg"))
            let wrong = try run(["label", label.replacingOccurrences(of: "NODE1X", with: "NODE1Q")], home: home)
            #expect(wrong.status == 64 && wrong.error.contains("address part"))
        }
    }
}
