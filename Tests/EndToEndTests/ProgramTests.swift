// The program with boards in QEMU as a user has them: names, exit codes, JSON, and everything that can be wrong with an emulated board.
import Emulation
import Foundation
import Image
import Testing

@Suite("The command line with emulated boards", .serialized)
struct ProgramTests: WorkbenchSuite {
    let bench: Workbench

    init() throws { bench = try Workbench() }

    private func emulate(_ name: String, _ board: String) throws -> Program.Result {
        try lightnode(
            "emulate", "start", "--board", board, "--name", name, "--image", try lightNodeImage(board).path, "--detach", "--json")
    }

    @Test(
        "Emulate, provision, bind, send, look, cut the power, send again: every step exits with 0 and says so as JSON",
        arguments: emulatedBoards)
    func chain(board: String) throws {
        let started = try emulate("lamp", board)
        #expect(started.status == 0, "\(started.error)")
        #expect(try started.json()["node"] as? String == "emulated:lamp")
        let provision = ["provision", "--json"] + (board == "mps2-an386" ? ["--inject-identity"] : [])
        let provisioned = try lightnode.run(provision)
        #expect(provisioned.status == 0, "\(provisioned.error)")
        let label = try #require(try provisioned.json()["label"] as? String)

        let bound = try lightnode("bind", label, "--json")
        #expect(bound.status == 0, "\(bound.error)")
        let dark = try lightnode("emulate", "display", "lamp").output
        #expect(!dark.contains("●"))
        let sent = try lightnode("send", "$('led').on()", "--json")
        #expect(sent.status == 0, "\(sent.error)")
        #expect(try sent.json()["outcome"] as? String == "done")
        #expect(try lightnode("emulate", "display", "lamp").output.contains("●"))

        #expect(try lightnode("emulate", "power-cycle", "lamp").status == 0)
        #expect(try lightnode("emulate", "display", "lamp").output == dark)
        let status = try lightnode("status", "--json").json()
        #expect((status["status"] as? [String: Any])?["state"] as? String == "owned")
        #expect(status["isOurs"] as? Bool == true)
        let again = try lightnode("send", "$('led').toggle()", "--json").json()
        #expect(again["index"] as? Int == 2)
        let history = try lightnode("history", "--json")
        #expect(history.status == 0)
        #expect((try JSONSerialization.jsonObject(with: Data(history.output.utf8)) as? [Any])?.count == 3)

        // Whoever comes second is refused: exit code 1, the node's reason.
        let stranger = Program(home: scratch.url.path + "/stranger")
        try FileManager.default.createDirectory(
            atPath: stranger.home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let uart = try #require(
            try lightnode("emulate", "list", "--json").output.contains("\"isOn\" : true") ? "emulated:lamp" : nil)
        let second = try lightnode(
            "bind", label, "--json", "--node", uart, "--key", try strangersKey(stranger), environment: [:])
        #expect(second.status == 1, "\(second.output)\(second.error)")
        #expect(try second.failure()["reason"] as? String == "wrong-state")
        #expect(try lightnode("emulate", "stop", "lamp").status == 0)
        #expect(try lightnode("send", "$('led').on()", "--node", "emulated:lamp", "--json").status == 3)
    }

    private func strangersKey(_ stranger: Program) throws -> String {
        #expect(try stranger("keys", "new").status == 0)
        return stranger.home + "/controller.key"
    }

