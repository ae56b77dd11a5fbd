// What the options of `lightnode test` do, as its user sees it: files, output, exit code.
import Emulation
import Foundation
import FoundationXML
import Testing

@testable import TestRunner

@Suite("The options of lightnode test", .serialized) struct OptionsTests {
    private let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("options-\(UUID().uuidString.prefix(8))")
    private static let passing = "Selftest/simply passes", failing = "Selftest/fails an expectation with both values"

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    private func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
    private func contents(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }
    private func report(_ text: String) throws -> TestReport { try JSONDecoder().decode(TestReport.self, from: Data(text.utf8)) }

    /// `lightnode test … --board microbit`
    private func test(_ arguments: String...) throws -> Program.Result {
        try Program.run(["test"] + arguments + ["--board", "microbit"])
    }

    @Test("--junit, --json and --tap tell one run in three ways")
    func reports() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try test(
            Self.passing, Self.failing, "--tap", "--junit", file("t.xml"), "--json", file("t.json"))
        #expect(result.status == 1, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.starts(with: ["TAP version 13", "1..2", "not ok 1 - \(Self.failing) [microbit]"]))
        #expect(lines.last == "ok 2 - \(Self.passing) [microbit]")
        let report = try report(contents("t.json"))
        #expect(report.results.map(\.outcome) == [.failed, .passed])
        #expect(report.results[0].failure?.left == "42" && report.results[1].instructions ?? 0 > 0)
        let reader = JUnitReader()
        let parser = XMLParser(data: Data(try contents("t.xml").utf8))
        parser.delegate = reader
        #expect(parser.parse())
        #expect(reader.cases == ["fails an expectation with both values", "simply passes"])
        #expect(reader.failures == ["failed"] && reader.text.contains("left: 42, right: 43"))
    }

    @Test("two reports in one file are refused before a test runs; a report replaces an older one as a whole")
    func files() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let one = file("one")
        try FileManager.default.createSymbolicLink(atPath: file("link"), withDestinationPath: one)
        for other in [one, folder.path + "/./one", file("link")] {
            let result = try test(Self.passing, "--junit", one, "--json", other)
            #expect(result.status == 64 && result.errors.contains("Give each a file of its own"), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: one))
        }
        #expect(try test(Self.passing, "--junit", "/dev/null", "--json", "/dev/null").status == 0)
        #expect(
            try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType == .typeCharacterSpecial)
    }

    @Test("--json without a file, or with -, prints the report; a suite's name is not taken for a file")
    func jsonAlone() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        for arguments in [["--json"], ["--json", "-"]] {
            let result = try Program.run(["test", Self.passing, "--board", "microbit"] + arguments)
            #expect(result.status == 0, "\(result.errors)")
            #expect(try report(result.output).summary == "1 passed, 0 failed, 0 skipped")
        }
        let mistaken = try test("--json", Self.passing)
        #expect(mistaken.status == 64 && mistaken.errors.contains("Put --json last"), "\(mistaken.errors)")
        let both = try test(Self.passing, "--tap", "--json", "-")
        #expect(both.status == 64 && both.errors.contains("Give --json a file"), "\(both.errors)")
        let listed = try test(Self.passing, "--list", "--json", file("list.json"))
        #expect(listed.output == "\(Self.passing) [microbit]\n", "\(listed.errors)")
        let tests = try JSONDecoder().decode([FirmwareTest].self, from: Data(contents("list.json").utf8))
        #expect(tests.map(\.path) == [Self.passing])
    }

    @Test("--compare prints what changed since a report, and says so when it is none")
    func compare() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try test(Self.passing, "--json", file("old.json"))
        let same = try test(Self.passing, "--compare", file("old.json"))
        #expect(same.status == 0 && !same.output.contains("→"), "\(same.output)\(same.errors)")
        var old = try report(contents("old.json"))
        let now = try #require(old.results[0].instructions)
        old.results[0].instructions = now + 100
        try JSONEncoder().encode(old).write(to: folder.appendingPathComponent("old.json"))
        let changed = try test(Self.passing, "--compare", file("old.json"))
        #expect(
            changed.output.contains("\(Self.passing) [microbit]: instructions \(now + 100) → \(now) (-"), "\(changed.output)")
        try "no report".write(toFile: file("old.json"), atomically: true, encoding: .utf8)
        let garbled = try test(Self.passing, "--compare", file("old.json"))
        #expect(garbled.status == 4 && garbled.errors.contains("old.json is no test report"), "\(garbled.errors)")
        let missing = try test(Self.passing, "--compare", file("none.json"))
        #expect(missing.status == 4 && missing.errors.contains("none.json cannot be read"), "\(missing.errors)")
    }

    @Test("--only-failed takes what failed in the run before")
    func onlyFailed() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try test(Self.passing, Self.failing).output.hasSuffix("1 passed, 1 failed, 0 skipped\n"))
        #expect(try test("Selftest", "--only-failed", "--list").output == "\(Self.failing) [microbit]\n")
        _ = try test(Self.passing)
        let nothing = try test("Selftest", "--only-failed")
        #expect(nothing.status != 0 && nothing.errors.contains("no test failed in the last run"), "\(nothing.errors)")
    }

    @Test("--trace prints each pin change with its time, and --vcd writes the same for a waveform viewer")
    func pins() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let blinking = "Selftest/blinks a light"
        let result = try test(blinking, "--trace", "--vcd", file("pins.vcd"), "--trace-step", "50")
        #expect(result.status == 0, "\(result.errors)")
        let printed = result.output.matches(of: /(?m)^ *([0-9.]+) ms  pin (\d+) (high|low)$/).map {
            Change(time: Int((Double($0.1)! * 1e6).rounded()), pin: String($0.2), level: $0.3 == "high")
        }
        let drawn = try changes(vcd: contents("pins.vcd"))
        // The columns of the display are low and a row is high while the light is on.
        #expect(drawn.contains { $0.level } && drawn.contains { !$0.level })
        #expect(printed == drawn)
        #expect(drawn.map(\.time) == drawn.map(\.time).sorted() && drawn.last!.time > 0)
        let several = try test(Self.passing, blinking, "--vcd", file("no.vcd"))
        #expect(several.status == 64 && several.errors.contains("--vcd needs exactly one test, 2 are selected"))
    }

    private struct Change: Equatable {
        var time: Int
        var pin: String
        var level: Bool
    }

    /// A value change dump as IEEE 1364 has it: declarations, then times and values of one bit.
    private func changes(vcd: String) throws -> [Change] {
        let sections = vcd.components(separatedBy: "$enddefinitions $end")
        try #require(sections.count == 2 && sections[0].contains("$timescale 1 ns $end"))
        let names = Dictionary(
            uniqueKeysWithValues: sections[0].matches(of: /\$var wire 1 (\S+) pin(\d+) \$end/).map { ($0.1, String($0.2)) })
        var time: Int?
        var found: [Change] = []
        for line in sections[1].split(separator: "\n") {
            if line.hasPrefix("#") { time = Int(line.dropFirst()) }
            guard let time, let level = line.first, level == "0" || level == "1" else { continue }
            found.append(Change(time: time, pin: try #require(names[line.dropFirst()]), level: level == "1"))
        }
        return found
    }

    @Test("--coverage tells executed lines from others, and writes them for lcov")
    func coverage() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try test(Self.passing, "--coverage", file("lcov.info"))
        #expect(result.status == 0, "\(result.errors)")
        let path = "Firmware/FirmwareTesting/FirmwareSuite.swift"
        let records = try contents("lcov.info").components(separatedBy: "end_of_record\n")
        let record = try #require(records.first { $0.contains("SF:\(path)\n") })
        let hits = Dictionary(
            uniqueKeysWithValues: record.matches(of: /DA:(\d+),(\d+)/).map { (Int($0.1)!, Int($0.2)!) })
        let source = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
        func line(_ text: String) throws -> Int { try #require(source.firstIndex { $0.contains(text) }) + 1 }
        // Every test calls its function; only one that skips itself sends why.
        #expect(try hits[line("unsafeBitCast(pointer")] == 1)
        #expect(try hits[line("var line = ReportLine(\"skip\")")] == 0, "\(hits)")
        let covered = hits.values.filter { $0 > 0 }.count
        #expect(record.contains("LF:\(hits.count)\n") && record.contains("LH:\(covered)\n"))
        #expect(0 < covered && covered < hits.count)
        let percent = String(format: "%3d %%  %4d of %4d lines  %@", 100 * covered / hits.count, covered, hits.count, path)
        #expect(result.output.contains(percent), "\(result.output)")
    }

    @Test("--gdb halts the first test that failed at its reset, and prints how to attach")
    func gdb() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = Program.url
        process.arguments = ["test", Self.passing, Self.failing, "--board", "microbit", "--gdb"]
        process.currentDirectoryURL = root
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        defer { process.terminate() }
        var said = ""
        while !said.contains("Ctrl-C ends it.") {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty, "it ended early: \(said)")
            said += String(decoding: more, as: UTF8.self)
        }
        #expect(said.contains("\(Self.failing) [microbit] waits at reset"))
        let attaching = /gdb-multiarch (\S+) -ex 'target remote (\S+)' -ex 'break \*0x([0-9a-f]+)'/
        let command = try #require(said.firstMatch(of: attaching))
        #expect(command.1.hasSuffix("Selftest.elf"))
        let socket = try LineSocket(path: String(command.2), timeout: 60)
        // GDB remote protocol: a breakpoint where the test begins is reached (thumb breakpoint, go on), then the end.
        try socket.request("Z0,\(command.3),2", after: false)
        #expect(try socket.answer() == "OK")
        try socket.request("c")
        #expect(try socket.answer().hasPrefix("T05"))
        try socket.request("k")
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
    }

    @Test(
        "an option's wrong value is refused with what it takes",
        arguments: [
            ["--cut-power", "every:0"], ["--cut-power", "now"], ["--flip-bit", "0x20000000.8:1"], ["--uart-noise", "2"],
            ["--usb-unplug", "5"], ["--jobs", "0"], ["--repeat", "0"], ["--timeout-factor", "0"],
        ])
    func wrong(arguments: [String]) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try Program.run(["test", Self.passing] + arguments)
        #expect(result.status == 64 && result.errors.contains(arguments[0]), "\(result.output)\(result.errors)")
    }

    @Test("faults of the command line are injected")
    func faults() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let marks = "Selftest/counts its starts in the store"
        let cut = try report(try test(marks, "--cut-power", "at:3000", "--json").output)
        #expect(cut.results[0].faults == [InjectedFault(kind: .powerCut, instruction: 3000, start: 1)])
        let flipped = try report(try test(marks, "--flip-bit", "at:10", "--json").output)
        #expect(flipped.results[0].faults.map(\.kind) == [.flippedBit])
        let noisy = try report(try test(Self.passing, "--uart-noise", "0.5", "--json").output)
        #expect(noisy.results[0].noise != nil)
        let pulled = try Program.run(["test", Self.passing, "--board", "mps2-an386", "--usb-unplug", "at:10", "--json"])
        #expect(try report(pulled.output).results[0].faults.map(\.kind) == [.unplugged])
    }
}

/// Names and failures in a JUnit file.
private final class JUnitReader: NSObject, XMLParserDelegate {
    var cases: [String] = []
    var failures: [String] = []
    var text = ""

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        if name == "testcase" { cases.append(attributes["name"] ?? "") }
        if name == "failure" { failures.append(attributes["message"] ?? "") }
    }

    func parser(_ parser: XMLParser, foundCharacters characters: String) { text += characters }
}
