// Signed messages to a node: claims in, COSE_Sign1 bytes out (docs/protocol.cddl).
import CBOR
import COSE
import HostCrypto

/// A signed message, ready to be sent over anything, by anyone, at any time: it carries all that a node checks.
public struct SignedMessage: Hashable, Sendable {
    /// What kind of message it is; part of what is signed.
    public let type: MessageType
    /// The one node that takes it.
    public let audience: NodeAddress
    /// The ownership that it was signed for.
    public let epoch: UInt32
    /// Its place in its signer's order: the node takes none that is not above all before it.
    public let sequence: UInt64
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// 32 bytes that receipts and the node's log name it by, and its signer too: `SignedObject.hash`.
    public let hash: [UInt8]
    /// The first 8 bytes of the signature.
    public var mark: [UInt8] { SignedObject.mark(bytes) }

    /// What receipts call it: device and method of a call, the type of any other.
    var subject: [String] {
        let call = (try? SignedObject.claims(bytes))?[CWTClaim.node]?[NodeClaim.call]?.array?.prefix(2).compactMap(\.text)
        return call ?? [type.rawValue]
    }

    /// The private claim for what CWT has no name for.
    static var nodeClaim: Int64 { CWTClaim.node }

    /// Sequence numbers have 56 bits, of which the highest eight are not all ones.
    public static let maximumSequence: UInt64 = 0xFF << 48 - 1

    /// What every message is bound to: one node, one ownership of it, one place in its signer's order, one network.
    public struct Heading: Hashable, Sendable {
        /// The one node that shall take the message.
        public var node: NodeAddress
        /// The node's present ownership.
        public var epoch: UInt32
        /// Above all numbers of this signer that the node has seen, at most `maximumSequence`.
        public var sequence: UInt64
        /// Number of the network that the node was provisioned for.
        public var network: UInt64

        /// - Parameters:
        ///   - epoch: the node's present ownership.
        ///   - sequence: above all numbers of this signer that the node has seen.
        ///   - network: the one that the node was provisioned for.
        public init(_ node: NodeAddress, epoch: UInt32, sequence: UInt64, network: UInt64) {
            (self.node, self.epoch, self.sequence, self.network) = (node, epoch, sequence, network)
        }
    }
}

extension SignedMessage {
    /// *Command* (executed exactly once) or *state* (an idempotent desired state).
    /// - Parameters:
    ///   - call: the device of the node, its method and the arguments.
    ///   - type: `.command` or `.state`; any other is a fault of the caller.
    ///   - node: the address of the node.
    ///   - epoch: the node's present one.
    ///   - sequence: above all numbers of this signer that the node has seen.
    ///   - network: the one that the node was provisioned for.
    ///   - token: the node's one-time token, which proves that the message is fresh.
    ///   - time: seconds since 1970, as the signer has it; with a token the node believes its owner.
    ///   - expires: seconds since 1970; the node refuses the message later, and when it does not know the time.
    ///   - grant: the right that `key`, its holder's, uses; without one `key` is the owner's.
    ///   - key: signs the message.
    public static func call(
        _ call: Call, as type: MessageType = .command, to node: NodeAddress, epoch: UInt32, sequence: UInt64,
        network: UInt64, token: [UInt8]? = nil, time: UInt64? = nil, expires: UInt64? = nil, grant: Grant? = nil, key: SigningKey
    ) -> SignedMessage {
        precondition(type == .command || type == .state)
        return make(
            type, Heading(node, epoch: epoch, sequence: sequence, network: network),
            claims: [CWTClaim.expiry: expires.map { .uint($0) }, CWTClaim.issuedAt: time.map { .uint($0) }],
            node: [
                NodeClaim.call: .array([.text(call.device), .text(call.method)] + call.arguments.map { CBORItem($0) }),
                NodeClaim.token: token.map { .bytes($0) }, NodeClaim.nested: grant.map { .bytes($0.bytes) },
            ],
            key: key)
    }

    /// `cnf`: the key that a message is about (RFC 8747, section 3.1).
    static func confirmation(_ key: PublicKey) -> CBORItem {
        .map([1: .map([1: .uint(1), -1: .uint(6), -2: .bytes(key.bytes)])])
    }

    /// The key in `cnf`; nil when it holds none.
    static func confirmed(_ item: CBORItem?) -> PublicKey? { item?[1]?[-2]?.bytes.flatMap { PublicKey($0) } }

    /// Signs the claims that all messages have, and those given.
    static func make(
        _ type: MessageType, _ heading: Heading, claims: KeyValuePairs<Int64, CBORItem?> = [:],
        node: KeyValuePairs<Int64, CBORItem?> = [:], key: SigningKey
    ) -> SignedMessage {
        let payload = payload(heading.node, claims, epoch: heading.epoch, sequence: heading.sequence, node).encoded
        return SignedMessage(
            type, heading, bytes: SignedObject.sign(payload, type: type, network: heading.network, key: key),
            signer: key.publicKey)
    }

    /// A message that was signed as these bytes.
    /// - Parameter bytes: a COSE_Sign1 by `signer`, for the type and the heading's network: only then `hash` is the one that the node will name.
    init(_ type: MessageType, _ heading: Heading, bytes: [UInt8], signer: PublicKey) {
        (self.type, audience, epoch, sequence, self.bytes) = (type, heading.node, heading.epoch, heading.sequence, bytes)
        hash = SignedObject.hash(bytes, type: type, network: heading.network, signer: signer)
    }

    /// The claims map; `sequence` is nil in what travels inside other messages.
    static func payload(
        _ node: NodeAddress, _ claims: KeyValuePairs<Int64, CBORItem?>, epoch: UInt32, sequence: UInt64?,
        _ details: KeyValuePairs<Int64, CBORItem?>
    ) -> CBORItem {
        var outer: [CBORItem: CBORItem] = [CBORItem(CWTClaim.audience): .text(node.description)]
        var inner: [CBORItem: CBORItem] = [CBORItem(NodeClaim.epoch): .uint(UInt64(epoch))]
        if let sequence { inner[CBORItem(NodeClaim.seq)] = .uint(sequence) }
        for (key, value) in claims { if let value { outer[CBORItem(key)] = value } }
        for (key, value) in details { if let value { inner[CBORItem(key)] = value } }
        outer[CBORItem(CWTClaim.node)] = .map(inner)
        return .map(outer)
    }
}
