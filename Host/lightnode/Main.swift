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
              lightnode send "$('led').on()"

            \(ExitStatus.table)

            Keys and records are in $LIGHTNODE_HOME, else $XDG_CONFIG_HOME/lightnode, else ~/.config/lightnode.
            """,
        version: "lightnode \(ProgramVersion.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "Own nodes",
                subcommands: [
                    Keys.self, Bind.self, Attest.self, Release.self, Transfer.self, Rotate.self, Recover.self, Backups.self,
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
            CommandGroup(name: "Reach nodes over a network", subcommands: [GatewayCommand.self, BridgeCommand.self]),
            CommandGroup(
                name: "Make nodes in a factory",
                subcommands: [Provision.self, BatchCommand.self, LabelCommand.self, EscrowCommand.self]),
            CommandGroup(
                name: "Write firmware",
                subcommands: [New.self, Boards.self, Layout.self, Build.self, Size.self, ImageCommand.self]),
            CommandGroup(
                name: "Flash it, and look into it", subcommands: [FlashCommand.self, Reset.self, Debug.self, Udev.self]),
            CommandGroup(
                name: "Try it without hardware", subcommands: [Emulate.self, Test.self, Bench.self, MeasureRunner.self]),
        ])

    static func main() async {
        Descriptor.occupyStandardOnes()
        // A closed pipe (| head) is no crash.
        signal(SIGPIPE, SIG_IGN)
        // Nor is a file that may not grow: the write fails, and says so.
        signal(SIGXFSZ, SIG_IGN)
        var json = false
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
                let text = fullMessage(for: error), code = exitCode(for: error).rawValue
                if !text.isEmpty { if code == 0 { Output.write(text) } else { Output.standardError(Quoted.brief(text)) } }
                finish(code, json)
            }
            let report = ErrorReport(error, notes: Notes.taken)
            Output.standardError(json ? Output.encoded(report) : report.description)
            Foundation.exit(report.exitCode)
        }
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
