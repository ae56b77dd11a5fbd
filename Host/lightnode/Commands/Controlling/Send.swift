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
              lightnode send '$("led").on()'
              lightnode send --node garden '$("lock").open(for: 5s)'
              lightnode send --fresh '$("lock").open(5000)'
              lightnode send lock.open 5s
              lightnode send --grant guest.grant '$("led").off()'

            A shell leaves a call alone in single quotes; led.on and lock.open 5s are the same without them. Numbers may have a unit: 500ms, 5s, 2min, 1h, 80%, 440Hz, 21.5Cel; without one they are in the unit that “lightnode devices”
            shows, which also shows what an argument is called. Names, labels and ranges are held against the node's devices before anything
            is signed; --unchecked leaves that to the node. Without --state the node executes the command exactly once.
            """)

    @Argument(
        help: "The call, such as '$(\"led\").on()' or '$(\"lock\").open(for: 5s)', in single quotes for the shell; or led.on.",
        completion: Completions.calls)
    var call: String

    @Argument(help: "The arguments of a call that is written without brackets: lock.open 5s.")
    var arguments: [String] = []

    @Flag(help: "Send a desired state: the newest wins, whatever order they arrive in.")
    var state = false

    @Flag(help: "Fetch a one-time token first, which proves that the command was signed just now.")
    var fresh = false

    @Option(help: "Seconds from now after which the node refuses the command (it must know the time).")
    var expires: Double?

    @Option(help: "A grant, or the file that holds it: send as its holder.", completion: .file())
    var grant: String?

    @Flag(help: "Send it whatever devices and ranges the node lists.")
    var unchecked = false

    @OptionGroup var options: ActingOptions

    func run() async throws {
        let written = try WrittenCall(parsing: Self.spelledOut(call, arguments)), call = written.call
        let controller = try options.key.controller()
        let lent = try grant.map { try Grant(argument: $0) }
        try await options.withNode(as: controller) { node in
            if !unchecked { try await node.check(written) }
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

extension Send {
    /// `lock.open 5s` as `$('lock').open(5s)`: what a shell would take for its own is not in it. Anything else stays as it is.
    static func spelledOut(_ call: String, _ arguments: [String]) -> String {
        let parts = call.split(separator: ".", omittingEmptySubsequences: false)
        func isName(_ text: Substring) -> Bool {
            !text.isEmpty
                && text.utf8.allSatisfy { Character(UnicodeScalar($0)).isLetter || 48...57 ~= $0 || $0 == 45 || $0 == 95 }
        }
        guard parts.count == 2, parts.allSatisfy(isName) else { return ([call] + arguments).joined(separator: " ") }
        return "$('\(parts[0])').\(parts[1])(\(arguments.joined(separator: ", ")))"
    }
}

/// A receipt as `send` and the console show it.
struct ReceiptReport: Encodable, CustomStringConvertible {
    let receipt: Receipt

    init(_ receipt: Receipt) { self.receipt = receipt }

    func encode(to encoder: any Encoder) throws { try receipt.encode(to: encoder) }

    var description: String { "\(receipt)   receipt signed by \(receipt.node), verified" }
}
