// Messages by which a device changes hands, and those of its owner about time and lent rights (docs/protocol.cddl).
import CBOR

/// A new owner's consent: nobody can be made the owner of a device unasked. Made by the new owner, carried by the old one's message.
public struct Acceptance: Hashable, Sendable {
    public let device: DeviceAddress
    public let epoch: UInt32
    public let network: UInt64
    public let newOwner: PublicKey
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// Accepts the device in its present ownership `epoch`.
    public init(of device: DeviceAddress, epoch: UInt32, network: UInt64, newOwner: SigningKey) {
        (self.device, self.epoch, self.network, self.newOwner) = (device, epoch, network, newOwner.publicKey)
        let payload = SignedMessage.payload(
            device, [8: SignedMessage.confirmation(newOwner.publicKey)], epoch: epoch, sequence: nil, [:])
        bytes = SignedObject.sign(payload.encoded, type: .accept, network: network, key: newOwner)
    }
}

/// A controller that may take over when the owner has been silent.
public struct Backup: Hashable, Codable, Sendable {
    public let key: PublicKey
    /// Seconds without a message of the owner, counted from the device's last start at the earliest.
    public let silence: UInt32

    public init(key: PublicKey, silence: UInt32) {
        (self.key, self.silence) = (key, silence)
    }
}

extension Acceptance {
    private static let carrier = SignedText(prefix: "LNACCEPT1", what: "acceptance", from: "the new owner")

    /// One line to hand to the present owner: `LNACCEPT1:` network `:` the acceptance in base64url (RFC 4648, section 5).
    public var text: String { Self.carrier.text(bytes, network: network) }

    /// Reads the line that `text` writes.
    public init(parsing text: String) throws {
        self = try Self.carrier.read(text) { bytes, network in
            let claims = try SignedObject.claims(bytes)
            guard let audience = claims[3]?.text, let newOwner = claims[8]?[1]?[-2]?.bytes.flatMap({ PublicKey($0) }),
                let epoch = claims[Int64(SignedMessage.nodeClaim)]?[0]?.uint.flatMap({ UInt32(exactly: $0) })
            else { throw CBORError.unexpectedType }
            return Acceptance(
                device: try DeviceAddress(parsing: audience), epoch: epoch, network: network, newOwner: newOwner, bytes: bytes)
        }
    }

    private init(device: DeviceAddress, epoch: UInt32, network: UInt64, newOwner: PublicKey, bytes: [UInt8]) {
        (self.device, self.epoch, self.network, self.newOwner, self.bytes) = (device, epoch, network, newOwner, bytes)
    }
}

extension SignedMessage {
    /// *Release*: the device is nobody's; its label binds it again.
    public static func release(_ heading: Heading, owner: SigningKey) -> SignedMessage { make(.release, heading, key: owner) }

    /// *Transfer*: the device is another's, who has accepted it. Recovery key and backups are gone.
    public static func transfer(_ heading: Heading, to acceptance: Acceptance, owner: SigningKey) -> SignedMessage {
        handOver(.transfer, heading, acceptance, owner)
    }

    /// *Rotate*: the same owner with a new key; recovery key and backups stay.
    public static func rotate(_ heading: Heading, to acceptance: Acceptance, owner: SigningKey) -> SignedMessage {
        handOver(.rotate, heading, acceptance, owner)
    }

    private static func handOver(
        _ type: MessageType, _ heading: Heading, _ acceptance: Acceptance, _ owner: SigningKey
    ) -> SignedMessage {
        make(type, heading, claims: [8: confirmation(acceptance.newOwner)], node: [4: .bytes(acceptance.bytes)], key: owner)
    }

    /// *Recover*: the recovery key that was fixed at bind names a new owner.
    public static func recover(_ heading: Heading, to newOwner: PublicKey, recovery: SigningKey) -> SignedMessage {
        make(.recover, heading, claims: [8: confirmation(newOwner)], key: recovery)
    }

    /// *Backups*: replaces the list of backup controllers, by rank, at most three.
    public static func backups(_ heading: Heading, _ backups: [Backup], owner: SigningKey) -> SignedMessage {
        let list = backups.map { CBORItem.array([.bytes($0.key.bytes), .uint(UInt64($0.silence))]) }
        return make(.backups, heading, node: [13: .array(list)], key: owner)
    }

    /// *Takeover*: a backup controller becomes the owner after the agreed silence.
    public static func takeover(_ heading: Heading, backup: SigningKey) -> SignedMessage {
        make(.takeover, heading, claims: [8: confirmation(backup.publicKey)], key: backup)
    }

    /// *Revoke*: a grant is void. `grant` is `Grant.id`.
    public static func revoke(_ heading: Heading, grant: [UInt8], owner: SigningKey) -> SignedMessage {
        make(.revoke, heading, node: [19: .bytes(grant)], key: owner)
    }

    /// *Tick*: so many ticks of a metered grant are paid, counted from its beginning.
    public static func tick(_ heading: Heading, grant: [UInt8], paid: UInt16, owner: SigningKey) -> SignedMessage {
        make(.tick, heading, node: [19: .bytes(grant), 20: .uint(UInt64(paid))], key: owner)
    }

    /// *Time*: it is `seconds` since 1970. Only with the device's one-time token does the device know the time afterwards.
    public static func time(_ heading: Heading, seconds: UInt64, token: [UInt8]?, owner: SigningKey) -> SignedMessage {
        make(.time, heading, claims: [6: .uint(seconds)], node: [3: token.map { .bytes($0) }], key: owner)
    }
}
