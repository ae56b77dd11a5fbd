import Foundation
import Testing

/// What a command prints, where it cannot, and what a terminal would obey.
@Suite("Standard output") struct OutputTests {
    private let program = CommandLineTests()

    private func shell(_ command: String, home: String) throws -> CommandLineTests.Result {
        try program.run(
            ["-c", command], home: home, environment: ["L": CommandLineTests.program.path, "LC_ALL": "C.UTF-8"],
            program: URL(fileURLWithPath: "/bin/bash"))
    }

    @Test(
        "a full or closed standard output ends every command with a sentence and 4, a closed pipe quietly",
        arguments: [
            "batch list", "batch list --json", "list", "list --json", "udev", "boards", "boards --json", "emulate --list",
            "flash --list", "flash --list --json", "--help", "send --help", "--version", "keys show",
        ])
    func unwritable(arguments: String) throws {
        try program.withHome { home throws in
            _ = try program.run(["keys", "new"], home: home)
            let usual = try shell("$L \(arguments)", home: home)
            guard usual.status == 0, !usual.output.isEmpty else { return }
            for place in ["> /dev/full", ">&-"] {
                let result = try shell("$L \(arguments) \(place)", home: home)
                #expect(result.status == 4, "\(arguments) \(place): \(result.status) \(result.error)")
                #expect(result.error.contains("standard output could not be written"), "\(result.error)")
            }
            let closed = try shell("$L \(arguments) | head -c 0; exit ${PIPESTATUS[0]}", home: home)
            #expect(closed.status == 0 && closed.error.isEmpty, "\(arguments): \(closed.status) \(closed.error)")
            #expect(try shell("$L \(arguments) 2>&-", home: home).status == 0)
        }
    }

    @Test("an error that cannot be written keeps its exit code")
    func standardError() throws {
        try program.withHome { home throws in
            for place in ["2> /dev/full", "2>&-"] {
                #expect(try shell("$L send x --node nowhere \(place)", home: home).status == 64)
            }
        }
    }

    @Test("control characters of names and files are shown, as text and as JSON, and obeyed by no terminal")
    func controls() throws {
        try program.withHome { home throws in
            for name in ["a\u{1B}[2Jb", "a\u{9B}31mb", "a\u{202E}b", "a\u{7F}b"] {
                for arguments in [
                    ["batch", "verify", name], ["image", "show", name], ["status", "--node", name], ["label", name],
                    ["batch", "show", name],
                    ["emulate", "--stop", name], ["flash", name],
                ] {
                    for json in [[], ["--json"]] {
                        let result = try program.run(arguments + json, home: home)
                        #expect(result.status != 0)
                        for scalar in (result.output + result.error).unicodeScalars {
                            #expect(
                                scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar.value != 0x202E
                                    || scalar == "\n"
                                    || scalar == "\t", "\(arguments) \(json)")
                        }
                    }
                }
            }
        }
    }

    @Test("a damaged record of an emulated board is told, hides no other, and can be forgotten")
    func damagedRecord() throws {
        try program.withHome { home throws in
            let folder = home + "/emulated/bad"
            for text in ["", "{", "[]", "{\"name\": \"other\"}"] {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/record.json"))
                let listed = try program.run(["emulate", "--list"], home: home)
                #expect(listed.status == 0 && listed.output == "no emulated boards\n", "\(listed)")
                #expect(listed.error.contains("the record of emulated board \"bad\" is damaged"), "\(listed.error)")
                #expect(try program.run(["emulate", "--remove", "bad"], home: home).status == 0)
                #expect(!FileManager.default.fileExists(atPath: folder))
            }
        }
    }

    @Test("records of 0 bytes are refused, not taken for none")
    func emptyRecords() throws {
        try program.withHome { home throws in
            try Data().write(to: URL(fileURLWithPath: home + "/factory.sqlite"))
            let result = try program.run(["batch", "list"], home: home)
            #expect(result.status == 4 && result.error.contains("factory.sqlite is empty"), "\(result)")
        }
    }
}
