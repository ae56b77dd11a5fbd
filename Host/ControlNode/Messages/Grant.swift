// Rights lent to others: a grant is a signed statement that its holder sends along with each command (R12, R13, R14).
/// A right to command some devices, lent to the holder of one key. Worth nothing to anybody else.
public struct Grant: Hashable, Sendable {
    public let device: DeviceAddress
    public let epoch: UInt32
    public let network: UInt64
    /// At most 8 bytes, to tell it from an earlier one with the same terms.
    public let salt: [UInt8]
    public let terms: Terms
    /// The grant that this one was passed on from.
    public let parent: [UInt8]?
    /// The whole COSE_Sign1.
    public let bytes: [UInt8]

    /// What is lent. Everything that is left out is unlimited, but for `hops`: by default a grant cannot be passed on.
    public struct Terms: Hashable, Sendable {
        public var holder: PublicKey
        /// 1 to 4.
        public var scope: [Permission]
        /// Seconds since 1970.
        public var notBefore: UInt64?
        public var expires: UInt64?
        public var uses: UInt16?
        /// How often it may be passed on, at most 2.
        public var hops: UInt8?
        public var contract: Contract?
        public var meter: Meter?

        public init(holder: PublicKey, scope: [Permission]) { (self.holder, self.scope) = (holder, scope) }
    }

    /// A device, and the methods of it; no method means all.
    public struct Permission: Hashable, Codable, Sendable {
        public let device: String
        public let methods: [String]

        public init(_ device: String, _ methods: String...) { self.init(device: device, methods: methods) }
        public init(device: String, methods: [String]) { (self.device, self.methods) = (device, methods) }
    }

    /// The contract on the chain that the grant belongs to.
    public struct Contract: Hashable, Codable, Sendable {
        public let height: UInt64
        /// 32 bytes.
        public let transaction: [UInt8]

        public init(height: UInt64, transaction: [UInt8]) { (self.height, self.transaction) = (height, transaction) }
    }

    /// Paid by the tick: it stops when a tick is not paid.
    public struct Meter: Hashable, Codable, Sendable {
        /// Seconds, 1 to 86400.
        public let tick: UInt32
        /// At most so many.
        public let ticks: UInt16

        public init(tick: UInt32, ticks: UInt16) { (self.tick, self.ticks) = (tick, ticks) }
    }

    /// What the device keeps its count under, what receipts name, and what `revoke` and `tick` take: the first 8 bytes of the signature.
    /// A holder can give them to two grants that it passes on; the device takes the first.
    public var id: [UInt8] { SignedObject.mark(bytes) }

    /// Grants `terms` on a device, signed by its owner.
    public init(
        _ terms: Terms, on device: DeviceAddress, epoch: UInt32, network: UInt64, salt: [UInt8] = [], owner: SigningKey
    ) {
        self.init(terms, device, epoch, network, salt, parent: nil, key: owner)
    }

    /// Passes this grant on, with a salt that no other has; the device allows what both allow. `holder` is the key that this grant names.
    public func passed(on terms: Terms, salt: [UInt8] = randomBytes(8), holder: SigningKey) -> Grant {
        Grant(terms, device, epoch, network, salt, parent: bytes, key: holder)
    }

    private init(
        _ terms: Terms, _ device: DeviceAddress, _ epoch: UInt32, _ network: UInt64, _ salt: [UInt8], parent: [UInt8]?,
        key: SigningKey
    ) {
        (self.terms, self.device, self.epoch, self.network, self.salt, self.parent) = (
            terms, device, epoch, network, salt, parent
        )
        let scope = terms.scope.map { CBORItem.array([.text($0.device)] + $0.methods.map { .text($0) }) }
        let payload = SignedMessage.payload(
            device,
            [
                4: terms.expires.map { .uint($0) }, 5: terms.notBefore.map { .uint($0) }, 7: salt.isEmpty ? nil : .bytes(salt),
                8: SignedMessage.confirmation(terms.holder),
            ], epoch: epoch, sequence: nil,
            [
                4: parent.map { .bytes($0) }, 14: .array(scope), 15: terms.uses.map { .uint(UInt64($0)) },
                16: terms.hops.map { .uint(UInt64($0)) },
                17: terms.contract.map { .array([.uint($0.height), .bytes($0.transaction)]) },
                18: terms.meter.map { .array([.uint(UInt64($0.tick)), .uint(UInt64($0.ticks))]) },
            ])
        bytes = SignedObject.sign(payload.encoded, type: .grant, network: network, key: key)
    }
}

extension Grant {
    private static let carrier = SignedText(prefix: "LNGRANT1", what: "grant", from: "its giver")

    /// One line to hand to the holder: `LNGRANT1:` network `:` the grant in base64url (RFC 4648, section 5).
    public var text: String { Self.carrier.text(bytes, network: network) }

    /// Reads the line that `text` writes. Signatures are the device's business: it alone knows its owner.
    public init(parsing text: String) throws { self = try Self.carrier.read(text) { try Grant(bytes: $0, network: $1) } }

    /// Reads the claims of a grant, unverified.
    init(bytes: [UInt8], network: UInt64) throws {
        struct NoGrant: Error {}
        let claims = try SignedObject.claims(bytes)
        guard let node = claims[Int64(SignedMessage.nodeClaim)], let audience = claims[3]?.text,
            let epoch = node[0]?.uint.flatMap({ UInt32(exactly: $0) }),
            let holder = claims[8]?[1]?[-2]?.bytes.flatMap({ PublicKey($0) }), let scope = node[14]?.array
        else { throw NoGrant() }
        var terms = Terms(holder: holder, scope: [])
        for item in scope {
            guard let names = item.array?.map(\.text), let device = names.first ?? nil, !names.contains(nil) else {
                throw NoGrant()
            }
            terms.scope.append(Permission(device: device, methods: names.dropFirst().compactMap { $0 }))
        }
        terms.expires = claims[4]?.uint
        terms.notBefore = claims[5]?.uint
        terms.uses = node[15]?.uint.flatMap { UInt16(exactly: $0) }
        terms.hops = node[16]?.uint.flatMap { UInt8(exactly: $0) }
        if let pair = node[17]?.array, pair.count == 2, let height = pair[0].uint, let transaction = pair[1].bytes {
            terms.contract = Contract(height: height, transaction: transaction)
        }
        if let pair = node[18]?.array, pair.count == 2, let tick = pair[0].uint.flatMap({ UInt32(exactly: $0) }),
            let ticks = pair[1].uint.flatMap({ UInt16(exactly: $0) })
        {
            terms.meter = Meter(tick: tick, ticks: ticks)
        }
        (self.device, self.epoch, self.network, self.salt) = (
            try DeviceAddress(parsing: audience), epoch, network, claims[7]?.bytes ?? []
        )
        (self.terms, self.parent, self.bytes) = (terms, node[4]?.bytes, bytes)
    }
}
