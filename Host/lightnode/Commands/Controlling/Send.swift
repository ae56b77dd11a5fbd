// lightnode send: one signed command, one verified receipt.
import ArgumentParser
import ControlNode
import Foundation
import Keystore
import NodeProtocol

struct Send: OptionedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a command to an owned node and verify its signed receipt.",
        discussion: """
            EXAMPLE:
              lightnode send "$('led').on()"
              lightnode send --fresh "$('lock').open(5)"
              lightnode send --grant guest.grant "$('lock').open()"

            Without --state the node executes the command exactly once.
            """)

    @Argument(help: "The call, such as \"$('led').on()\" or \"$('dimmer').set(50)\".")
    var call: String

    @Flag(help: "Send a desired state: the newest wins, whatever order they arrive in.")
    var state = false

    @Flag(help: "Fetch a one-time token first, which proves that the command was signed just now.")
    var fresh = false

    @Option(help: "Seconds from now after which the node refuses the command (it must know the time).")
    var expires: Double?

    @Option(help: "A grant, or the file that holds it: send as its holder.", completion: .file())
    var grant: String?

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let call = try Call(parsing: call)
        let controller = try options.key.controller()
        let lent = try grant.map {
            try Grant(parsing: $0.hasPrefix("LNGRANT") ? $0 : String(decoding: PrivateFile($0).read(), as: UTF8.self))
        }
        try await options.withNode(as: controller) { node in
            let type: MessageType = state ? .state : .command
            let end = expires.map { Date(timeIntervalSinceNow: $0) }
            let receipt =
                if let lent {
                    try await node.perform(call, as: type, under: lent, fresh: fresh, expires: end)
                } else {
                    try await node.perform(call, as: type, fresh: fresh, expires: end)
                }
            options.output.show(ReceiptReport(receipt))
        }
    }
}

/// A receipt as `send` and the console show it.
struct ReceiptReport: Encodable, CustomStringConvertible {
    let receipt: Receipt

    init(_ receipt: Receipt) { self.receipt = receipt }

    func encode(to encoder: any Encoder) throws { try receipt.encode(to: encoder) }

    var description: String { "\(receipt)   receipt signed by \(receipt.node), verified" }
}
