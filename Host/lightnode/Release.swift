// lightnode release: give a device up.
import ArgumentParser
import ControlNode

struct Release: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Give a device up: it is nobody's, and its label binds it again.",
        discussion: """
            EXAMPLE:
              lightnode release --device serial:/dev/ttyACM0

            Recovery key, backups and all grants are gone with the owner.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func run() async throws {
        let controller = try key.controller()
        try await device.withClient { client in
            output.show(ReceiptReport(try await RemoteNode(client, controller: controller).release()))
        }
    }
}
