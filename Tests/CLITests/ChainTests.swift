import Foundation
import HostedNode
import SimulatedTerminal
import Testing

/// The program against the executor itself, over a serial line: a pseudo-terminal whose other end this process holds.
@Suite("The command line with a node on a serial line", .serialized)
struct ChainTests {
    /// A serial line with a node at its end.
    final class Line {
        let path: String
        let hosted: HostedNode
        private let master: Int32
        private let slave: Int32

        init(_ hosted: HostedNode) {
            self.hosted = hosted
            var (master, slave): (Int32, Int32) = (0, 0)
            var name = [CChar](repeating: 0, count: 128)
            precondition(openpty(&master, &slave, &name, nil, nil) == 0)
            path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            (self.master, self.slave) = (master, slave)
            let descriptor = master
            Thread.detachNewThread {
                hosted.receive(from: descriptor)
            }
            Task {
                for try await bytes in hosted.incoming { _ = write(descriptor, bytes, bytes.count) }
            }
        }

        deinit {
            hosted.close()
            close(slave)
            close(master)
        }
    }

    private let program = CommandLineTests()

    @Test("Provision, label, bind, send, history, console: each exits as it should and says the same as text and as JSON")
    func chain() throws {
        try program.withHome { home throws in
            let line = Line(HostedNode())
            let node = ["--node", "serial:\(line.path)"]
            func run(_ arguments: [String], input: String = "") throws -> CommandLineTests.Result {
                try program.run(arguments + node, home: home, input: input)
            }
            let early = try run(["bind", "-"], input: "nonsense\n")
            #expect(early.status == 64)
            let provisioned = try run(["provision", "--json", "--svg", home + "/label.svg"])
            #expect(provisioned.status == 0, "\(provisioned.error)")
            let label = try #require(try json(provisioned.output)["label"] as? String)
            #expect(FileManager.default.fileExists(atPath: home + "/label.svg"))
            #expect(try run(["provision"]).status == 64)

            let unbound = try run(["status", "--json"])
            #expect((try json(unbound.output)["status"] as? [String: Any])?["state"] as? String == "unowned")
            let bound = try run(["bind", "-", "--name", "porch"], input: label + "\n")
            #expect(bound.status == 0 && bound.output.contains("now obeys this control node"), "\(bound.error)")
            #expect(try run(["bind", label]).status == 1)

            let sent = try run(["send", "$('led').on()"])
            #expect(sent.status == 0 && sent.output.contains("$('led').on done"))
            #expect(line.hosted.isHigh("led"))
            let sentJSON = try json(try run(["send", "$('led').off()", "--json"]).output)
            #expect(sentJSON["outcome"] as? String == "done" && sentJSON["subject"] as? [String] == ["led", "off"])
            #expect(!line.hosted.isHigh("led"))
            let typo = try run(["send", "$('lokc').open()"])
            #expect(typo.status == 64 && typo.error.contains("Did you mean $('lock')?"), "\(typo.error)")
            let lamp = try run(["send", "$('lamp').on()", "--unchecked"])
            #expect(lamp.status == 2 && lamp.error.contains("There are $('led'), $('lock'), $('dimmer')"))
            let bright = try run(["send", "$('dimmer').set(500)", "--unchecked"])
            #expect(bright.status == 2 && bright.error.contains("between 0 and 100"), "\(bright.error)")

            let console = try run(
                ["console"], input: "# a comment\n$('led').on()\ndevices\n$('dimmer').set(500)\n$('led').off()\n")
            #expect(
                console.status == 64 && console.output.contains("$('led').on done") && console.error.contains("takes 0% to 100%"))
            #expect(line.hosted.isHigh("led"))
            let history = try run(["history", "--json"])
            let entries = try #require(try JSONSerialization.jsonObject(with: Data(history.output.utf8)) as? [[String: Any]])
            #expect(
                entries.compactMap { $0["outcome"] as? String } == [
                    "done", "done", "done", "no-such-device", "out-of-range", "done",
                ])