    @Test("Two boards cannot have one name; with two on, a command without --node lists them")
    func names() throws {
        #expect(try emulate("one", "microbit").status == 0)
        let same = try emulate("one", "microbit")
        #expect(same.status == 4)
        let error = try #require(try same.failure()["error"] as? String)
        #expect(error.contains("\"one\" runs already"))
        #expect(try emulate("two", "mps2-an386").status == 0)
        let ambiguous = try lightnode("status", "--json")
        #expect(ambiguous.status == 64)
        #expect(ambiguous.error.contains("emulated:one") && ambiguous.error.contains("emulated:two"))
        // What tells them apart: board, state, and whose they are.
        #expect(
            ambiguous.error.contains("microbit  blank") && ambiguous.error.contains("mps2-an386  blank"), "\(ambiguous.error)")
        #expect(try lightnode("status", "--node", "emulated:two", "--json").status == 0)
        #expect(try lightnode("status", "--node", "emulated:three", "--json").status == 3)
    }

    @Test("An image for another board, a cut one and one that is not there are refused before anything starts")
    func images() throws {
        let other = try lightNodeImage("mps2-an386").path
        let wrong = try lightnode(
            "emulate", "start", "--board", "microbit", "--name", "x", "--image", other, "--detach", "--json")
        #expect(wrong.status == 8)
        #expect(wrong.error.contains("made for board “mps2-an386”, not for “microbit”"), "\(wrong.error)")
        let cut = scratch.url.appendingPathComponent("cut.elf")
        try Data(contentsOf: try lightNodeImage("microbit")).prefix(50_000).write(to: cut)
        let none = scratch.url.path + "/none.elf"
        for (image, status, words) in [
            (cut.path, 8, "truncated or damaged"), (none, 4, "cannot be read"), ("/bin/true", 8, "64-bit"),
        ] {
            let start = ["emulate", "start", "--board", "microbit", "--name", "x", "--image", image, "--detach"]
            let result = try lightnode.run(start + ["--json"])
            #expect(result.status == Int32(status), "\(image): \(result.output)")
            let told = try result.failure()
            #expect((told["error"] as? String)?.contains(words) == true, "\(result.error)")
            #expect((told["advice"] as? String)?.contains("lightnode build --board BOARD") == true, "\(result.error)")
            // In words it is one error, not one within another.
            let text = try lightnode.run(start)
            #expect(text.status == Int32(status) && text.error.components(separatedBy: "error:").count == 2, "\(text.error)")
        }
        #expect(EmulatedBoards(home: scratch.url).running.isEmpty)
    }

    @Test("An emulated board takes its image as Intel HEX too, and runs it")
    func hex() throws {
        let hex = scratch.url.appendingPathComponent("light-node.hex")
        try Data(try checkedImage("mps2-an386").intelHex.utf8).write(to: hex)
        let started = try lightnode("emulate", "start", "--board", "mps2-an386", "--name", "x", "--image", hex.path, "--detach")
        #expect(started.status == 0, "\(started.error)")
        #expect(try lightnode("status", "--node", "emulated:x", "--json").status == 0)
    }

    @Test("A flash file of the wrong size is refused and left as it is")
    func flashFile() throws {
        #expect(try emulate("one", "microbit").status == 0)
        #expect(try lightnode("emulate", "stop", "one").status == 0)
        let file = EmulatedBoards(home: scratch.url).stateFolder("one").appendingPathComponent("flash.bin")
        let cut = try Data(contentsOf: file).prefix(1000)
        try cut.write(to: file)
        let result = try emulate("one", "microbit")
        #expect(result.status == 4)
        #expect(result.error.contains("has 1000 bytes") && result.error.contains("262144"), "\(result.error)")
        #expect(try Data(contentsOf: file) == cut)
    }

    @Test("QEMU that is missing, too old, or no QEMU at all: exit code 4, and the package to install")
    func emulator() throws {
        let image = try lightNodeImage("microbit").path
        func start(_ environment: [String: String]) throws -> Program.Result {
            try lightnode(
                "emulate", "start", "--board", "microbit", "--image", image, "--detach", "--json", environment: environment)
        }
        let empty = scratch.url.appendingPathComponent("empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        let missing = try start(["PATH": empty.path])
        #expect(missing.status == 4 && missing.error.contains("apt-get install qemu-system-arm"), "\(missing.error)")
        for (version, expected) in [("QEMU emulator version 4.2.0", "5.0 or newer"), ("hello", "does not seem to be QEMU")] {
            let fake = scratch.url.appendingPathComponent("fake-qemu")
            try Data("#!/bin/sh\necho '\(version)'\n".utf8).write(to: fake)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fake.path)
            let result = try start(["LIGHTNODE_QEMU": fake.path])
            #expect(result.status == 4 && result.error.contains(expected), "\(result.error)")
        }
        #expect(EmulatedBoards(home: scratch.url).running.isEmpty)
    }

    @Test("With no space on the disk a board does not start, and says why; with space it starts")
    func fullDisk() throws {
        let image = try lightNodeImage("microbit").path
        // A limit on the size of files is what a full disk looks like to a program; 64 blocks of 512 bytes hold no flash of 256 KB.
        let command =
            "ulimit -f 64; exec '\(Program.beside("lightnode").path)' emulate start --board microbit --name one --image '\(image)' --detach --json"
        let result = try lightnode("-c", command, program: URL(fileURLWithPath: "/bin/sh"))
        #expect(result.status == 4, "\(result.output)\(result.error)")
        #expect(EmulatedBoards(home: scratch.url).running.isEmpty)
        #expect(try emulate("one", "microbit").status == 0)
    }

    @Test("Output into a full node is an error, not silence")
    func fullOutput() throws {
        #expect(try emulate("one", "microbit").status == 0)
        let command = "exec '\(Program.beside("lightnode").path)' provision --json > /dev/full"
        let result = try lightnode("-c", command, program: URL(fileURLWithPath: "/bin/sh"))
        #expect(result.status == 4, "\(result.error)")
        // The label is not lost: the next attempt prints it.
        let again = try lightnode("provision", "--json")
        #expect(again.status == 0)
        #expect(try again.json()["isResumed"] as? Bool == true)
    }
}

@Suite("make run's program", .serialized)
struct FirstLightTests {
    @Test("It exits with 1 when a step cannot do what it says, and leaves nothing behind")
    func failure() throws {
        let scratch = try Scratch()
        let program = Program(home: scratch.url.path)
        let temporary = scratch.url.appendingPathComponent("tmp")
        try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
        let result = try program(
            "--image", try lightNodeImage("mps2-an386").path, environment: ["TMPDIR": temporary.path],
            program: Program.beside("first-light"))
        #expect(result.status == 1)
        #expect(result.output.contains("FAILED in step 2 of 8"), "\(result.output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).isEmpty)
    }

    @Test("Interrupted in the middle it leaves neither a board nor a file behind")
    func interrupted() throws {
        let scratch = try Scratch()
        let temporary = scratch.url.appendingPathComponent("tmp")
        try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
        _ = try lightNodeImage("microbit")
        let process = Process()
        process.executableURL = Program.beside("first-light")
        process.currentDirectoryURL = sourceRoot
        process.environment = ["PATH": "/usr/bin:/bin", "TMPDIR": temporary.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var said = ""
        while !said.contains("\n5  "), case let data = output.fileHandleForReading.availableData, !data.isEmpty {
            said += String(decoding: data, as: UTF8.self)
        }
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationStatus == 128 + SIGINT)
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).isEmpty)
    }
}
