// lightnode transfer: hand a node to another owner, in three steps of which each side does its own.
import ArgumentParser
import ControlNode
import HostCrypto
import NodeProtocol
import Reporting

struct Transfer: OptionedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand a node to another owner, who must have accepted it.",
        discussion: """
            EXAMPLE:
              new owner:      lightnode transfer --accept
              present owner:  lightnode transfer LNACCEPT2:1:…
              new owner:      lightnode transfer --finish

            The acceptance says from whom, by what and with which result: it serves nothing but this transfer. Recovery key, backups, settings and
            all grants are gone with the former owner; a node that has a recovery key needs its consent. --finish refuses a node that came
            another way, or on which the former owner has left something behind.
            """)

    @Argument(help: "The new owner's acceptance; “-” reads it from standard input.")
    var acceptance: String?

    @Flag(help: "As the new owner: print an acceptance of this node for its present owner.")
    var accept = false

    @Flag(help: "As the new owner, afterwards: make sure that the node obeys this control node, and remember it.")
    var finish = false

    @Option(
        help: "As the new owner, with --accept and --finish: the public key that is to be the node's recovery key from then on.",
        transform: { try PublicKey(argument: $0) })
    var recovery: PublicKey?

    @OptionGroup var consent: ConsentOptions
    @OptionGroup var options: ActingOptions

    func validate() throws {
        guard [acceptance != nil, accept, finish].filter({ $0 }).count == 1 else {
            throw ValidationError("Give the new owner's acceptance, or --accept, or --finish.")
        }
        guard recovery == nil || accept || finish else {
            throw ValidationError("--recovery belongs to --accept and --finish: the new owner chooses the recovery key.")
        }
        guard consent.recoveryKey == nil || acceptance != nil else {
            throw ValidationError("--recovery-key signs the present owner's transfer.")
        }
    }

    func run() async throws {
        let controller = accept ? try options.key.controllerOrNew(output) : try options.key.controller()
        let text = try acceptance.map { try Line.read($0, "acceptance") }
        try await options.withNode(as: controller) { node in
            if let text {
                output.show(ReceiptReport(try await node.transfer(to: Acceptance(parsing: text), recovery: consent.key())))
            } else if accept {
                output.show(Result(try await node.accept(recovery: recovery)))
            } else {
                output.show(ReceiptReport(try await node.finishTransfer(recovery: recovery)))
            }
        }
    }

    struct Result: Encodable, CustomStringConvertible {
        let node: NodeAddress
        let newOwner: PublicKey
        let epoch: UInt32
        let from: PublicKey
        let recovery: PublicKey?
        let acceptance: String

        init(_ acceptance: Acceptance) {
            (node, newOwner, epoch) = (acceptance.node, acceptance.newOwner, acceptance.epoch)
            (from, recovery) = (acceptance.counterparty, acceptance.recovery)
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
