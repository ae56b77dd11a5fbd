// Rights lent to others: a grant is a signed statement that its holder sends along with each command (R12, R13, R14).
import HostCrypto

/// A right to command some devices, lent to the holder of one key. Worth nothing without that key.
public struct Grant: Hashable, Sendable {
    /// The node that takes it.
    public let node: NodeAddress
    /// The ownership that it was given in; with the next one it is void.
    public let epoch: UInt32
    /// Number of the network that the node was provisioned for.
    public let network: UInt64
    /// At most 8 bytes, to tell it from an earlier one with the same terms.
    public let salt: [UInt8]
    /// What is lent, under which limits.
    public let terms: Terms
    /// The grant that this one was passed on from.
    public let parent: [UInt8]?
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// What is lent. Everything that is left out is unlimited, but for `hops`: by default a grant cannot be passed on.
    public struct Terms: Hashable, Sendable {
        /// The key that the holder signs commands with.
        public var holder: PublicKey
        /// 1 to 4.
        public var scope: [Permission]
        /// Seconds since 1970.
        public var notBefore: UInt64?
        /// Seconds since 1970; the grant is worthless from then on, and at a node that does not know the time.
        public var expires: UInt64?
        /// How many calls it allows, from 1; the node counts.
        public var uses: UInt16?
        /// How often it may be passed on, at most 2.
        public var hops: UInt8?
        /// The contract on the chain that it belongs to; nil: none.
        public var contract: Contract?
        /// Payment by the tick; nil: nothing is to be paid.
        public var meter: Meter?

        /// Everything that is no parameter is left out.
        /// - Parameter scope: 1 to 4 permissions.
        public init(holder: PublicKey, scope: [Permission]) { (self.holder, self.scope) = (holder, scope) }
    }

    /// A device of the node, and the methods of it; no method means all.
    public struct Permission: Hashable, Codable, Sendable {
        /// The device's name on that node.
        public let device: String
        /// Names of the methods that are allowed; empty: all.
        public let methods: [String]

        /// - Parameters:
        ///   - device: its name on the node.
        ///   - methods: names; none means all.
        public init(_ device: String, _ methods: String...) { self.init(device: device, methods: methods) }
        /// - Parameter methods: names; none means all.
        public init(device: String, methods: [String]) { (self.device, self.methods) = (device, methods) }
    }

    /// The contract on the chain that the grant belongs to.
    public struct Contract: Hashable, Codable, Sendable {
        /// Its place on the chain, at most 40 bits.
        public let height: UInt64
        /// 32 bytes.
        public let transaction: [UInt8]

        /// - Parameters:
        ///   - height: at most 40 bits; not checked.
        ///   - transaction: 32 bytes; not checked.
        public init(height: UInt64, transaction: [UInt8]) { (self.height, self.transaction) = (height, transaction) }
    }

    /// Paid by the tick: it stops when a tick is not paid.
    public struct Meter: Hashable, Codable, Sendable {
        /// Seconds, 1 to 86400.
        public let tick: UInt32
        /// At most so many.
        public let ticks: UInt16

        /// - Parameters:
        ///   - tick: seconds, 1 to 86400.
        ///   - ticks: at most so many are paid.
        public init(tick: UInt32, ticks: UInt16) { (self.tick, self.ticks) = (tick, ticks) }
    }

    /// What the node keeps its count under, what receipts name, and what `revoke` and `tick` take: the first 8 bytes of the signature.
    /// A holder can give them to two grants that it passes on; the node takes the first.
    public var id: [UInt8] { SignedObject.mark(bytes) }

    /// Grants `terms` on a node, signed by its owner.
    public init(
        _ terms: Terms, on node: NodeAddress, epoch: UInt32, network: UInt64, salt: [UInt8] = [], owner: SigningKey
    ) {
        self.init(terms, node, epoch, network, salt, parent: nil, key: owner)
    }

    /// Passes this grant on, with a salt that no other has; the node allows what both allow. `holder` is the key that this grant names.
    public func passed(on terms: Terms, salt: [UInt8] = randomBytes(8), holder: SigningKey) -> Grant {
        Grant(terms, node, epoch, network, salt, parent: bytes, key: holder)
    }

