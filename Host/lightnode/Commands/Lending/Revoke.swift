// lightnode revoke: take a grant back.
import ArgumentParser
import ControlNode
import NodeProtocol

struct Revoke: ReceiptCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a grant back, at once and for good.",
        discussion: """
            EXAMPLE:
              lightnode revoke a0b1c2d3e4f50617

            The id is what “lightnode grants” lists, or what a receipt names when a holder has passed a grant on.
            """)

    @Argument(
        help: "The grant's id: 16 hexadecimal digits.", completion: Completions.grants, transform: { try GrantID.parse($0) })
    var grant: [UInt8]

    @OptionGroup var options: ActingOptions

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.revoke(grant) }
}

enum GrantID {
    static func parse(_ text: String) throws -> [UInt8] {
        guard let bytes = [UInt8](hex: text), bytes.count == 8 else {
            throw ValidationError("“\(text)” is no grant's id: 16 hexadecimal digits, as “lightnode grants” lists them.")
        }
        return bytes
    }
}
