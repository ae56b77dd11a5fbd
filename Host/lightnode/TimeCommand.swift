// lightnode time: tell a device the time.
import ArgumentParser
import ControlNode

struct TimeCommand: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        commandName: "time",
        abstract: "Tell a device the time of this computer's clock, signed and in answer to its token.",
        discussion: """
            EXAMPLE:
              lightnode time

            A device without the time refuses what has a time limit. It forgets the time, but not how late it was, when it restarts.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await device.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).setTime()))
        }
    }
}