    private init(
        _ terms: Terms, _ node: NodeAddress, _ epoch: UInt32, _ network: UInt64, _ salt: [UInt8], parent: [UInt8]?,
        key: SigningKey
    ) {
        (self.terms, self.node, self.epoch, self.network, self.salt, self.parent) = (
            terms, node, epoch, network, salt, parent
        )
        let scope = terms.scope.map { CBORItem.array([.text($0.device)] + $0.methods.map { .text($0) }) }
        let payload = SignedMessage.payload(
            node,
            [
                CWTClaim.expiry: terms.expires.map { .uint($0) }, CWTClaim.notBefore: terms.notBefore.map { .uint($0) },
                CWTClaim.tokenID: salt.isEmpty ? nil : .bytes(salt),
                CWTClaim.confirmation: SignedMessage.confirmation(terms.holder),
            ], epoch: epoch, sequence: nil,
            [
                NodeClaim.nested: parent.map { .bytes($0) }, NodeClaim.scope: .array(scope),
                NodeClaim.uses: terms.uses.map { .uint(UInt64($0)) }, NodeClaim.hops: terms.hops.map { .uint(UInt64($0)) },
                NodeClaim.contract: terms.contract.map { .array([.uint($0.height), .bytes($0.transaction)]) },
                NodeClaim.meter: terms.meter.map { .array([.uint(UInt64($0.tick)), .uint(UInt64($0.ticks))]) },
            ])
        bytes = SignedObject.sign(payload.encoded, type: .grant, network: network, key: key)
    }
}

extension Grant {
    private static let carrier = SignedText(prefix: "LNGRANT1", what: "grant", from: "its giver")

    /// One line to hand to the holder: `LNGRANT1:` network `:` the grant in base64url (RFC 4648, section 5).
    public var text: String { Self.carrier.text(bytes, network: network) }

    /// Reads the line that `text` writes. Signatures are the node's business: it alone knows its owner.
    /// - Throws: `Failure` of kind `usage` when the line is no grant, or a part of it is missing or changed.
    public init(parsing text: String) throws { self = try Self.carrier.read(text) { try Grant(bytes: $0, network: $1) } }

    /// Reads the claims of a grant, unverified.
    package init(bytes: [UInt8], network: UInt64) throws {
        struct NoGrant: Error {}
        let claims = try SignedObject.claims(bytes)
        guard let details = claims[CWTClaim.node], let audience = claims[CWTClaim.audience]?.text,
            let epoch = details[NodeClaim.epoch]?.uint.flatMap({ UInt32(exactly: $0) }),
            let holder = SignedMessage.confirmed(claims[CWTClaim.confirmation]), let scope = details[NodeClaim.scope]?.array
        else { throw NoGrant() }
        var terms = Terms(holder: holder, scope: [])
        for item in scope {
            guard let names = item.array?.map(\.text), let device = names.first ?? nil, !names.contains(nil) else {
                throw NoGrant()
            }
            terms.scope.append(Permission(device: device, methods: names.dropFirst().compactMap { $0 }))
        }
        terms.expires = claims[CWTClaim.expiry]?.uint
        terms.notBefore = claims[CWTClaim.notBefore]?.uint
        terms.uses = details[NodeClaim.uses]?.uint.flatMap { UInt16(exactly: $0) }
        terms.hops = details[NodeClaim.hops]?.uint.flatMap { UInt8(exactly: $0) }
        if let pair = details[NodeClaim.contract]?.array, pair.count == 2, let height = pair[0].uint,
            let transaction = pair[1].bytes
        {
            terms.contract = Contract(height: height, transaction: transaction)
        }
        if let pair = details[NodeClaim.meter]?.array, pair.count == 2, let tick = pair[0].uint.flatMap({ UInt32(exactly: $0) }),
            let ticks = pair[1].uint.flatMap({ UInt16(exactly: $0) })
        {
            terms.meter = Meter(tick: tick, ticks: ticks)
        }
        (self.node, self.epoch, self.network, self.salt) = (
            try NodeAddress(parsing: audience), epoch, network, claims[CWTClaim.tokenID]?.bytes ?? []
        )
        (self.terms, self.parent, self.bytes) = (terms, details[NodeClaim.nested]?.bytes, bytes)
    }
}
