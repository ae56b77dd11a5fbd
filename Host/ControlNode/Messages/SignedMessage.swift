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

    /// Sequence numbers are below 2^56.
    public static let maximumSequence: UInt64 = 1 << 56 - 1

    /// The private claim for what CWT has no name for.
    static let nodeClaim: Int32 = -65537
}

extension SignedMessage {
    /// *Bind*: makes `owner` the key that the device obeys. Signed with the claim key of the label.
    public static func bind(
        _ device: DeviceAddress, owner: PublicKey, epoch: UInt32, sequence: UInt64, network: UInt64, claim: SigningKey
    ) -> SignedMessage {
        make(.bind, device, epoch: epoch, sequence: sequence, network: network, key: claim) { writer in
            writer.map(3)
            writer.key(CWT.audience)
            writer.text(device.description)
            writer.key(CWT.confirmation)
            writer.map(1)
            writer.key(CWT.confirmationKey)
            COSE.writeKey(owner.bytes.span.bytes, to: &writer)
            writer.key(nodeClaim)
            writer.map(2)
            writer.key(0)
            writer.uint(UInt64(epoch))
            writer.key(1)
            writer.uint(sequence)
        }
    }

    /// *Command* (executed exactly once) or *state* (an idempotent desired state).
    /// - Parameters:
    ///   - token: the device's one-time token, which proves that the message is fresh.
    ///   - expires: seconds since 1970; the device refuses the message later, and when it does not know the time.
    public static func call(
        _ call: Call, as type: MessageType = .command, to device: DeviceAddress, epoch: UInt32, sequence: UInt64,
        network: UInt64, token: [UInt8]? = nil, expires: UInt64? = nil, key: SigningKey
    ) -> SignedMessage {
        precondition(type == .command || type == .state)
        return make(type, device, epoch: epoch, sequence: sequence, network: network, key: key) { writer in
            writer.map(expires == nil ? 2 : 3)
            writer.key(CWT.audience)
            writer.text(device.description)
            if let expires {
                writer.key(CWT.expiration)
                writer.uint(expires)
            }
            writer.key(nodeClaim)
            writer.map(token == nil ? 3 : 4)
            writer.key(0)
            writer.uint(UInt64(epoch))
            writer.key(1)
            writer.uint(sequence)
            writer.key(2)
            write(call, to: &writer)
            if let token {
                writer.key(3)
                writer.bytes(token)
            }
        }
    }

    @_lifetime(writer: copy writer)
    private static func write(_ call: Call, to writer: inout CBORWriter) {
        writer.array(2 + call.arguments.count)
        writer.text(call.device)
        writer.text(call.method)
        for argument in call.arguments {
            switch argument {
            case .int(let value): writer.int(value)
            case .bool(let value): writer.bool(value)
            case .text(let value): writer.text(value)
            }
        }
    }

    private static func make(
        _ type: MessageType, _ device: DeviceAddress, epoch: UInt32, sequence: UInt64, network: UInt64, key: SigningKey,
        claims: (inout CBORWriter) -> Void
    ) -> SignedMessage {
        let payload = CBOR.encode(claims)
        return SignedMessage(
            type: type, audience: device, epoch: epoch, sequence: sequence,
            bytes: SignedObject.sign(payload, type: type, network: network, key: key))
    }
}
