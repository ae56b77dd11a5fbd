// Messages by which a node changes hands, and those of its owner about time, settings and lent rights (docs/protocol.cddl).
import CBOR
import HostCrypto

extension SignedMessage {
    /// *Bind*: makes `owner` the key that the node obeys. Signed with the claim key of the label, with the owner's acceptance inside.
    /// - Parameters:
    ///   - node: the address on the label.
    ///   - owner: the key that the node obeys from then on; it signs that it wants to.
    ///   - epoch: the node's present one.
    ///   - sequence: above all numbers that the node has seen.
    ///   - network: the one that the node was provisioned for.
    ///   - recovery: the key that may later name a new owner.
    ///   - claim: the secret of the label.
    public static func bind(
        _ node: NodeAddress, owner: SigningKey, epoch: UInt32, sequence: UInt64, network: UInt64, recovery: PublicKey? = nil,
        claim: SigningKey
    ) -> SignedMessage {
        let acceptance = Acceptance(
            of: node, epoch: epoch, network: network, newOwner: owner, purpose: .bind, from: claim.publicKey,
            resultingIn: Authorities(owner: owner.publicKey, recovery: recovery))
        return make(
            .bind, Heading(node, epoch: epoch, sequence: sequence, network: network),
            claims: [CWTClaim.confirmation: confirmation(owner.publicKey)],
            node: [NodeClaim.nested: .bytes(acceptance.bytes), NodeClaim.recoveryKey: recovery.map { .bytes($0.bytes) }],
            key: claim)
    }

    /// *Release*: the node has no owner any more; its label binds it again. A recovery key must consent.
    public static func release(_ heading: Heading, consent: Consent? = nil, owner: SigningKey) -> SignedMessage {
        make(.release, heading, node: [NodeClaim.consent: consent.map { .bytes($0.bytes) }], key: owner)
    }

    /// *Transfer*: the node is another's, who has accepted it. Recovery key, backups and settings are gone; `recovery`, which the acceptance
    /// covers, is the new owner's recovery key. The present recovery key must consent.
    public static func transfer(
        _ heading: Heading, to acceptance: Acceptance, recovery: PublicKey? = nil, consent: Consent? = nil, owner: SigningKey
    ) -> SignedMessage {
        make(
            .transfer, heading, claims: [CWTClaim.confirmation: confirmation(acceptance.newOwner)],
            node: [
                NodeClaim.nested: .bytes(acceptance.bytes),
                NodeClaim.recoveryKey: recovery.map { .bytes($0.bytes) },
                NodeClaim.consent: consent.map { .bytes($0.bytes) },
            ], key: owner)
    }

    /// *Rotate*: the owner has a new key; recovery key, backups and settings stay.
    public static func rotate(_ heading: Heading, to acceptance: Acceptance, owner: SigningKey) -> SignedMessage {
        make(
            .rotate, heading, claims: [CWTClaim.confirmation: confirmation(acceptance.newOwner)],
            node: [NodeClaim.nested: .bytes(acceptance.bytes)], key: owner)
    }

    /// *Recover*: the recovery key names a new owner. Backups and settings are gone.
    public static func recover(_ heading: Heading, to newOwner: PublicKey, recovery: SigningKey) -> SignedMessage {
        make(.recover, heading, claims: [CWTClaim.confirmation: confirmation(newOwner)], key: recovery)
    }

    /// *Backups*: replaces the list of backup controllers, by rank, at most three.
    public static func backups(_ heading: Heading, _ backups: [Backup], owner: SigningKey) -> SignedMessage {
        let list = backups.map { CBORItem.array([.bytes($0.key.bytes), .uint(UInt64($0.silence))]) }
        return make(.backups, heading, node: [NodeClaim.backups: .array(list)], key: owner)
    }

    /// *Takeover*: a backup controller becomes the owner after the agreed silence. `token` is the node's for its key.
    public static func takeover(_ heading: Heading, token: [UInt8], backup: SigningKey) -> SignedMessage {
        make(
            .takeover, heading, claims: [CWTClaim.confirmation: confirmation(backup.publicKey)],
            node: [NodeClaim.token: .bytes(token)], key: backup)
    }

    /// *Settings*: forbids or allows the reset by button. Forbidding takes a press of the button in the minute before.
    public static func settings(_ heading: Heading, forbidsReset: Bool, owner: SigningKey) -> SignedMessage {
        make(.settings, heading, node: [NodeClaim.flags: .uint(NodeSettings(forbidsReset: forbidsReset).rawValue)], key: owner)
    }

    /// *Revoke*: a grant is void. `grant` is `Grant.id`.
    public static func revoke(_ heading: Heading, grant: [UInt8], owner: SigningKey) -> SignedMessage {
        make(.revoke, heading, node: [NodeClaim.grantID: .bytes(grant)], key: owner)
    }

    /// *Tick*: so many ticks of a metered grant are paid, counted from its beginning.
    public static func tick(_ heading: Heading, grant: [UInt8], paid: UInt16, owner: SigningKey) -> SignedMessage {
        make(.tick, heading, node: [NodeClaim.grantID: .bytes(grant), NodeClaim.paid: .uint(UInt64(paid))], key: owner)
    }

    /// *Time*: it is `seconds` since 1970. Only with a token does the node know the time afterwards.
    public static func time(_ heading: Heading, seconds: UInt64, token: [UInt8]?, owner: SigningKey) -> SignedMessage {
        make(
            .time, heading, claims: [CWTClaim.issuedAt: .uint(seconds)], node: [NodeClaim.token: token.map { .bytes($0) }],
            key: owner)
    }
}
