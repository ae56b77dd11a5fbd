import Foundation
import HostedNode
import NodeProtocol
import SimulatedTerminal
import Testing

/// What an operator meets at the line: printers, cables that may not be used, a second Ctrl-C, the screen.
@Suite("The production line at the command line", .serialized)
struct ProductionLineTests {
    private let program = CommandLineTests()

    private func shell(_ command: String) throws -> (status: Int32, output: String) {
        let result = try program.run(["-c", command], home: "/tmp", program: URL(fileURLWithPath: "/bin/sh"))
        return (result.status, result.output + result.error)
    }

    private func batch(_ name: String, _ home: String) throws -> [[String: Any]] {
        let shown = try program.run(["batch", "show", name, "--json"], home: home)
        return try #require(try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [[String: Any]], "\(shown.error)")
    }

    // MARK: Printers

    @Test("A printer on the network gets each label as ZPL, once, and a scanner reads from it what the records say")
    func networkPrinter() throws {
        try program.withHome { home throws in
            let printer = try NetworkPrinter()
            let lines = (1...3).map { ChainTests.Line(HostedNode(serial: UInt64($0))) }
            defer { withExtendedLifetime(lines) {} }
            let run = try program.run(
                ["provision", "--batch", "p", "--printer", printer.url] + lines.flatMap { ["--node", "serial:\($0.path)"] },
                home: home)
            #expect(run.status == 0, "\(run.output)\(run.error)")
            for _ in 0..<100 where printer.printed.count < 3 { usleep(20_000) }
            #expect(printer.printed.count == 3)
            var scanned: [ClaimLabel] = []
            for (index, job) in printer.printed.enumerated() {
                let file = "\(home)/\(index).pbm"
                try #require(NetworkPrinter.picture(job)).write(to: URL(fileURLWithPath: file))
                let text = try shell("zbarimg -q --raw '\(file)' 2>/dev/null").output.trimmingCharacters(
                    in: .whitespacesAndNewlines)
                scanned.append(try ClaimLabel(parsing: text))
            }
            let records = try batch("p", home)
            #expect(records.count == 3 && records.allSatisfy { $0["step"] as? String == "done" })
            #expect(Set(scanned.map(\.claimKey.publicKey.description)) == Set(records.compactMap { $0["claim"] as? String }))
        }
    }

    @Test(
        "A printer that is off, hangs up or is stuck stops the line with exit 4; when it prints again the label comes out, without its node",
        arguments: [nil, NetworkPrinter.Manner.hangsUp, .isStuck])
    func brokenPrinter(manner: NetworkPrinter.Manner?) throws {
        try program.withHome { home throws in
            let broken = try manner.map { try NetworkPrinter($0) }
            let line = ChainTests.Line(HostedNode())
            let url = broken?.url ?? "tcp://127.0.0.1:1"
            let refused = try program.run(
                ["provision", "--batch", "p", "--printer", url, "--node", "serial:\(line.path)"], home: home)
            #expect(refused.status == 4, "\(refused)")
            #expect(refused.error.contains("the label printer \(url) does not take the label"), "\(refused)")
            #expect(refused.error.contains("labels that are not out are printed then"))
            #expect(try batch("p", home).first?["step"] as? String == "verified")
            withExtendedLifetime((broken, line)) {}

            let printer = try NetworkPrinter()
            // Its node is away.
            let later = try program.run(
                ["provision", "--batch", "p", "--printer", printer.url, "--node", "serial:/dev/nowhere"], home: home)
            #expect(later.output.contains("done    serial:"), "\(later.output)\(later.error)")
            #expect(try batch("p", home).first?["step"] as? String == "done")
            for _ in 0..<100 where printer.printed.isEmpty { usleep(20_000) }
            #expect(printer.printed.count == 1)
        }
    }

    // MARK: Nodes that are not taken

    @Test("--protect for a chip without a protection is refused before the node, the records or the labels are touched")
    func unprotectable() throws {
        try program.withHome { home throws in
            let line = ChainTests.Line(HostedNode())
            defer { withExtendedLifetime(line) {} }
            let arguments = ["--labels", home + "/labels", "--node", "serial:\(line.path)"]
            let refused = try program.run(["provision", "--batch", "p", "--protect"] + arguments, home: home)
            #expect(refused.status == 64, "\(refused.output)\(refused.error)")
            #expect(refused.error.contains("is a board hosted") && refused.error.contains("--no-protect"))
            #expect(try program.run(["status", "--node", "serial:\(line.path)"], home: home).output.contains("blank"))
            #expect(try batch("p", home).isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: home + "/labels").isEmpty)
            // Known without any node: the run does not even begin.
            let named = try program.run(
                ["provision", "--batch", "q", "--protect", "--board", "mps2-an386"] + arguments, home: home)
            #expect(named.status == 64 && named.error.contains("the chip of board mps2-an386"), "\(named.error)")
            #expect(try program.run(["batch", "show", "q"], home: home).status == 64)

            #expect(try program.run(["provision", "--batch", "p"] + arguments, home: home).status == 0)
            #expect(try batch("p", home).compactMap { $0["serial"] as? Int } == [1])
        }
    }

