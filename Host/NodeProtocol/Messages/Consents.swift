// Consents: what a key agrees to, and nothing else. They travel inside the message that they serve (docs/protocol.md).
import CBOR
import Foundation
import HostCrypto
import Reporting

/// A new owner's consent to become the owner: by one message type, from one counterparty, with one result.
public struct Acceptance: Hashable, Sendable {
    /// The node that is accepted.
    public let node: NodeAddress
    /// The ownership that it is in before the change.
    public let epoch: UInt32
    /// Number of the network that the node was provisioned for.
    public let network: UInt64
    /// The key that consents, and is the owner afterwards.
    public let newOwner: PublicKey
    /// The one message type that it serves: bind, transfer or rotate.
    public let purpose: MessageType
    /// From whom: the present owner's key, or the claim key at bind.
    public let counterparty: PublicKey
    /// The digest of the authorities after the change.
    public let authorities: [UInt8]
    /// The recovery key that the new owner brings along to a transfer, if any: part of the result.
    public let recovery: PublicKey?
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// Accepts the node in its present ownership `epoch`.
    /// - Parameters:
    ///   - node: the address of the node.
    ///   - epoch: its present ownership.
    ///   - network: the one that it was provisioned for.
    ///   - newOwner: the key that accepts, and is the owner afterwards.
    ///   - purpose: `.bind`, `.transfer` or `.rotate`: it serves nothing else.
    ///   - counterparty: the signer of that message: the present owner, or the claim key at bind.
    ///   - authorities: all who can act on the node afterwards.
    public init(
        of node: NodeAddress, epoch: UInt32, network: UInt64, newOwner: SigningKey, purpose: MessageType,
        from counterparty: PublicKey, resultingIn authorities: Authorities
    ) {
        (self.node, self.epoch, self.network, self.newOwner) = (node, epoch, network, newOwner.publicKey)
        (self.purpose, self.counterparty, self.authorities) = (purpose, counterparty, authorities.digest)
        recovery = authorities.recovery
        let payload = SignedMessage.payload(
            node, [CWTClaim.confirmation: SignedMessage.confirmation(newOwner.publicKey)], epoch: epoch, sequence: nil,
            [
                NodeClaim.purpose: .uint(UInt64(purpose.number)), NodeClaim.counterparty: .bytes(counterparty.bytes),
                NodeClaim.authorities: .bytes(authorities.digest),
            ])
        bytes = SignedObject.sign(payload.encoded, type: .accept, network: network, key: newOwner)
    }
}

extension Acceptance {
    private static let carrier = SignedText(prefix: "LNACCEPT2", what: "acceptance", from: "the new owner")

    /// One line to hand to the present owner: `LNACCEPT2:` network `:` the acceptance, and the recovery key that comes along as a byte
    /// string behind it, in base64url (RFC 4648, section 5).
    public var text: String {
        Self.carrier.text(bytes + (recovery.map { CBORItem.bytes($0.bytes).encoded } ?? []), network: network)
    }

    /// Reads the line that `text` writes. Its signature is the node's business: it alone carries out the transfer.
    /// - Throws: `Failure` of kind `usage` when the line is no acceptance, or a part of it is missing or changed.
    public init(parsing text: String) throws {
        self = try Self.carrier.read(text) { bytes, network in
            let parts = try CBORItem.sequence(bytes)
            guard let signed = parts.first, parts.count <= 2 else { throw CBORError.unexpectedType }
            let recovery = try parts.dropFirst().first.map { encoded in
                guard let key = try CBORItem(encoded).bytes.flatMap({ PublicKey($0) }) else { throw CBORError.unexpectedType }
                return key
            }
            return try Acceptance(signed, network: network, recovery: recovery)
        }
    }

    private init(_ bytes: [UInt8], network: UInt64, recovery: PublicKey?) throws {
        let claims = try SignedObject.claims(bytes)
        guard let audience = claims[CWTClaim.audience]?.text, let details = claims[CWTClaim.node],
            let newOwner = SignedMessage.confirmed(claims[CWTClaim.confirmation]),
            let epoch = details[NodeClaim.epoch]?.uint.flatMap({ UInt32(exactly: $0) }),
            let purpose = details[NodeClaim.purpose]?.uint.flatMap({ UInt8(exactly: $0) }).flatMap({ MessageType(number: $0) }),
            let counterparty = details[NodeClaim.counterparty]?.bytes.flatMap({ PublicKey($0) }),
            let authorities = details[NodeClaim.authorities]?.bytes, authorities.count == 32
        else { throw CBORError.unexpectedType }
        node = try NodeAddress(parsing: audience)
        (self.epoch, self.network, self.newOwner, self.purpose) = (epoch, network, newOwner, purpose)
        (self.counterparty, self.authorities, self.recovery, self.bytes) = (counterparty, authorities, recovery, bytes)
    }
}

/// The recovery key's consent to a message that removes it: a release or a transfer, with one result.
public struct Consent: Hashable, Sendable {
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// Consents.
    /// - Parameters:
    ///   - purpose: `.release` or `.transfer`: it serves nothing else.
    ///   - node: the node's address.
    ///   - epoch: its present ownership.
    ///   - network: the one that the node was provisioned for.
    ///   - authorities: the digest of all who can act on the node afterwards: `Authorities.none.digest`, or the acceptance's.
    ///   - recovery: the recovery key, which signs.
    public init(
        to purpose: MessageType, of node: NodeAddress, epoch: UInt32, network: UInt64, resultingIn authorities: [UInt8],
        recovery: SigningKey
    ) {
        let payload = SignedMessage.payload(
            node, [:], epoch: epoch, sequence: nil,
            [NodeClaim.purpose: .uint(UInt64(purpose.number)), NodeClaim.authorities: .bytes(authorities)])
        bytes = SignedObject.sign(payload.encoded, type: .consent, network: network, key: recovery)
    }
}
