// lightnode takeover: become the owner as a backup.
import ArgumentParser
import ControlNode

struct Takeover: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Become the owner of a device whose owner named this control node a backup and has been silent.",
        discussion: """
            EXAMPLE:
              lightnode takeover --device serial:/dev/ttyACM0
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await device.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).takeOver()))
        }
    }
}
