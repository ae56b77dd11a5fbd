import Foundation
import Image
import Testing

/// Image files on the command line: exit codes, and that no word of another's is without an end.
@Suite("Image files on the command line") struct ImageCommandTests {
    private let program = CommandLineTests()
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private func run(_ arguments: [String], _ home: String) throws -> CommandLineTests.Result {
        try program.run(arguments, home: home, environment: ["LIGHTNODE_ROOT": Self.root])
    }

    @Test("an image is converted into each format that its chip has, and shown as the same image")
    func converts() throws {
        try program.withHome { home in
            let image = Self.root + "/build/blackpill-f411/light-node.elf"
            try #require(FileManager.default.fileExists(atPath: image), "run `make firmware`")
            var shown: Set<String> = []
            for format in ["elf", "hex", "bin", "uf2", "dfu"] {
                let file = "\(home)/image.\(format)"
                let result = try run(["image", "convert", image, file, "--json"], home)
                #expect(
                    result.status == 0 && result.output.contains("\"format\" : \"\(format)\""), "\(result.output)\(result.error)")
                // The place of the store is filled in a binary, and that is said.
                #expect(result.error.contains("fills the place of the store") == (format == "bin"), "\(result.error)")
                let report = try run(["image", "show", file], home)
                #expect(report.status == 0, "\(report.output)\(report.error)")
                // All but the file's name; a binary names no addresses of its own.
                shown.insert(report.output.split(separator: "\n").dropFirst().joined(separator: "\n"))
            }
            #expect(shown.count == 1, "\(shown)")
        }
    }

    @Test("what cannot be converted is told before anything is written, each with its exit code")
    func refusals() throws {
        try program.withHome { home in
            let image = Self.root + "/build/microbit/light-node.elf"
            let file = home + "/image.hex"
            #expect(try run(["image", "convert", image, file], home).status == 0)
            let before = try Data(contentsOf: URL(fileURLWithPath: file))
            for (arguments, status, words) in [
                ([file, home + "/image.uf2"], 64, "no number in the list of UF2 families"),
                ([file, home + "/image.xyz"], 64, "which format"),
                ([file, file], 64, "would be overwritten"), ([home, home + "/a.bin"], 8, "is a folder"),
                (["/dev/zero", home + "/a.bin"], 8, "is a device"),
                ([home + "/nothing", home + "/a.bin"], 4, "cannot be read"),
                ([file, home + "/no/a.bin"], 4, "cannot be written"),
            ] as [([String], Int32, String)] {
                let result = try run(["image", "convert"] + arguments, home)
                #expect(result.status == status && result.error.contains(words), "\(arguments): \(result.status) \(result.error)")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before)
            #expect(try FileManager.default.contentsOfDirectory(atPath: home) == ["image.hex"])
            try Data([0x1F, 0x8B, 8, 0]).write(to: URL(fileURLWithPath: home + "/image.gz"))
            for command in [
                ["flash"], ["image", "show"], ["emulate", "start", "--board", "microbit", "--image"],
                ["emulate", "start", "--board", "microbit", "--detach", "--image"],
            ] {
                let result = try run(command + [home + "/image.gz"], home)
                #expect(
                    result.status == 8 && result.error.contains("compressed with gzip") && !result.error.contains("error: error"),
                    "\(command): \(result.error)")
            }
        }
    }

    @Test(
        "a line of standard input that has no end is not read without end",
        arguments: [["label", "-"], ["bind", "-"]])
    func endlessLine(arguments: [String]) throws {
        try program.withHome { home in
            let command = (["exec", CommandLineTests.program.path] + arguments).joined(separator: " ") + " < /dev/zero"
            let result = try program.run(["-c", command], home: home, program: URL(fileURLWithPath: "/bin/sh"))
            #expect(result.status == 64 && result.error.contains("has more than 65536 bytes"), "\(result.status) \(result.error)")
        }
    }

    @Test("of a word that is longer than a person reads the beginning and the end are told")
    func longWords() throws {
        try program.withHome { home in
            let word = "x" + String(repeating: "y", count: 100_000) + "z"
            for arguments in [
                ["label", word], ["status", "--node", word], ["flash", word + ".hex"], ["image", "show", "/" + word], [word],
                ["send", "$('" + word],
                ["provision", "--printer", "lpd://" + word, "--batch", "a"], ["boards", word],
            ] {
                for json in [[], ["--json"]] {
                    let result = try run(arguments + json, home)
                    #expect(
                        result.status != 0 && !result.error.isEmpty && result.error.utf8.count < 20_000,
                        "\(arguments[0]): \(result.error.utf8.count)")
                }
            }
        }
    }
}
