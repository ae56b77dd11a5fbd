// lightnode provision: keys into one blank device, and its label out.
import ArgumentParser
import ControlNode
import Provisioning
import Reporting

struct Provision: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Give a blank device its keys, verify them by a signed challenge, and print its label.",
        discussion: """
            EXAMPLE:
              lightnode provision --device emulated:one --svg label.svg

            A device can be provisioned once. The label is shown once and then forgotten here: print it, or keep the SVG file.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var output: Output

    @Option(help: "Also write the label as an SVG file.")
    var svg: String?

    @Option(help: "The number of the network that the device's signatures are bound to.")
    var network: UInt32 = 1

    @Flag(help: "Mark the device and its label as TEST ones.")
    var test = false

    @Flag(help: "Make the identity key on this computer, for a device without a true random generator.")
    var injectIdentity = false

    func run() async throws {
        let home = try Home.standard()
        let station = Station(home: home, network: network)
        try await device.withClient { client in
            var options = Station.Options()
            options.isTest = test
            options.injectsIdentity = injectIdentity
            let provisioned = try await station.provision(client, options: options) { output.say("\(client.name): \($0)") }
            let drawing = LabelDrawing(provisioned.label, isTest: provisioned.record.isTest)
            // The label first: only when it is out may its secret be forgotten here.
            if let svg { try PrivateFile(svg).write(Array(try drawing.svg().utf8)) }
            output.say(try drawing.terminalText())
            output.show(Result(record: provisioned.record, label: provisioned.label.text, isResumed: provisioned.isResumed))
            try Output.deliver()
            try station.finish(provisioned)
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let record: ProvisioningRecord
        /// The text of the QR code. Secret until the device is bound.
        let label: String
        let isResumed: Bool

        var description: String { record.description }
    }
}
