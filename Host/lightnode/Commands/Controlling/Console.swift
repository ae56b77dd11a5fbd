// lightnode console: a prompt that takes $('led').on().
import ArgumentParser
import ControlNode
import Foundation
import Keystore
import NodeProtocol
import Transport

struct Console: OptionedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to an owned node: type calls, get verified receipts.",
        discussion: """
            EXAMPLE:
              lightnode console --node emulated:one
              > $('led').on()

            Tab completes names of devices and methods, the arrow keys recall earlier lines, Ctrl-D leaves.
            Reads plain lines when standard input is no terminal; the exit code is then that of the first line that failed.
            """)

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let home = try Home.standard()
        try await options.withNode(as: try options.key.controller()) { node in
            let known = try await node.known()
            let devices = try await node.devices()
            let isInteractive = isatty(STDIN_FILENO) == 1
            if isInteractive {
                Output.write("\(known.name ?? known.address.description) — type “help” for help, Ctrl-D to leave")
            }
            let editor = LineEditor(
                completions: Self.completions(devices), historyFile: isInteractive ? home.path + "/console-history" : nil)
            while let line = await editor.readLine(prompt: "> ") {
                let line = line.trimmingCharacters(in: .whitespaces)
                if line.isEmpty || line.hasPrefix("#") { continue }
                if line == "exit" || line == "quit" { break }
                do { try await execute(line, node) } catch {
                    guard isInteractive else { throw error }
                    let report = ErrorReport(error)
                    Output.write(output.json ? Output.encoded(report) : report.description)
                }
            }
            editor.close()
        }
    }

    private func execute(_ line: String, _ node: RemoteNode) async throws {
        switch line {
        case "help": Output.write(Self.help)
        case "status": output.show(try await node.status())
        case "devices": output.show(list: try await node.devices(), empty: "no devices")
        case "history": output.show(list: try await node.history(), empty: "no entries")
        default:
            let receipt = try await node.perform(try Call(parsing: line))
            output.show(ReceiptReport(receipt))
        }
    }

    private static let help = """
        $('led').on()        call a method of a device of the node; arguments are whole numbers, true, false and 'texts'
        devices              the devices here and their methods
        status, history      what the node says about itself; its log, verified
        exit, Ctrl-D         leave
        """

    /// All that Tab can complete to: whole calls, without the arguments.
    static func completions(_ devices: [DeviceDescription]) -> [String] {
        devices.flatMap { device in device.methods.map { "$('\(device.name)').\($0.name)(" } } + [
            "devices", "status", "history", "help", "exit",
        ]
    }
}
