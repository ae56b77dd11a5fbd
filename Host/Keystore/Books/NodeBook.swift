// The nodes that a control node owns: what it must remember of each to address it and to believe its receipts.
import Foundation
import HostCrypto
import NodeProtocol
import Reporting

/// One owned node.
public struct KnownNode: Hashable, Codable, Sendable {
    /// The node's name everywhere; the hash of `identity`.
    public let address: NodeAddress
    /// The key that its receipts verify with. Its hash is the address.
    public let identity: PublicKey
    /// The number of the network that its messages are bound to.
    public var network: UInt64
    /// The ownership that the owner's messages are signed for.
    public var epoch: UInt32
    /// The controller key that it obeys.
    public var owner: PublicKey
    /// What its owner calls it; need not be one node's alone.
    public var name: String?
    /// When it was bound, by this computer's clock.
    public var boundAt: Date
    /// The number of log entries whose receipts were seen; nil when none was.
    public var nextIndex: UInt32?
    /// The chain after the last entry whose receipt was seen, 32 bytes in hexadecimal; nil when none was.
    public var chain: String?
    /// The devices that have asked for a proof of freshness.
    public var demandingDevices: [String]?
    /// A bind, recovery or takeover that was sent and whose receipt has not come back: the node is not ours until it has.
    public var unconfirmedBind: SentMessage?
    /// A change of who can act on the node that was sent and whose end is not known yet.
    public var pending: PendingChange?
    /// The highest number that the node is known to have taken, where this control node's own count stands below it.
    public var mark: UInt64?

    /// A message that changes who can act on a node: written down before it is sent, so that a program that was killed, or whose answer was
    /// lost, is made good by the next one.
    public struct PendingChange: Hashable, Codable, Sendable {
        /// What its receipt is recognised by.
        public let sent: SentMessage
        /// The name of its type of message.
        public let type: MessageType
        /// The ownership that it was signed for.
        public let epoch: UInt32
        /// Who owns the node afterwards; nil for no owner, or the present one.
        public let newOwner: PublicKey?

        /// - Parameters:
        ///   - newOwner: who owns the node afterwards; nil for no owner, or the present one.
        ///   - logLength: entries in the node's log before it was sent.
        public init(_ message: SignedMessage, newOwner: PublicKey?, logLength: UInt32) {
            (sent, type) = (.init(message, logLength: logLength), message.type)
            (epoch, self.newOwner) = (message.epoch, newOwner)
        }
    }

    /// What is kept of a message to recognise its receipt by.
    public struct SentMessage: Hashable, Codable, Sendable {
        /// The sequence number that a receipt of it names.
        public let sequence: UInt64
        /// `SignedMessage.hash`, hexadecimal.
        public let hash: String
        /// Entries in the node's log before it was sent.
        public let logLength: UInt32

        /// - Parameter logLength: entries in the node's log before it was sent.
        public init(_ message: SignedMessage, logLength: UInt32) {
            self.logLength = logLength
            sequence = message.sequence
            hash = message.hash.hex
        }
    }

    /// A node of whose log nothing was seen yet.
    /// - Parameters:
    ///   - identity: `address` must be its hash; not checked.
    ///   - boundAt: kept with seconds, no fractions.
    public init(
        address: NodeAddress, identity: PublicKey, network: UInt64, epoch: UInt32, owner: PublicKey, name: String? = nil,
        boundAt: Date = Date()
    ) {
        (self.address, self.identity, self.network) = (address, identity, network)
        (self.epoch, self.owner, self.name, self.boundAt) = (epoch, owner, name, boundAt)
    }
}

/// The file of known nodes: JSON, replaced as a whole under a lock, so that several programs may use it at once.
///
/// Format: `{"format": "lightnode-devices", "version": 1, "devices": [KnownNode]}`.
public struct NodeBook: Sendable {
    package let file: PrivateFile

    /// Opens nothing: the file is made by the first change.
    public init(_ file: PrivateFile) { self.file = file }

    private var records: RecordFile<Contents> { RecordFile(file: file) }

    private struct Contents: RecordFileContents {
        static let format = "lightnode-devices", what = "known nodes"
        var format: String = Contents.format
        var version = 1
        var nodes: [KnownNode] = []

        /// The file keeps the words of its first version, from before a node and its devices were told apart.
        enum CodingKeys: String, CodingKey {
            case format, version
            case nodes = "devices"
        }
    }

    /// All that are known, by address.
    /// - Throws: `Failure` when the file is there and cannot be read, is none of nodes, or has another version.
    public func nodes() throws -> [KnownNode] { try records.contents().nodes }

    /// What is known of that node; nil if it is unknown.
    /// - Throws: `Failure` when the file cannot be read.
    public func node(_ address: NodeAddress) throws -> KnownNode? { try nodes().first { $0.address == address } }

    /// Adds `node`, or replaces what was known of it.
    /// - Throws: `Failure`; the file is then as it was.
    public func record(_ node: KnownNode) throws {
        try change { nodes in
            nodes.removeAll { $0.address == node.address }
            nodes.append(node)
        }
    }

    /// Changes what is known of one node; nothing if it is unknown.
    /// - Throws: `Failure`, or what `body` throws; the file is then as it was.
    public func update(_ address: NodeAddress, _ body: (inout KnownNode) throws -> Void) throws {
        try change { nodes in
            if let index = nodes.firstIndex(where: { $0.address == address }) { try body(&nodes[index]) }
        }
    }

    /// Forgets what is known of a node; its receipts stay in `NodeLog`. Nothing happens to an unknown one.
    /// - Throws: `Failure`; the file is then as it was.
    public func forget(_ address: NodeAddress) throws { try change { $0.removeAll { $0.address == address } } }

    private func change(_ body: (inout [KnownNode]) throws -> Void) throws {
        try records.change { contents in
            try body(&contents.nodes)
            contents.nodes.sort { $0.address.description < $1.address.description }
        }
    }
}
