// lightnode: the command line. Thin: each subcommand has a file, the work is done by the libraries.
import ArgumentParser
import ControlNode
import Foundation
import Reporting

@main
struct Lightnode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lightnode",
        abstract: "Provision, own and command light nodes: devices that obey one owner's key.",
        discussion: """
            EXAMPLE:
              lightnode provision --device emulated:one
              lightnode bind 'LN1:NODE1…:CLAIM1…'
              lightnode send "$('led').on()"

            \(ExitStatus.table)

            Keys and records are in $LIGHTNODE_HOME, else $XDG_CONFIG_HOME/lightnode, else ~/.config/lightnode.
            """,
        subcommands: [
            Boards.self,
            Layout.self,
            New.self,
            Build.self,
            Size.self,
            Bench.self,
            Test.self,
            MeasureRunner.self,
            Emulate.self,
            List.self,
            Udev.self,
            Flash.self,
            ImageCommand.self,
            Provision.self,
            LabelCommand.self,
            BatchCommand.self,
            Attest.self,
            EscrowCommand.self,
            Bind.self,
            Send.self,
            Status.self,
            DevicesCommand.self,
            Watch.self,
            History.self,
            Console.self,
            Keys.self,
            Release.self,
            Transfer.self,
            Rotate.self,
            Recover.self,
            Backups.self,
            Takeover.self,
            GrantCommand.self,
            Grants.self,
            Revoke.self,
            Tick.self,
            TimeCommand.self,
            GatewayCommand.self,
            BridgeCommand.self,
        ])

    static func main() async {
        // A closed pipe (| head) is no crash.
        signal(SIGPIPE, SIG_IGN)
        // Nor is a file that may not grow: the write fails, and says so.
        signal(SIGXFSZ, SIG_IGN)
        var json = false
        do {
            var command = try parseAsRoot()
            json = (command as? any JSONCapable)?.output.json ?? false
            if let found = command as? any AsyncParsableCommand {
                // Used by this task alone: the parser hands over the only copy.
                nonisolated(unsafe) var asynchronous = found
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            // Help, version and the parser's own errors have their own texts and code 64.
            if isParserError(error) { exit(withError: error) }
            let report = ErrorReport(error)
            Output.standardError(json ? Output.encoded(report) : report.description)
            Foundation.exit(report.exitCode)
        }
    }

    private static func isParserError(_ error: any Error) -> Bool {
        switch error {
        case is Failure, is Refusal, is NotDone, is CallSyntaxError, is any Reportable: false
        case is ExitCode, is ValidationError, is CleanExit: true
        default: exitCode(for: error) == .validationFailure || exitCode(for: error) == .success
        }
    }
}
