import Foundation
import HostedNode
import NodeProtocol
import Testing

/// The factory's subcommands as an operator runs them, with executors on serial lines.
@Suite("The factory at the command line", .serialized)
struct FactoryTests {
    private let program = CommandLineTests()

    private func objects(_ text: String) -> [[String: Any]] {
        text.split(separator: "\n").compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    private func list(_ text: String) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]], "\(text)")
    }

    private func lines(_ count: Int, from first: Int = 1, isTrueRandom: Bool = true) -> [ChainTests.Line] {
        (first..<first + count).map { ChainTests.Line(HostedNode(serial: UInt64($0), isTrueRandom: isTrueRandom)) }
    }

    private func nodes(_ lines: [ChainTests.Line]) -> [String] { lines.flatMap { ["--node", "serial:\($0.path)"] } }

    private func shell(_ command: String) throws -> (status: Int32, output: String) {
        let result = try program.run(["-c", command], home: "/tmp", program: URL(fileURLWithPath: "/bin/sh"))
        return (result.status, result.output + result.error)
    }

    /// The text of every label in the files of a folder, as an independent scanner reads it.
    private func scan(_ folder: String) throws -> [String] {
        let lines = try shell("zbarimg -q --raw '\(folder)'/*.png 2>/dev/null").output.split(separator: "\n")
        return lines.map(String.init)
    }

    @Test(
        "A batch: provisioned at once, labels scanned, records and signed manifests, and a control node that knows what is genuine"
    )
    func batch() throws {
        try program.withHome { home throws in
            let lines = lines(4)
            defer { withExtendedLifetime(lines) {} }
            let labels = home + "/labels"
            let run = try program.run(
                [
                    "provision", "--batch", "lamps", "--labels", labels, "--label-format", "png", "--count", "4", "--json",
                    "--operator", "Ada, \"the\" first",
                ]
                    + nodes(lines), home: home)
            #expect(run.status == 0, "\(run.output)\(run.error)")
            let events = objects(run.output)
            #expect(events.count { $0["event"] as? String == "done" } == 4)
            let scanned = try scan(labels).map { try ClaimLabel(parsing: $0) }
            let shown = try list(try program.run(["batch", "show", "lamps", "--json"], home: home).output)
            #expect(shown.count == 4 && shown.allSatisfy { $0["step"] as? String == "done" })
            #expect(Set(scanned.map(\.address.description)) == Set(shown.compactMap { $0["address"] as? String }))
            #expect(Set(scanned.map(\.claimKey.publicKey.description)) == Set(shown.compactMap { $0["claim"] as? String }))

            // Manifests, in both forms.
            let buyer = home + "/buyer"
            try FileManager.default.createDirectory(atPath: buyer, withIntermediateDirectories: true)
            for format in ["json", "csv"] {
                let file = "\(home)/lamps.\(format)"
                let exported = try json(
                    try program.run(["batch", "export", "lamps", "--format", format, "--out", file, "--json"], home: home).output)
                let key = try #require(exported["stationKey"] as? String)
                #expect(try program.run(["batch", "verify", file], home: home).status == 0)
                #expect(try program.run(["batch", "verify", file], home: buyer).status == (format == "json" ? 5 : 0))
                #expect(try program.run(["batch", "verify", file, "--station-key", key], home: buyer).status == 0)
                try checkByWitness(file, key: key)
                // One character changed anywhere that matters.
                let text = try String(contentsOfFile: file, encoding: .utf8)
                let address = try #require(scanned.first).address.description
                for (old, new) in [(address, scanned[1].address.description), ("Ada", "Eve"), ("lamps", "lamp5")] {
                    try text.replacingOccurrences(of: old, with: new).write(
                        toFile: file + ".bad", atomically: true, encoding: .utf8)
                    let bad = try program.run(["batch", "verify", file + ".bad", "--station-key", key], home: buyer)
                    #expect(bad.status == 5, "\(format): \(old): \(bad.error)")
                }
                let unknown = try program.run(["batch", "import", file], home: buyer)
                #expect(unknown.status == (format == "json" ? 5 : 0), "a station is trusted by its key, once")
                let imported = try program.run(["batch", "import", file, "--station-key", key], home: buyer)
                #expect(imported.status == 0, "\(imported.error)")
            }
            let node = ["--node", "serial:\(lines[0].path)"]
            let genuine = try program.run(["attest"] + node, home: buyer)
            #expect(
                genuine.status == 0 && genuine.output.contains("is genuine") && genuine.output.contains("Ada"), "\(genuine.error)"
            )
            // One that no manifest knows.
            let stranger = ChainTests.Line(HostedNode(serial: 77))
            defer { withExtendedLifetime(stranger) {} }
            let strange = ["--node", "serial:\(stranger.path)"]
            #expect(try program.run(["attest"] + strange, home: buyer).status == 64)
            let elsewhere = home + "/elsewhere"
            try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
            #expect(try program.run(["provision"] + strange, home: elsewhere).status == 0)
            let unknown = try program.run(["attest"] + strange, home: buyer)
            #expect(unknown.status == 5 && unknown.error.contains("nobody known here vouches for it"))

            #expect(try program.run(["batch", "list"], home: home).output.contains("4 done"))
            let again = try program.run(["provision", "--batch", "lamps", "--labels", labels] + node, home: home)
            #expect(again.status == 64 && again.error.contains("provisioned already"))
        }
    }

    /// The signature by Python's cryptography and json, which share nothing with ours.
    private func checkByWitness(_ file: String, key: String) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .path
        let result = try shell("'\(root)/build/witness/bin/python' '\(root)/Tests/witness/manifest.py' '\(file)' \(key)")
        #expect(result.status == 0, "\(result.output)")
    }

    @Test("A rehearsal says TEST everywhere, a control node refuses its nodes, and the real run follows on the same ones")
    func rehearsal() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            defer { withExtendedLifetime(line) {} }
            let node = ["--node", "serial:\(line.path)"]
            let rehearsed = try program.run(["provision", "--rehearse", "--json"] + node, home: home)
            #expect(rehearsed.status == 0, "\(rehearsed.error)")
            let label = try #require(try json(rehearsed.output)["label"] as? String)
            #expect(try program.run(["status"] + node, home: home).output.contains("TEST"))
            #expect(try program.run(["attest"] + node, home: home).output.contains("TEST KEYS"))
            let refused = try program.run(["bind", label] + node, home: home)
            #expect(refused.status == 5 && refused.error.contains("TEST"))
            // A batch is a rehearsal or it is not.
            #expect(
                try program.run(["provision", "--rehearse", "--batch", "r", "--labels", home + "/l"] + node, home: home).status
                    == 0)
            #expect(try program.run(["provision", "--batch", "r", "--labels", home + "/l"] + node, home: home).status == 64)
            #expect(try program.run(["provision", "--rehearse", "--protect"] + node, home: home).status == 64)

            let real = try program.run(["provision", "--json"] + node, home: home)
            #expect(real.status == 0, "\(real.error)")
            #expect(try program.run(["provision", "--rehearse"] + node, home: home).status == 64, "real keys stay")
            #expect(
                try program.run(["bind", try #require(try json(real.output)["label"] as? String)] + node, home: home).status
                    == 0)
        }
    }

    @Test("Escrow: the holder of the key prints the label again, and nobody else")
    func escrow() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            defer { withExtendedLifetime(line) {} }
            #expect(try program.run(["escrow", "new", home + "/escrow.key"], home: home).status == 0)
            #expect(try program.run(["escrow", "new", home + "/other.key"], home: home).status == 0)
            let made = try program.run(
                ["provision", "--json", "--escrow", home + "/escrow.key", "--node", "serial:\(line.path)"], home: home)
            let label = try #require(try json(made.output)["label"] as? String, "\(made.error)")
            let file = try #require(try FileManager.default.contentsOfDirectory(atPath: home).first { $0.hasPrefix("escrow-") })
            func open(_ key: String) throws -> CommandLineTests.Result {
                try program.run(
                    ["escrow", "open", "\(home)/\(file)", "--serial", "1", "--key", "\(home)/\(key)", "--json"], home: home)
            }
            #expect(try json(try open("escrow.key").output)["label"] as? String == label)
            #expect(try open("other.key").status == 5)
            let sealed = try String(contentsOfFile: "\(home)/\(file)", encoding: .utf8)
            let seed = try ClaimLabel(parsing: label).claimKey.seed.withUnsafeBytes { $0.hex }
            #expect(!sealed.contains(seed))
        }
    }

    @Test("A read-only database and a full disk stop the line with clear words, exit 4, and the nodes stay blank")
    func noDisk() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            defer { withExtendedLifetime(line) {} }
            let arguments = "provision --batch lamps --labels '\(home)/labels' --node serial:\(line.path)"
            let path = CommandLineTests.program.path
            let none = try program.run(["batch", "list"], home: home)
            #expect(none.status == 0 && none.output == "no batches\n", "\(none)")
            #expect(!FileManager.default.fileExists(atPath: home + "/factory.sqlite"), "reading makes nothing")
            let first = ChainTests.Line(HostedNode(serial: 0x5566))
            defer { withExtendedLifetime(first) {} }
            let begun = try program.run(
                ["provision", "--batch", "first", "--labels", home + "/labels", "--node", "serial:\(first.path)"], home: home)
            #expect(begun.status == 0, "\(begun)")
            // A superuser without capabilities is bound by permissions as everybody is.
            let drop = geteuid() == 0 ? "setpriv --inh-caps=-all --bounding-set=-all" : ""
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: home + "/factory.sqlite")
            let readOnly = try shell("LIGHTNODE_HOME='\(home)' \(drop) '\(path)' \(arguments)")
            #expect(readOnly.status == 4 && readOnly.output.contains("cannot be written"), "\(readOnly)")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: home + "/factory.sqlite")
            for blocks in [0, 40, 100] {
                let full = try shell("ulimit -f \(blocks); LIGHTNODE_HOME='\(home)' exec '\(path)' \(arguments)")
                #expect(full.status == 4, "\(blocks): \(full)")
            }
            #expect(try program.run(["status", "--node", "serial:\(line.path)"], home: home).output.contains("blank"))
            let after = try program.run(
                arguments.replacingOccurrences(of: "'", with: "").split(separator: " ").map(String.init), home: home)
            #expect(after.status == 0, "\(after.error)")
            let lists = try program.run(["batch", "list"], home: home).output.split(separator: "\n").map { $0.contains("1 done") }
            #expect(lists == [true, true])
        }
    }

    @Test("Ctrl-C ends a watching line with its counts and exit 0; without a place for labels nothing begins")
    func interrupt() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            defer { withExtendedLifetime(line) {} }
            let nowhere = try program.run(["provision", "--batch", "lamps", "--node", "serial:\(line.path)"], home: home)
            #expect(nowhere.status == 64 && nowhere.error.contains("--labels"))
            let run = try Watching(
                ["provision", "--batch", "lamps", "--watch", "--labels", home + "/labels", "--node", "serial:\(line.path)"],
                home: home)
            #expect(run.wait(for: "done    serial:"))
            kill(run.process.processIdentifier, SIGINT)
            run.process.waitUntilExit()
            #expect(run.process.terminationStatus == 0)
            #expect(run.wait(for: "finished: 1 done"))
        }
    }

    @Test("After a run no secret is left in the process's memory, in the database, in temporary files or in the log")
    func secrets() throws {
        try program.withHome { home throws in
            // Half of them get their identities from the station.
            let lines = lines(3) + lines(3, from: 4, isTrueRandom: false)
            defer { withExtendedLifetime(lines) {} }
            let temporary = home + "/tmp"
            try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            for format in ["png", "svg", "pdf"] {
                let run = try Watching(
                    [
                        "provision", "--batch", "s-\(format)", "--watch", "--rehearse", "--labels", home + "/labels-\(format)",
                        "--label-format", format,
                    ]
                        + nodes(lines), home: home, temporary: temporary)
                #expect(run.wait(for: "done    serial:", times: 6))
                // What it may still be giving back.
                usleep(300_000)
                let memory = try run.memory()
                #expect(memory.reduce(0) { $0 + $1.count } > 1_000_000)
                kill(run.process.processIdentifier, SIGINT)
                run.process.waitUntilExit()
                let folder = home + "/labels-\(format)"
                switch format {
                case "svg": _ = try shell("for f in '\(folder)'/*.svg; do rsvg-convert -w 750 $f -o $f.png; done")
                case "pdf": _ = try shell("for f in '\(folder)'/*.pdf; do pdftoppm -r 300 -png $f $f; done")
                default: break
                }
                let texts = try scan(folder)
                #expect(texts.count == 6, "\(format): \(texts.count)")
                let files = FileManager.default.enumerator(atPath: home)?.allObjects as? [String] ?? []
                var places = memory.map { ("memory", $0) }
                places.append(("log", Data(run.text.utf8)))
                for file in files where !file.hasPrefix("labels-") && !file.hasSuffix("station.key") {
                    if let data = try? Data(contentsOf: URL(fileURLWithPath: home + "/" + file)) { places.append((file, data)) }
                }
                var needles: [(String, Data)] = []
                for text in texts { needles += try Self.needles(try ClaimLabel(parsing: text)) }
                for line in lines.suffix(3) { needles += try Self.identitySecret(line.hosted) }
                #expect(needles.count > 20)
                for (place, data) in places {
                    for (what, needle) in needles where data.range(of: needle) != nil {
                        Issue.record("\(format): \(what) is in \(place)")
                    }
                }
            }
        }
    }

    /// All forms in which a claim secret could lie about.
    private static func needles(_ label: ClaimLabel) throws -> [(String, Data)] {
        let claim = label.text.split(separator: ":")[2]
        return label.claimKey.seed.withUnsafeBytes { seed in
            [
                ("the claim seed", Data(seed)), ("half of the claim seed", Data(seed.prefix(16))),
                ("the claim seed in hexadecimal", Data(seed.hex.utf8)), ("the claim's text", Data(claim.utf8)),
                ("half of the claim's text", Data(claim.suffix(40).prefix(30).utf8)),
                ("the claim's text in lower case", Data(claim.lowercased().utf8)),
                ("the claim seed in base64", Data(Data(seed).base64EncodedString().prefix(40).utf8)),
            ]
        }
    }

    /// The identity's seed as the node has it in its flash: the 32 bytes before the public key.
    private static func identitySecret(_ hosted: HostedNode) throws -> [(String, Data)] {
        let key = try #require(hosted.identityKey)
        let at = try #require(hosted.flash.find(key))
        let seed = Data(hosted.flash.bytes[(at - 32)..<at])
        return [("an identity's seed", seed), ("an identity's seed in hexadecimal", Data(Array(seed).hex.utf8))]
    }

    @Test(
        "Killed at random times, every node is done or completed by the next start, once; set LIGHTNODE_FACTORY_KILLS for more")
    func kills() throws {
        let rounds = Int(ProcessInfo.processInfo.environment["LIGHTNODE_FACTORY_KILLS"] ?? "") ?? 6
        try program.withHome { home throws in
            let labels = home + "/labels"
            var random = SystemRandomNumberGenerator()
            var longest = 0.6
            var killed = 0
            for round in 1...rounds {
                // Every other chip has no number of its own.
                let line = ChainTests.Line(HostedNode(serial: round % 2 == 0 ? UInt64(round) : 0))
                defer { withExtendedLifetime(line) {} }
                let arguments = [
                    "provision", "--batch", "k", "--labels", labels, "--label-format", "png", "--json", "--node",
                    "serial:\(line.path)",
                ]
                let run = try Watching(arguments, home: home)
                usleep(UInt32(Double.random(in: 0...longest, using: &random) * 1_000_000))
                // Never one that has ended: its number may be another's by now.
                if run.process.isRunning {
                    killed += 1
                    kill(run.process.processIdentifier, SIGKILL)
                }
                run.process.waitUntilExit()
                let start = Date()
                let again = try program.run(arguments, home: home)
                longest = max(0.1, min(5, Date().timeIntervalSince(start) * 1.2))
                #expect(again.status == 0 || again.error.contains("provisioned already"), "\(round): \(again.error)")
                let shown = try list(try program.run(["batch", "show", "k", "--json"], home: home).output)
                #expect(shown.compactMap { $0["serial"] as? Int } == Array(1...round), "round \(round): a serial number was lost")
                #expect(shown.allSatisfy { $0["step"] as? String == "done" }, "round \(round): \(shown.last ?? [:])")
            }
            let shown = try list(try program.run(["batch", "show", "k", "--json"], home: home).output)
            let scanned = try scan(labels).map { try ClaimLabel(parsing: $0) }
            #expect(Set(scanned.map(\.address.description)) == Set(shown.compactMap { $0["address"] as? String }))
            #expect(scanned.count == rounds && Set(scanned.map(\.claimKey.publicKey)).count == rounds)
            let left = try FileManager.default.subpathsOfDirectory(atPath: home).filter {
                $0.hasPrefix("pending-") || $0.hasSuffix(".new")
            }
            #expect(left.isEmpty, "\(left)")
            print("killed \(killed) of \(rounds) runs while they ran")
        }
    }
}

