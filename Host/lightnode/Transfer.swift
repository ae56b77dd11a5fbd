// lightnode transfer: hand a device to another owner, in three steps of which each side does its own.
import ArgumentParser
import ControlNode
import Reporting

struct Transfer: AsyncParsableCommand, JSONCapable {
    static let configuration = CommandConfiguration(
        abstract: "Hand a device to another owner, who must have accepted it.",
        discussion: """
            EXAMPLE:
              new owner:      lightnode transfer --accept
              present owner:  lightnode transfer LNACCEPT1:1:…
              new owner:      lightnode transfer --finish

            Recovery key, backups and all grants are gone with the former owner.
            """)

    @Argument(help: "The new owner's acceptance; “-” reads it from standard input.")
    var acceptance: String?

    @Flag(help: "As the new owner: print an acceptance of this device for its present owner.")
    var accept = false

    @Flag(help: "As the new owner, afterwards: make sure that the device obeys this control node, and remember it.")
    var finish = false

    @OptionGroup var device: DeviceOptions
    @OptionGroup var key: KeyOptions
    @OptionGroup var output: Output

    func validate() throws {
        guard [acceptance != nil, accept, finish].filter({ $0 }).count == 1 else {
            throw ValidationError("Give the new owner's acceptance, or --accept, or --finish.")
        }
    }

    func run() async throws {
        let controller = accept ? try key.controllerOrNew(output) : try key.controller()
        let text = try acceptance.map { try Line.read($0, "acceptance") }
        try await device.withClient { client in
            let node = RemoteNode(client, controller: controller)
            if let text {
                output.show(ReceiptReport(try await node.transfer(to: Acceptance(parsing: text))))
            } else if accept {
                output.show(Result(try await node.accept()))
            } else {
                output.show(ReceiptReport(try await node.finishTransfer()))
            }
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let device: DeviceAddress
        let newOwner: PublicKey
        let epoch: UInt32
        let acceptance: String

        init(_ acceptance: Acceptance) {
            (device, newOwner, epoch) = (acceptance.device, acceptance.newOwner, acceptance.epoch)
            self.acceptance = acceptance.text
        }

        var description: String { acceptance }
    }
}

enum Line {
    /// `text`, or a line of standard input if it is "-".
    static func read(_ text: String, _ what: String) throws -> String {
        guard text == "-" else { return text }
        guard let line = readLine() else {
            throw Failure(.usage, "standard input holds no \(what)", advice: "Give it as an argument or on one line")
        }
        return line
    }
}
