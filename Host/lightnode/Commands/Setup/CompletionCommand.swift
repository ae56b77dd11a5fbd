// lightnode completion: what the Tab key knows.
import ArgumentParser
import Foundation
import Reporting

struct CompletionCommand: ParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Teach a shell to complete commands, options and their values: nodes, devices, methods, boards, batches.",
        discussion: """
            EXAMPLE:
              lightnode completion bash
              lightnode completion zsh --print

            Installs it where that shell looks for what a user adds; --print shows the script instead.
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish

        var kind: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }

        /// Below the folder of a user's data, or of the user's configuration for fish.
        func file(_ environment: [String: String]) -> String? {
            switch self {
            case .bash: UserFolders.data(environment).map { $0 + "/bash-completion/completions/lightnode" }
            case .zsh: UserFolders.data(environment).map { $0 + "/zsh/site-functions/_lightnode" }
            case .fish: UserFolders.data(environment).map { $0 + "/fish/vendor_completions.d/lightnode.fish" }
            }
        }

        /// What has to be done once besides; nil when the shell finds it by itself.
        func advice(_ file: String) -> String? {
            switch self {
            case .bash: "It works in new shells with the package bash-completion; in this one: source \(Quoted.shell(file))"
            case .zsh:
                "Put this line into ~/.zshrc, above compinit: fpath=(\(Quoted.shell((file as NSString).deletingLastPathComponent)) $fpath)"
            case .fish: nil
            }
        }
    }

    @Argument(help: "The shell: bash, zsh or fish.")
    var shell: Shell

    @Flag(help: "Print the script, and install nothing.")
    var print = false

    @OptionGroup var output: Output

    func run() throws {
        let script = Lightnode.completionScript(for: shell.kind)
        if print { return Output.write(script, terminator: "") }
        guard let file = shell.file(ProcessInfo.processInfo.environment) else {
            throw Failure(.environment, "there is no home folder", advice: "Set HOME, or use --print")
        }
        let folder = (file as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(script.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            throw Failure(
                .environment, "\(file) could not be written: \(error.localizedDescription)", about: file,
                advice: "Print it with --print, and put it where your shell looks")
        }
        output.show(Result(file: file, advice: shell.advice(file)))
    }

    struct Result: Encodable, CustomStringConvertible {
        let file: String
        let advice: String?
        var description: String { "written to \(file)" + (advice.map { "\n  \($0)" } ?? "") }
    }
}
