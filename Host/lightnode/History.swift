// lightnode history: the device's own signed account of what it did.
import ArgumentParser
import ControlNode

struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show or export the receipts in a device's log.",
        discussion: """
            EXAMPLE:
              lightnode history
              lightnode history export --help
            """, subcommands: [HistoryShow.self, HistoryExport.self],
        defaultSubcommand: HistoryShow.self)
}

struct HistoryShow: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the receipts in a device's log, each verified, and the chain between them too.",
        discussion: """
            EXAMPLE:
              lightnode history --from 10 --json
            """)

    @Option(help: "The number of the first entry.")
    var from: UInt32 = 0

    @OptionGroup var device: DeviceOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await device.withClient { client in
            let entries = try await RemoteNode(client, controller: controller).history(from: from)
            output.show(list: entries, empty: "the log has no entries from \(from) on")
        }
    }
}
