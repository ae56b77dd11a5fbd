// What an owner meets: names, missing keys, backups, what is handed on, and the manners of a program in a shell.
import Foundation
import HostedNode
import SimulatedTerminal
import Testing

@Suite("The command line as an owner meets it", .serialized)
struct OwnerTests {
    private let program = CommandLineTests()

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    /// A node that the home's owner has bound as “gate”.
    private func bound(_ home: String) throws -> ChainTests.Line {
        let line = ChainTests.Line(HostedNode())
        let node = ["--node", "serial:\(line.path)"]
        let label = try #require(
            try json(try program.run(["provision", "--json"] + node, home: home).output)["label"] as? String)
        let bind = try program.run(["bind", label, "--name", "gate"] + node, home: home)
        #expect(bind.status == 0 && bind.error.contains("no backup of your key is known"), "\(bind.error)")
        let again = try program.run(["bind", "LN1:A:B", "--name", "a:b"] + node, home: home)
        #expect(again.status == 64 && again.error.contains("cannot be the name"), "\(again.error)")
        return line
    }

    @Test("A name given at bind names the node everywhere; an unknown one is met with the nearest, a missing key with what to do")
    func names() throws {
        try program.withHome { home throws in
            let none = try program.run(["send", "led.on"], home: home)
            #expect(none.status == 4 && none.error.contains("you own nothing yet") && none.error.contains("lightnode bind LABEL"))
            let line = try bound(home)
            for arguments in [["send", "led.on"], ["status"], ["history"], ["devices"], ["grants"]] {
                let result = try program.run(arguments + ["--node", "gate"], home: home)
                #expect(result.status == 0, "\(arguments): \(result.error)")
            }
            #expect(line.hosted.isHigh("led"))
            let typo = try program.run(["send", "led.off", "--node", "gaet"], home: home)
            #expect(typo.status == 64 && typo.error.contains("did you mean “gate”?"), "\(typo.error)")
            #expect(try program.run(["name", "shed", "--node", "gate"], home: home).status == 0)
            #expect(try program.run(["send", "led.off", "--node", "shed"], home: home).status == 0)
            #expect(try program.run(["send", "led.off", "--node", "gate"], home: home).status == 64)
            #expect(try program.run(["name", "a/b", "--node", "shed"], home: home).status == 64)

            // Whoever comes with a key that was replaced is told where the new one is.
            #expect(try program.run(["keys", "new", "--key", home + "/new.key"], home: home).status == 0)
            #expect(try program.run(["rotate", home + "/new.key", "--node", "shed"], home: home).status == 0)
            let former = try program.run(["send", "led.on", "--node", "shed"], home: home)
            #expect(
                former.status == 64 && former.error.contains("rotated it") && former.error.contains("--key \(home)/new.key"),
                "\(former.error)")
            #expect(try program.run(["send", "led.on", "--node", "shed", "--key", home + "/new.key"], home: home).status == 0)
        }
    }

    @Test("A key comes back from its words, and its node is taken in; until that was proven bind warns")
    func backup() throws {
        try program.withHome { home throws in
            let line = try bound(home)
            let words = try program.run(["keys", "backup"], home: home).output
            let check = try program.run(["keys", "backup", "--check"], home: home, input: words)
            #expect(check.status == 0, "\(check.error)")
            let swapped = try program.run(
                ["keys", "backup", "--check"], home: home, input: words.replacingOccurrences(of: " 1. ", with: " 1. zoo "))
            #expect(swapped.status == 64, "\(swapped.error)")
            #expect(try program.run(["keys", "restore"], home: home, input: words).status == 4)
            let sealed = ["LIGHTNODE_PASSPHRASE": "correct horse"]
            #expect(
                try program.run(["keys", "backup", "--file", home + "/copy.key"], home: home, environment: sealed).status == 0)
            for (name, input, arguments) in [("words", words, []), ("file", "", ["--file", home + "/copy.key"])] {
                let other = home + "/\(name)"
                let restored = try program.run(["keys", "restore"] + arguments, home: other, input: input, environment: sealed)
                #expect(restored.status == 0, "\(restored.error)")
                #expect(
                    try Data(contentsOf: URL(fileURLWithPath: other + "/controller.key"))
                        == Data(contentsOf: URL(fileURLWithPath: home + "/controller.key")))
                let node = ["--node", "serial:\(line.path)"]
                let early = try program.run(["send", "led.on"] + node, home: other)
                #expect(early.status == 64 && early.error.contains("lightnode adopt"), "\(early.error)")
                #expect(try program.run(["adopt"] + node, home: other).status == 0)
                #expect(try program.run(["send", "led.toggle"] + node, home: other).status == 0)
            }
        }
    }

    @Test("Grants and acceptances travel as files, lines and QR codes; a guest stands in the owner's history with name and call")
    func handedOn() throws {
        try program.withHome { home throws in
            let line = try bound(home)
            let node = ["--node", "serial:\(line.path)"]
            let made = try program.run(["keys", "new", "--key", home + "/guest.key", "--json"], home: home)
            let key = try #require(try json(made.output)["publicKey"] as? String)
            let typo = try program.run(["grant", key, "--allow", "dimmer:sett", "--node", "gate"], home: home)
            #expect(typo.status == 64 && typo.error.contains("did you mean “set”?"), "\(typo.error)")
            let given = try program.run(
                [
                    "grant", key, "--name", "anna", "--allow", "dimmer", "--uses", "2", "--qr-file", home + "/anna.svg", "--file",
                    home + "/anna.grant", "--node", "gate",
                ],
                home: home)
            #expect(given.status == 0, "\(given.error)")
            #expect(try String(contentsOfFile: home + "/anna.svg", encoding: .utf8).contains("<svg"))
            let sent = try program.run(
                ["send", "dimmer.set", "40", "--grant", home + "/anna.grant", "--key", home + "/guest.key"] + node, home: home)
            #expect(sent.status == 0, "\(sent.error)")
            let history = try program.run(["history", "--node", "gate"], home: home).output
            #expect(history.contains("guest “anna”  $('dimmer').set(40)  done"), "\(history)")
            let grants = try program.run(["grants", "--node", "gate"], home: home).output
            #expect(grants.contains("used once, 1 left"), "\(grants)")

            let asGuest = node + ["--key", home + "/guest.key"]
            #expect(
                try program.run(
                    ["transfer", "--accept", "--file", home + "/a.txt", "--qr-file", home + "/a.svg"] + asGuest, home: home
                ).status == 0)
            #expect(try program.run(["transfer", home + "/none.txt"] + node, home: home).status == 64)
            #expect(try program.run(["transfer", home + "/a.txt", "--node", "gate"], home: home).status == 0)
            #expect(try program.run(["transfer", "--finish"] + asGuest, home: home).status == 0)
        }
    }

    @Test("CBOR is shown in diagnostic notation, and what is known in words; what is no CBOR is refused")
    func decode() throws {
        try program.withHome { home throws in
            #expect(try program.run(["decode", "--hex", "a2 01 82 f5 20 43 68 69"], home: home).status == 6)
            let map = try program.run(["decode", "--hex", "a2 01 82 f5 20 61 78 42 ff00"], home: home)
            #expect(map.status == 0 && map.output == "{1: [true, -1], \"x\": h'ff00'}\n", "\(map.output)")
            let device = try program.run(
                ["decode", "--hex", "81 83 63 6c6564 70 6f6e3b6f66667c6c65643a626f6f6c7c f4"], home: home)
            #expect(device.output.contains("a list of devices:\n  $('led')  led = false  .on() .off()"), "\(device.output)")
            #expect(try program.run(["decode", "--hex", "a"], home: home).status == 64)
            #expect(try program.run(["decode", home + "/none"], home: home).status == 4)
            #expect(try program.run(["decode"], home: home).output.contains("nothing to decode"))
        }
    }

    @Test("Watching marks what had happened before, with its time")
    func backlog() throws {
        try program.withHome { home throws in
            let line = try bound(home)
            #expect(try program.run(["send", "led.on", "--node", "gate"], home: home).status == 0)
            let watched = try program.run(["watch", "--node", "serial:\(line.path)", "--count", "1", "--json"], home: home)
            let event = try json(watched.output)
            #expect(
                event["isBacklog"] as? Bool == true && event["clock"] as? String == "computer" && event["time"] as? String != nil,
                "\(watched.output)")
            #expect(watched.error.contains("does not know the time"))
            #expect(try program.run(["time", "--node", "gate"], home: home).status == 0)
            let text = try program.run(["watch", "--node", "gate", "--count", "1"], home: home)
            #expect(text.output.contains("  before  #") && text.error.isEmpty, "\(text.output)\(text.error)")
        }
    }

    // MARK: Manners in a shell

    @Test("A misspelt subcommand is met with the nearest; with --json an error of the command line is JSON, code 64")
    func suggestions() throws {
        try program.withHome { home throws in
            let typo = try program.run(["stauts"], home: home)
            #expect(typo.status == 64 && typo.error.contains("did you mean “status”?"), "\(typo.error)")
            let deep = try program.run(["keys", "shwo"], home: home)
            #expect(
                deep.status == 64 && deep.error.contains("“show”") && deep.error.contains("lightnode keys --help"),
                "\(deep.error)")
            for arguments in [["status", "--nod", "x", "--json"], ["send", "--json"], ["tick", "--json", "zz", "1"]] {
                let result = try program.run(arguments, home: home)
                let error = try json(result.error)
                #expect(
                    result.status == 64 && error["exitCode"] as? Int == 64 && error["reason"] as? String == "usage",
                    "\(result.error)")
            }
        }
    }

    @Test("Help is as wide as the terminal, whatever the source's lines are", arguments: [60, 80, 132])
    func width(_ columns: Int) throws {
        try program.withHome { home throws in
            for command in [["send"], ["provision"], ["transfer"], ["grant", "pass"], []] {
                let help = try program.run(command + ["--help"], home: home, environment: ["COLUMNS": "\(columns)"]).output
                for line in help.split(separator: "\n") where line.count > columns {
                    // Examples are to be copied, and a word that is longer than a line cannot be broken.
                    let isLong = line.contains("lightnode ") || line.split(separator: " ").contains { $0.count > columns - 30 }
                    #expect(isLong, "\(command): \(line)")
                }
                // No paragraph is broken in the middle: the next word would have fitted.
                #expect(help.split(separator: "\n").contains { columns - $0.count < 12 }, "\(command)")
            }
        }
    }

    @Test("Completion is installed where shells look for it, and knows the nodes by name")
    func completion() throws {
        try program.withHome { home throws in
            let environment = ["HOME": home]
            for shell in ["bash", "zsh", "fish"] {
                let installed = try program.run(["completion", shell, "--json"], home: home, environment: environment)
                let file = try #require(try json(installed.output)["file"] as? String)
                #expect(file.hasPrefix(home + "/.local/share/"), "\(file)")
                let script = try String(contentsOfFile: file, encoding: .utf8)
                let printed = try program.run(["completion", shell, "--print"], home: home).output
                #expect(script.contains("lightnode") && script == printed)
            }
            #expect(try program.run(["completion", "tcsh"], home: home).status == 64)
            _ = try bound(home)
            let names = try program.run(["---completion", "status", "--", "--node", "0", "0"], home: home)
            #expect(names.output.split(separator: "\n").contains("gate"), "\(names.output)\(names.error)")
            // The shell's own parser has nothing against the script.
            let bash = try program.run(
                ["-n", home + "/.local/share/bash-completion/completions/lightnode"], home: home,
                program: URL(fileURLWithPath: "/bin/bash"))
            #expect(bash.status == 0, "\(bash.error)")
        }
    }

    @Test("Ctrl-C in the console clears the line; colours go to a terminal alone, and not where NO_COLOR is set")
    func terminal() async throws {
        let home = try CommandLineTests.newHome()
        defer { try? FileManager.default.removeItem(atPath: home) }
        let line = try bound(home)
        let environment = ["LIGHTNODE_HOME": home, "TERM": "xterm", "PATH": "/usr/bin:/bin"]
        let console = try Terminal(
            [CommandLineTests.program.path, "console", "--node", "serial:\(line.path)"], environment: environment, columns: 200)
        #expect(await console.reads("> "))
        console.type("$('lock').nonsense\u{3}$('led').on()\r")
        #expect(await console.reads("$('led').on done"))
        #expect(line.hosted.isHigh("led"))
        #expect(await console.reads("> "))
        console.type("\u{4}")
        #expect(console.end() == 0)

        let made = try program.run(["keys", "new", "--key", home + "/guest.key", "--json"], home: home)
        let key = try #require(try json(made.output)["publicKey"] as? String)
        for (plain, colour) in [("1", false), ("", true)] {
            let shown = try Terminal(
                [CommandLineTests.program.path, "grant", key, "--allow", "led", "--qr", "--node", "serial:\(line.path)"],
                environment: environment.merging(["NO_COLOR": plain]) { $1 }, columns: 200)
            #expect(await shown.reads("LNGRANT1:"))
            #expect(shown.end() == 0)
            #expect(shown.output.contains("\u{1B}[30;107m") == colour)
        }
        let piped = try program.run(["grant", key, "--allow", "led", "--qr", "--node", "gate"], home: home).output
        #expect(piped.contains("█") && !piped.contains("\u{1B}"))
    }
}
