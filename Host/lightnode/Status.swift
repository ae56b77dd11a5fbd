// lightnode status: what a device tells about itself.
import ArgumentParser
import ControlNode
import Transport

struct Status: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Show a device's state, its health, and the devices it has.",
        discussion: """
            EXAMPLE:
              lightnode status --device serial:/dev/ttyACM0

            Needs no key. What a device says here is not signed: rights never depend on it.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var output: Output

    func run() async throws {
        let book = DeviceBook(try Home.standard().deviceBook)
        try await device.withClient { client in
            let probe = DeviceProbe(client)
            let status = try await probe.status()
            let known = try status.address.flatMap { try book.device($0) }
            output.show(
                Result(
                    connection: client.name, status: status, devices: try await probe.devices(), name: known?.name,
                    isOurs: known.map { $0.unconfirmedBind == nil } ?? false))
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let connection: String
        let status: DeviceStatus
        let devices: [DeviceDescription]
        let name: String?
        /// True if this control node's book says that it owns the device.
        let isOurs: Bool

        var description: String {
            var lines = ["device     \(connection)\(name.map { " “\($0)”" } ?? "")", status.description]
            if status.state == .owned { lines.append("owner      \(isOurs ? "this control node" : "another key")") }
            return (lines + devices.map { "           \($0)" }).joined(separator: "\n")
        }
    }
}
