// The executor: one device's identity, owner, replay protection and log, and what it does with a message.
//
// It knows neither transports nor chips. Whatever arrives, from whatever wire, goes through `handle`, which refuses, or executes and
// writes a signed receipt. The order of checks is that of docs/protocol.md.

import Bytes
import CBOR
import COSE
import DeviceModel
import Ed25519
import FlashStore
import HAL

/// What a device is to the outside.
public enum Condition: UInt8, Sendable {
    /// Never provisioned: it has no identity.
    case blank = 0
    /// Provisioned, waiting for its owner's bind.
    case unowned = 1
    case owned = 2
    /// A record that it cannot do without is unreadable. It executes nothing, and never takes itself for blank.
    case damaged = 3
}

public struct Node<Flash: NORFlash & ~Copyable, Table: DeviceTable, Board: Platform & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    var memory: Memory<Flash>
    public var devices: Table
    public var platform: Board

    public internal(set) var condition = Condition.blank
    var identity = Identity()
    var ownership = Ownership()
    /// The owner's key as of the last `poll` or message.
    var ownerKey = ExpandedPublicKey()
    var watermarks = Watermarks()
    var time = TrustedTime()
    var freshness = Freshness()
    var attempts = AttemptBudget()
    /// Uptime in microseconds of the last message that the owner signed: backups count silence from it.
    var ownerHeard: UInt64 = 0
    /// One-time tokens issued since boot.
    var tokensIssued: UInt64 = 0
    /// What happened in devices of late.
    var samples = SampleWindow()
    /// Slots of the grants in use.
    var grants = GrantTable()
    /// Uptime in microseconds from which on counts are saved again.
    var nextCounts: UInt64 = 0

    /// Takes over the parts and reads the flash. After a power cut this also completes what the cut interrupted.
    public init(flash: consuming Flash, devices: Table, platform: consuming Board) {
        memory = Memory(flash)
        self.devices = devices
        self.platform = platform
        boot()
    }

    /// The address, once provisioned.
    public var address: Address { identity.address }
    public var epoch: UInt32 { ownership.epoch }

    /// Executes a signed message that came over `wire`, 0 or 1, and writes the receipt to `reply`.
    ///
    /// - Returns: the length of the receipt in bytes.
    /// - Throws: why it was refused; nothing was then recorded or executed.
    @inline(never)
    public mutating func handle(
        _ type: MessageType, _ bytes: RawSpan, wire: UInt8 = 0, reply: consuming MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        guard type.isRequest else { throw .malformed }
        let message = try Message(bytes, type: type)
        try checkAddressee(message.claims)
        try attempts.check(uptime: platform.microseconds(), wire: wire)
        let isCall = type == .command || type == .state
        let count = isCall ? try call(message, reply: reply) : try administer(message, reply: reply)
        attempts.refund()
        return count
    }

    /// State, address and epoch: what costs no signature check.
    @inline(never)
    private func checkAddressee(_ claims: borrowing Claims) throws(Refusal) {
        switch condition {
        case .blank: throw .wrongState
        case .damaged: throw .damaged
        case .unowned, .owned: break
        }
        try checkAddress(claims)
    }

    @inline(never)
    func checkAddress(_ claims: borrowing Claims) throws(Refusal) {
        guard equal(claims.audience, identity.address.text.span.bytes) else { throw .wrongAddress }
        guard claims.epoch == ownership.epoch else { throw .wrongEpoch }
    }

    /// Throws unless `seq` is above everything accepted from `signer`.
    @inline(never)
    func checkSequence(_ seq: UInt64, of signer: Signer) throws(Refusal) {
        if seq <= watermarks[signer] { throw .replayed }
    }

    /// Verifies a whole message, and counts it against the budget of attempts.
    @inline(never)
    mutating func verify(_ whole: RawSpan, _ type: MessageType, by key: RawSpan) throws(Refusal) {
        attempts.noteCheck()
        var expanded = ExpandedPublicKey()
        expanded.expand(key)
        try Message.verify(whole, type, by: expanded, network: identity.network)
    }

    /// The same with the key that this device knows of `signer`.
    @inline(never)
    mutating func verify(_ whole: RawSpan, _ type: MessageType, by signer: Signer) throws(Refusal) {
        attempts.noteCheck()
        if signer == .owner {
            expandOwnerKey()
            return try Message.verify(whole, type, by: ownerKey, network: identity.network)
        }
        var expanded = ExpandedPublicKey()
        switch signer {
        case .claim: expanded.expand(identity.claimKey)
        case .recovery: expanded.expand(ownership.key(at: Ownership.recoveryKey))
        default: expanded.expand(ownership.key(at: Ownership.backupKey(Int(signer.rawValue) &- 3)))
        }
        try Message.verify(whole, type, by: expanded, network: identity.network)
    }

    /// Most messages are the owner's: what can be known of its key before they come, is.
    @inline(never)
    mutating func expandOwnerKey() {
        let key = ownership.key(at: Ownership.ownerKey)
        if !equal(ownerKey.encoding, key) { ownerKey.expand(key) }
    }

    /// Throws unless the limits that a message sets to its own life still hold.
    @inline(never)
    func checkLife(_ claims: borrowing Claims, uptime: UInt64) throws(Refusal) {
        if claims.cwt.contains(.expiry) { try time.checkExpiry(claims.expiry, uptime: uptime) }
        if claims.cwt.contains(.notBefore) { try time.checkStart(claims.notBefore, uptime: uptime) }
        if claims.node.contains(.token), !freshness.matches(token(claims)) { throw .tokenInvalid }
    }

    @inline(never)
    func token(_ claims: borrowing Claims) -> UInt64 {
        loadLittleEndian64(claims.token, at: 0)
    }

    /// What a verified message of the owner proves besides its purpose: that the owner lives, and perhaps the time.
    @inline(never)
    mutating func noteOwner(_ claims: borrowing Claims) {
        let uptime = platform.microseconds()
        ownerHeard = uptime
        let isFresh = claims.node.contains(.token)
        if claims.cwt.contains(.issuedAt) {
            time.accept(seconds: claims.issuedAt, tokenIssued: isFresh ? freshness.issuedAt : nil, uptime: uptime)
        }
        if isFresh { freshness.consume() }
    }
}
