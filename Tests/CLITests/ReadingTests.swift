// Reading needs no registration, and nothing that can be written.
import Foundation
import HostedNode
import Testing

@Suite("Reading where nothing can be written", .serialized) struct ReadingTests {
    private let program = CommandLineTests()

    /// Runs the program while its home cannot be written: by its permissions, for root by a mount of its own.
    private func readOnly(_ arguments: [String], home: String) throws -> CommandLineTests.Result {
        guard geteuid() == 0 else {
            chmod(home, 0o500)
            defer { chmod(home, 0o700) }
            return try program.run(arguments, home: home)
        }
        let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\""
        return try program.run(
            ["-m", "sh", "-c", script, home, CommandLineTests.program.path] + arguments, home: home,
            program: URL(fileURLWithPath: "/usr/bin/unshare"))
    }

    @Test("Keys, history and the factory's records are read in a home that cannot be written, and under another station's name")
    func reading() throws {
        let stage = try HostileStage()
        try stage.withHome(.owned) { home in
            let line = ChainTests.Line(stage.node(.owned))
            let node = ["--node", "serial:\(line.path)"]
            let before = try FileManager.default.contentsOfDirectory(atPath: home).sorted()
            let keys = try readOnly(["keys", "show"], home: home)
            #expect(keys.status == 0 && keys.output.contains("owns node1"), "\(keys.error)")
            let history = try readOnly(["history"] + node, home: home)
            #expect(history.status == 0 && history.output.contains(/label +bind +done/), "\(history.output)\(history.error)")
            let batches = try readOnly(["batch", "list", "--station", "elsewhere"], home: home)
            #expect(batches.status == 0 && batches.output.contains("default"), "\(batches.error)")
            let show = try readOnly(["batch", "show", "default", "1", "--station", "elsewhere"], home: home)
            #expect(show.status == 0 && show.output.contains("node1"), "\(show.error)")
            let manifest = home + "-manifest.json"
            defer { try? FileManager.default.removeItem(atPath: manifest) }
            #expect(try program.run(["batch", "export", "default", "--out", manifest], home: home).status == 0)
            let verified = try readOnly(["batch", "verify", manifest], home: home)
            #expect(verified.status == 0, "\(verified.error)")
            #expect(Set(try FileManager.default.contentsOfDirectory(atPath: home)).isSuperset(of: before))
            // A second station would be among these.
            let records = try program.run(["batch", "list", "--json", "--station", "elsewhere"], home: home)
            #expect(records.status == 0)
        }
    }
}
