// lightnode: the command line. Thin: each subcommand has a file, the work is done by the libraries.
import ArgumentParser
import ControlNode
import Foundation
import NodeProtocol
import Reporting

@main
struct Lightnode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lightnode",
        abstract: "Provision, own and command light nodes: MCUs that obey one owner's key.",
        discussion: """
            EXAMPLE:
              lightnode provision --node emulated:one
              lightnode bind 'LN1:NODE1…:CLAIM1…'
              lightnode send '$("led").on()'

            \(ExitStatus.table)

            Keys and records are in $LIGHTNODE_HOME, else $XDG_CONFIG_HOME/lightnode, else $HOME/.config/lightnode; emulated boards in
            $LIGHTNODE_HOME, else $XDG_STATE_HOME/lightnode, else $HOME/.local/state/lightnode.
            A node has one name everywhere: the one that bind or “lightnode name” gave it. “lightnode completion” teaches it to your shell.
            """,
        version: "lightnode \(ProgramVersion.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "Own nodes",
                subcommands: [
                    Keys.self, Bind.self, Name.self, Adopt.self, Attest.self, Release.self, Transfer.self, Rotate.self,
                    Recover.self, Backups.self,
                    ResetButton.self,
                    Takeover.self,
                ]),
            CommandGroup(
                name: "Command nodes",
                subcommands: [
                    List.self, Status.self, DevicesCommand.self, Send.self, Console.self, Watch.self, History.self,
                    TimeCommand.self,
                ]),
            CommandGroup(name: "Lend rights", subcommands: [GrantCommand.self, Grants.self, Revoke.self, Tick.self]),
            CommandGroup(
                name: "Reach nodes over a network", subcommands: [GatewayCommand.self, BridgeCommand.self, Decode.self]),
            CommandGroup(
                name: "Make nodes in a factory",
                subcommands: [Provision.self, BatchCommand.self, LabelCommand.self, EscrowCommand.self]),
            CommandGroup(
                name: "Write firmware",
                subcommands: [New.self, Boards.self, Layout.self, Build.self, Size.self, ImageCommand.self]),
            CommandGroup(
                name: "Flash it, and look into it", subcommands: [FlashCommand.self, Reset.self, Debug.self, Udev.self]),
            CommandGroup(name: "Set up this program", subcommands: [CompletionCommand.self]),
            CommandGroup(
                name: "Try it without hardware", subcommands: [Emulate.self, Test.self, Bench.self, MeasureRunner.self]),
        ])

    static func main() async {
        Descriptor.occupyStandardOnes()
        // A closed pipe (| head) is no crash.
        signal(SIGPIPE, SIG_IGN)
        // Nor is a file that may not grow: the write fails, and says so.
        signal(SIGXFSZ, SIG_IGN)
        // Asked for where the command line itself is wrong, too.
        var json = CommandLine.arguments.contains("--json")
        do {
            var command = try parseAsRoot()
            json = (command as? any JSONCapable)?.output.json ?? false
            Notes.areKept = json
            Steps.areShown = !json
            if let found = command as? any AsyncParsableCommand {
                // Used by this task alone: the parser hands over the only copy.
                nonisolated(unsafe) var asynchronous = found
                try await asynchronous.run()
            } else {
                try command.run()
            }
            finish(0, json)
        } catch {
            Steps.end()
            // Help, version and the parser's own errors have their own texts and code 64.
            if isParserError(error) {
                let code = exitCode(for: error).rawValue
                let text =
                    code == 0
                    ? HelpText.wrapped(fullMessage(for: error, columns: HelpText.unbroken), columns: HelpText.columns)
                    : fullMessage(for: error)
                if code != 0, json {
                    Output.standardError(Output.encoded(ErrorReport(usage: message(for: error), help: Quoted.brief(text))))
                    finish(code, false)
                }
                if code == 64, let near = Self.suggestion(CommandLine.arguments.dropFirst().map { $0 }) {
                    Output.standardError("error: there is no “\(near.typed)”: did you mean “\(near.meant)”?")
                    Output.standardError(
                        "  See lightnode \(near.path.joined(separator: " "))\(near.path.isEmpty ? "" : " ")--help")
                    finish(code, json)
                }
                if !text.isEmpty { if code == 0 { Output.write(text) } else { Output.standardError(Quoted.brief(text)) } }
                finish(code, json)
            }
            let report = ErrorReport(error, notes: Notes.taken)
            Output.standardError(json ? Output.encoded(report) : report.description)
            Foundation.exit(report.exitCode)
        }
    }

    /// The subcommand that was meant where there is none of the name that was typed; nil where the names are right, or none is near.
    static func suggestion(_ words: [String]) -> (typed: String, meant: String, path: [String])? {
        var type: any ParsableCommand.Type = Self.self
        var path: [String] = []
        for word in words {
            let subcommands = type.configuration.subcommands + type.configuration.groupedSubcommands.flatMap(\.subcommands)
            let names = Dictionary(subcommands.map { ($0._commandName, $0) }) { first, _ in first }
            guard !names.isEmpty, !word.hasPrefix("-") else { return nil }
            if let next = names[word] {
                (type, path) = (next, path + [word])
                continue
            }
            // A default subcommand may take the word as its argument.
            guard type.configuration.defaultSubcommand == nil else { return nil }
            return Spelling.nearest(to: word, among: names.keys.sorted()).map { (word, $0, path) }
        }
        return nil
    }

    /// Ends the program. What was to be printed and could not be is a failure, unless its reader wanted no more of it.
    private static func finish(_ code: Int32, _ json: Bool) -> Never {
        Steps.end()
        guard let failure = StandardOutput.failure, !StandardOutput.isClosed else {
            let notes = Notes.taken
            if !notes.isEmpty { Output.standardError(Output.encoded(["notes": notes])) }
            Foundation.exit(code)
        }
        let report = ErrorReport(failure, notes: Notes.taken)
        Output.standardError(json ? Output.encoded(report) : report.description)
        Foundation.exit(code == 0 ? report.exitCode : code)
    }

    private static func isParserError(_ error: any Error) -> Bool {
        switch error {
        case is Refusal, is NotDone, is CallSyntaxError, is any Reportable: false
        case is ExitCode, is ValidationError, is CleanExit: true
        default: exitCode(for: error) == .validationFailure || exitCode(for: error) == .success
        }
    }
}