/// A program that runs while the test looks at it.
final class Watching {
    let process = Process()
    private let file: URL

    init(_ arguments: [String], home: String, temporary: String = "/tmp") throws {
        file = FileManager.default.temporaryDirectory.appendingPathComponent("ln-watching-\(UInt32.random(in: 0 ... .max))")
        try Data().write(to: file)
        process.executableURL = CommandLineTests.program
        process.arguments = arguments
        process.environment = ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin", "TMPDIR": temporary]
        process.standardOutput = try FileHandle(forWritingTo: file)
        process.standardError = process.standardOutput
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: file)
    }

    var text: String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }

    /// Waits until `words` stand in its output so many times.
    func wait(for words: String, times: Int = 1) -> Bool {
        for _ in 0..<3000 {
            if text.components(separatedBy: words).count > times { return true }
            if !process.isRunning { break }
            usleep(20_000)
        }
        let isThere = text.components(separatedBy: words).count > times
        if !isThere { print(text) }
        return isThere
    }

    /// All of its memory that can be written: what a core would hold.
    func memory() throws -> [Data] {
        let maps = try String(contentsOfFile: "/proc/\(process.processIdentifier)/maps", encoding: .utf8)
        let descriptor = open("/proc/\(process.processIdentifier)/mem", O_RDONLY)
        guard descriptor >= 0 else { throw POSIXError(.EPERM) }
        defer { close(descriptor) }
        return maps.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 1, fields[1].hasPrefix("rw") else { return nil }
            let range = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard range.count == 2 else { return nil }
            var data = Data(count: Int(range[1] - range[0]))
            let count = data.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(range[0])) }
            return count > 0 ? data.prefix(count) : nil
        }
    }
}