            // Another key is told which one the node obeys, by the node.
            #expect(try program.run(["keys", "new", "--key", home + "/other.key"], home: home).status == 0)
            let stranger = try run(["send", "$('led').off()", "--key", home + "/other.key", "--json"])
            #expect(stranger.status == 64 && stranger.error.contains("obeys the key"))
            #expect(try json(stranger.error)["reason"] as? String == "usage")
            #expect(line.hosted.isHigh("led"))
        }
    }

    @Test("The console completes names with Tab, recalls lines with the arrow key, and leaves with Ctrl-D")
    func console() async throws {
        let home = try CommandLineTests.newHome()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let line = Line(HostedNode())
        let node = ["--node", "serial:\(line.path)"]
        let label = try json(try program.run(["provision", "--json"] + node, home: home).output)["label"] as? String
        #expect(try program.run(["bind", label ?? ""] + node, home: home).status == 0)

        let terminal = try Terminal(
            [CommandLineTests.program.path, "console"] + node,
            environment: ["LIGHTNODE_HOME": home, "TERM": "xterm", "PATH": "/usr/bin:/bin"], columns: 200)
        #expect(await terminal.reads("> "))
        terminal.type("$('led').t\t)\r")
        #expect(await terminal.reads("$('led').toggle done"))
        #expect(line.hosted.isHigh("led"))
        #expect(await terminal.reads("> "))
        terminal.type("\u{1b}[A\r")
        #expect(await terminal.reads("#2 $('led').toggle done"))
        #expect(!line.hosted.isHigh("led"))
        #expect(await terminal.reads("> "))
        terminal.type("$('led').blink()\r")
        #expect(await terminal.reads("There are .on(), .off(), .toggle()"))
        #expect(await terminal.reads("> "))
        terminal.type("\u{4}")
        #expect(terminal.end() == 0)
        let attributes = try FileManager.default.attributesOfItem(atPath: home + "/console-history")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("With no space on the disk nothing is half-done: no key, no provisioning; afterwards both succeed")
    func fullDisk() throws {
        try program.withHome { home throws in
            let line = Line(HostedNode())
            let node = "--node serial:\(line.path)"
            func withoutSpace(_ command: String) throws -> CommandLineTests.Result {
                try program.run(
                    ["-c", "ulimit -f 0; exec '\(CommandLineTests.program.path)' \(command)"], home: home,
                    program: URL(fileURLWithPath: "/bin/sh"))
            }
            let key = try withoutSpace("keys new")
            #expect(key.status == 4 && key.error.contains("controller.key"), "\(key.error)")
            let provisioned = try withoutSpace("provision \(node)")
            #expect(provisioned.status == 4, "\(provisioned.error)")
            // The station's database may have got its name, but nothing has content.
            for name in try FileManager.default.subpathsOfDirectory(atPath: home) {
                let file = try FileManager.default.attributesOfItem(atPath: home + "/" + name)
                #expect(file[.type] as? FileAttributeType == .typeDirectory || file[.size] as? Int == 0, "\(name)")
            }
            let status = try json(
                try program.run(["status", "--json"] + node.split(separator: " ").map(String.init), home: home).output)
            #expect((status["status"] as? [String: Any])?["state"] as? String == "blank")
            #expect(try program.run(["keys", "new"], home: home).status == 0)
            #expect(try program.run(["provision"] + node.split(separator: " ").map(String.init), home: home).status == 0)
        }
    }

    @Test("A label that could not be printed is not forgotten: the next attempt prints it")
    func unprintedLabel() throws {
        try program.withHome { home throws in
            let line = Line(HostedNode())
            let lost = try program.run(
                ["-c", "exec '\(CommandLineTests.program.path)' provision --node serial:\(line.path) > /dev/full"], home: home,
                program: URL(fileURLWithPath: "/bin/sh"))
            #expect(lost.status == 4 && lost.error.contains("standard output"))
            let again = try program.run(["provision", "--json", "--node", "serial:\(line.path)"], home: home)
            #expect(again.status == 0)
            let result = try json(again.output)
            #expect(result["isResumed"] as? Bool == true)
            let bound = try program.run(
                ["bind", "-", "--node", "serial:\(line.path)"], home: home, input: "\(result["label"] ?? "")\n")
            #expect(bound.status == 0, "\(bound.error)")
        }
    }

    @Test("A node that answers nothing, and one that is unplugged, exit with 3")
    func dead() throws {
        try program.withHome { home throws in
            let hosted = HostedNode()
            let line = Line(hosted)
            hosted.close()
            let result = try program.run(["status", "--node", "serial:\(line.path)", "--timeout", "1", "--json"], home: home)
            #expect(result.status == 3)
            #expect(try json(result.error)["error"] as? String != nil)
        }
    }
}
