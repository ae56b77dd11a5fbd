// lightnode backups: name the controllers that may take over.
import ArgumentParser
import ControlNode
import HostCrypto
import NodeProtocol

struct Backups: ReceiptCommand {
    static let configuration = CommandConfiguration(
        abstract: "Name the controllers that may take over when the owner is silent, first rank first.",
        discussion: """
            EXAMPLE:
              lightnode backups PUBLICKEY=86400 OTHERKEY=172800
              lightnode backups --none

            The list replaces the one before. Silence is counted from the node's last start at the earliest.
            """)

    @Argument(help: "Up to three of KEY=SECONDS.", transform: { try Backup(parsing: $0) })
    var backups: [Backup] = []

    @Flag(help: "No controller may take over.")
    var none = false

    @OptionGroup var options: ActingOptions

    func validate() throws {
        guard backups.isEmpty == none else { throw ValidationError("Give KEY=SECONDS, or --none.") }
    }

    func receipt(of node: RemoteNode) async throws -> Receipt { try await node.setBackups(backups) }
}

extension Backup {
    init(parsing text: String) throws {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let silence = UInt32(parts[1]), silence > 0 else {
            throw ValidationError("“\(text)” is not KEY=SECONDS.")
        }
        self.init(key: try PublicKey(argument: parts[0]), silence: silence)
    }
}

extension PublicKey {
    /// From 64 hexadecimal digits.
    init(argument text: String) throws {
        guard let bytes = [UInt8](hex: text), let key = PublicKey(bytes) else {
            throw ValidationError("“\(text)” is no public key: 64 hexadecimal digits, as “lightnode keys show” prints.")
        }
        self = key
    }
}
