// Signed messages to a device: claims in, COSE_Sign1 bytes out (docs/protocol.cddl).
import CBOR
import COSE

/// A signed message, ready to be sent over anything, by anyone, at any time: it carries all that a device checks.
public struct SignedMessage: Hashable, Sendable {
    public let type: MessageType
    public let audience: DeviceAddress
    public let epoch: UInt32
    public let sequence: UInt64
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// SHA-512 of the whole message, cut to 32 bytes: what a receipt names it by.
    public var hash: [UInt8] { Array(sha512(bytes).prefix(32)) }
    /// The first 8 bytes of the signature: the device's log keeps 2 of them.
    public var mark: [UInt8] { SignedObject.mark(bytes) }

    /// Sequence numbers have 56 bits, of which the highest eight are not all ones.
    public static let maximumSequence: UInt64 = 0xFF << 48 - 1

    /// The private claim for what CWT has no name for.
    static let nodeClaim: Int32 = -65537

    /// What every message is bound to: one device, one ownership of it, one place in its signer's order, one network.
    public struct Heading: Hashable, Sendable {
        public var device: DeviceAddress
        public var epoch: UInt32
        public var sequence: UInt64
        public var network: UInt64

        public init(_ device: DeviceAddress, epoch: UInt32, sequence: UInt64, network: UInt64) {
            (self.device, self.epoch, self.sequence, self.network) = (device, epoch, sequence, network)
        }
    }
}

extension SignedMessage {
    /// *Bind*: makes `owner` the key that the device obeys. Signed with the claim key of the label.
    /// - Parameters:
    ///   - device: the address on the label.
    ///   - owner: the key that the device obeys from then on.
    ///   - epoch: the device's present one.
    ///   - sequence: above all numbers that the device has seen.
    ///   - network: the one that the device was provisioned for.
    ///   - recovery: the key that may later name a new owner.
    ///   - forbidsReset: true if holding the device's button is not to make it ownerless.
    ///   - claim: the secret of the label.
    public static func bind(
        _ device: DeviceAddress, owner: PublicKey, epoch: UInt32, sequence: UInt64, network: UInt64, recovery: PublicKey? = nil,
        forbidsReset: Bool = false, claim: SigningKey
    ) -> SignedMessage {
        make(
            .bind, Heading(device, epoch: epoch, sequence: sequence, network: network), claims: [8: confirmation(owner)],
            node: [11: recovery.map { .bytes($0.bytes) }, 12: forbidsReset ? .uint(1) : nil], key: claim)
    }

    /// *Command* (executed exactly once) or *state* (an idempotent desired state).
    /// - Parameters:
    ///   - call: the device of the node, its method and the arguments.
    ///   - type: `.command` or `.state`; any other is a fault of the caller.
    ///   - device: the address of the node.
    ///   - epoch: the node's present one.
    ///   - sequence: above all numbers of this signer that the node has seen.
    ///   - network: the one that the node was provisioned for.
    ///   - token: the device's one-time token, which proves that the message is fresh.
    ///   - expires: seconds since 1970; the device refuses the message later, and when it does not know the time.
    ///   - grant: the right that `key`, its holder's, uses; without one `key` is the owner's.
    ///   - key: signs the message.
    public static func call(
        _ call: Call, as type: MessageType = .command, to device: DeviceAddress, epoch: UInt32, sequence: UInt64,
        network: UInt64, token: [UInt8]? = nil, expires: UInt64? = nil, grant: Grant? = nil, key: SigningKey
    ) -> SignedMessage {
        precondition(type == .command || type == .state)
        return make(
            type, Heading(device, epoch: epoch, sequence: sequence, network: network), claims: [4: expires.map { .uint($0) }],
            node: [
                2: .array([.text(call.device), .text(call.method)] + call.arguments.map { CBORItem($0) }),
                3: token.map { .bytes($0) }, 4: grant.map { .bytes($0.bytes) },
            ],
            key: key)
    }

    /// `cnf`: the key that a message is about (RFC 8747, section 3.1).
    static func confirmation(_ key: PublicKey) -> CBORItem {
        .map([1: .map([1: .uint(1), -1: .uint(6), -2: .bytes(key.bytes)])])
    }

    /// Signs the claims that all messages have, and those given.
    static func make(
        _ type: MessageType, _ heading: Heading, claims: KeyValuePairs<Int64, CBORItem?> = [:],
        node: KeyValuePairs<Int64, CBORItem?> = [:], key: SigningKey
    ) -> SignedMessage {
        let payload = payload(heading.device, claims, epoch: heading.epoch, sequence: heading.sequence, node)
        return SignedMessage(
            type: type, audience: heading.device, epoch: heading.epoch, sequence: heading.sequence,
            bytes: SignedObject.sign(payload.encoded, type: type, network: heading.network, key: key))
    }

    /// The claims map; `sequence` is nil in what travels inside other messages.
    static func payload(
        _ device: DeviceAddress, _ claims: KeyValuePairs<Int64, CBORItem?>, epoch: UInt32, sequence: UInt64?,
        _ node: KeyValuePairs<Int64, CBORItem?>
    ) -> CBORItem {
        var outer: [CBORItem: CBORItem] = [.uint(3): .text(device.description)]
        var inner: [CBORItem: CBORItem] = [.uint(0): .uint(UInt64(epoch))]
        if let sequence { inner[.uint(1)] = .uint(sequence) }
        for (key, value) in claims { if let value { outer[CBORItem(key)] = value } }
        for (key, value) in node { if let value { inner[CBORItem(key)] = value } }
        outer[.negative(Int64(nodeClaim))] = .map(inner)
        return .map(outer)
    }
}