    @Test("A serial line that this user may not open is listed with the fix, and the others are provisioned")
    func deniedLine() throws {
        try program.withHome { home throws in
            let lines = (1...3).map { ChainTests.Line(HostedNode(serial: UInt64($0))) }
            defer { withExtendedLifetime(lines) {} }
            chmod(lines[0].path, 0o000)
            // A superuser without capabilities is bound by permissions as everybody is.
            let drop = geteuid() == 0 ? "setpriv --inh-caps=-all --bounding-set=-all" : ""
            let nodes = lines.map { "--node serial:\($0.path)" }.joined(separator: " ")
            let command =
                "LIGHTNODE_HOME='\(home)' \(drop) '\(CommandLineTests.program.path)' provision --batch p --labels '\(home)/labels' \(nodes)"
            let run = try shell(command)
            #expect(run.status == 4, "\(run.output)")
            #expect(run.output.contains("FAILED  serial:\(lines[0].path)  \(lines[0].path) may not be opened: Permission denied"))
            #expect(run.output.contains("adduser $USER dialout") && run.output.contains("1 of 3 nodes was not provisioned"))
            #expect(try batch("p", home).count { $0["step"] as? String == "done" } == 2)
            chmod(lines[0].path, 0o600)
            let later = ["provision", "--batch", "p", "--labels", home + "/labels", "--node", "serial:\(lines[0].path)"]
            #expect(try program.run(later, home: home).status == 0)
        }
    }

    @Test("Two nodes that show one chip number: one is provisioned, the other refused with what it may be")
    func sameChip() throws {
        try program.withHome { home throws in
            let lines = [ChainTests.Line(HostedNode(serial: 7)), ChainTests.Line(HostedNode(serial: 7))]
            defer { withExtendedLifetime(lines) {} }
            let run = try program.run(
                ["provision", "--batch", "p", "--labels", home + "/labels"]
                    + lines.flatMap { ["--node", "serial:\($0.path)"] },
                home: home)
            #expect(run.status == 64, "\(run.output)\(run.error)")
            // At the same time, or one after the other.
            let isTold =
                run.output.contains("show the same chip number, 0700000000000000")
                || run.output.contains("shows the chip number of p#1")
            #expect(isTold, "\(run.output)")
            #expect(try batch("p", home).map { $0["step"] as? String } == ["done"])
            let blank = try lines.filter {
                try program.run(["status", "--node", "serial:\($0.path)"], home: home).output.contains("blank")
            }
            #expect(blank.count == 1)
            // And later, when the first is done.
            let again = try program.run(
                ["provision", "--batch", "p", "--labels", home + "/labels", "--node", "serial:\(blank[0].path)"], home: home)
            #expect(again.status == 64 && again.error.contains("two chips have one number"), "\(again.error)")
        }
    }

    // MARK: The operator

    @Test("A second Ctrl-C leaves at once, whatever is under way; the next start lists nothing that was not begun")
    func secondInterrupt() throws {
        try program.withHome { home throws in
            // A line at whose end nobody answers.
            var (master, slave): (Int32, Int32) = (0, 0)
            var name = [CChar](repeating: 0, count: 128)
            try #require(openpty(&master, &slave, &name, nil, nil) == 0)
            defer {
                close(master)
                close(slave)
            }
            let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let run = try Watching(
                [
                    "provision", "--batch", "p", "--watch", "--labels", home + "/labels", "--json", "--timeout", "600",
                    "--node",
                    "serial:\(path)",
                ], home: home)
            #expect(run.wait(for: "\"event\":\"started\""))
            kill(run.process.processIdentifier, SIGINT)
            #expect(run.wait(for: "\"event\":\"stopping\""))
            usleep(300_000)
            #expect(run.process.isRunning, "the first one lets it finish")
            let second = Date()
            kill(run.process.processIdentifier, SIGINT)
            run.process.waitUntilExit()
            #expect(Date().timeIntervalSince(second) < 300, "it does not wait for the node's 600 s")
            #expect(run.process.terminationReason == .exit && run.process.terminationStatus == 130)
            #expect(try batch("p", home).isEmpty)
        }
    }

    @Test(
        "On a terminal each node under way has one line that changes, however narrow it is, and the last line counts",
        arguments: [80, 34])
    func liveDisplay(columns: Int) throws {
        try program.withHome { home throws in
            let lines = (1...4).map { ChainTests.Line(HostedNode(serial: UInt64($0))) }
            defer { withExtendedLifetime(lines) {} }
            let terminal = try Terminal(
                [
                    CommandLineTests.program.path, "provision", "--batch", "lamps", "--watch", "--count", "5", "--labels",
                    home + "/labels",
                ] + lines.flatMap { ["--node", "serial:\($0.path)"] },
                environment: ["LIGHTNODE_HOME": home, "PATH": "/usr/bin:/bin"], columns: columns)
            #expect(terminal.wait(for: "4 of 5 done"), "\(terminal.output)")
            usleep(200_000)
            let screen = terminal.screen
            #expect(screen.unknown.isEmpty, "\(screen.unknown)")
            // Lines that stay are wrapped by a narrow terminal; those that change are not.
            let text = screen.text.joined()
            #expect(text.components(separatedBy: "done    serial:").count == 5, "\(screen.text)")
            #expect(!text.contains("…"), "nothing is under way any more: \(screen.text)")
            #expect(screen.text.count { $0.contains("4 of 5 done") } == 1, "\(screen.text)")
            #expect(terminal.output.contains("  …     serial:"))
            kill(terminal.process.processIdentifier, SIGINT)
            #expect(terminal.end() == 0)
            let last = terminal.screen.text.filter { !$0.isEmpty }
            #expect(last.joined().contains("stopping: nodes under way are finished"))
            #expect(last.joined().contains("finished: 4 of 5 done"), "\(last)")
            #expect(last.count { $0.hasPrefix("4 of 5 done") } == 0, "the line that changed is gone: \(last)")
        }
    }
}
