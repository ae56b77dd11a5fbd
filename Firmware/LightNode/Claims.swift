// The claims of one signed message, as slices of the received bytes. Absent strings are empty: `cwt` and `node` tell what was there.

import Bytes
import CBOR
import HAL
import Vocabulary

struct Claims: ~Copyable, ~Escapable {
    private let inMemory = InMemory()
    var cwt: CWTClaims = []
    var node: NodeClaims = []

    var audience: RawSpan
    var expiry: UInt64 = 0, notBefore: UInt64 = 0, issuedAt: UInt64 = 0
    var confirmation: RawSpan

    var epoch: UInt32 = 0, seq: UInt64 = 0
    /// The encoded array [device, method, arguments…].
    var call: RawSpan
    var token: RawSpan
    /// A whole COSE_Sign1: a grant, its parent, or the new owner's acceptance.
    var nested: RawSpan
    var recoveryKey: RawSpan
    var flags: UInt32 = 0
    /// Encoded array.
    var backups: RawSpan
    /// Encoded array.
    var scope: RawSpan
    var uses: UInt32 = 0, hops: UInt32 = 0
    var meterTick: UInt32 = 0, meterTicks: UInt32 = 0
    var grantID: RawSpan
    var paid: UInt32 = 0
    /// Number of the one message type that a consent may serve.
    var purpose: UInt32 = 0
    var counterparty: RawSpan
    var authorities: RawSpan
    /// A whole COSE_Sign1: the recovery key's consent.
    var consent: RawSpan

    /// No claims, in the place where `read` puts those of `message`.
    @_lifetime(copy message)
    init(of message: RawSpan) {
        let none = message.extracting(0..<0)
        (audience, confirmation, call, token) = (none, none, none, none)
        (nested, recoveryKey, backups, scope, grantID) = (none, none, none, none, none)
        (counterparty, authorities, consent) = (none, none, none)
    }

    /// Reads the claims map `payload` of a message of `type`: exactly the claims of its shape, nothing else.
    @inline(never)
    @_lifetime(self: copy self, copy payload)
    mutating func read(_ payload: RawSpan, type: MessageType) throws(Refusal) {
        do throws(CBORError) { try read(payload) } catch { throw .malformed }
        let shape = type.shape
        guard cwt.isSuperset(of: shape.cwt), cwt.isSubset(of: shape.cwt.union(shape.cwtOptional)),
            node.isSuperset(of: shape.node), node.isSubset(of: shape.node.union(shape.nodeOptional))
        else { throw .malformed }
    }

    @inline(never)
    @_lifetime(self: copy self, copy payload)
    private mutating func read(_ payload: RawSpan) throws(CBORError) {
        var reader = CBORReader(payload)
        var map = try reader.map()
        while let key = try reader.nextKey(&map) {
            guard case .int(let label) = key else { throw .unexpectedType }
            if label == Protocol.privateClaim {
                try readNode(&reader)
            } else {
                try readClaim(label, &reader)
            }
        }
        try reader.finish()
    }

    /// Sequence numbers have 56 bits, and the highest byte is never 0xFF: the store could not tell that from erased flash.
    static var maximumSeq: UInt64 { 0xFF << 48 - 1 }
    /// Times have 40 bits: until the year 36812.
    static var maximumTime: UInt64 { 1 << 40 - 1 }

    @inline(never)
    @_lifetime(self: copy self, copy reader)
    @_lifetime(reader: copy reader)
    private mutating func readClaim(_ label: Int32, _ reader: inout CBORReader) throws(CBORError) {
        guard label > 0, label <= CWTKey.confirmation else { throw .unexpectedType }
        cwt.insert(CWTClaims(label))
        switch label {
        case CWTKey.audience: audience = try reader.text()
        case CWTKey.expiry: expiry = try Claims.time(&reader)
        case CWTKey.notBefore: notBefore = try Claims.time(&reader)
        case CWTKey.issuedAt: issuedAt = try Claims.time(&reader)
        // It tells a grant from another with the same terms; the node knows each by its signature.
        case CWTKey.tokenID: if try reader.bytes().byteCount > 8 { throw .outOfRange }
        case CWTKey.confirmation: confirmation = try Claims.confirmationKey(&reader)
        default: throw .unexpectedType
        }
    }

    @_lifetime(self: copy self, copy reader)
    @_lifetime(reader: copy reader)
    private mutating func readNode(_ reader: inout CBORReader) throws(CBORError) {
        var map = try reader.map()
        while let key = try reader.nextKey(&map) {
            guard case .int(let label) = key, label >= 0, label < 64 else { throw .unexpectedType }
            node.insert(NodeClaims(label))
            switch label {
            case NodeKey.epoch: epoch = try reader.uint32()
            case NodeKey.seq:
                seq = try reader.uint()
                if seq == 0 || seq > Claims.maximumSeq { throw .outOfRange }
            case NodeKey.call: try Claims.takeArray(&call, &reader)
            case NodeKey.token: try Claims.take(&token, Freshness.tokenSize, &reader)
            case NodeKey.nested: nested = try reader.bytes()
            case NodeKey.recoveryKey: try Claims.take(&recoveryKey, 32, &reader)
            case NodeKey.flags: flags = try reader.uint32(atMost: SettingFlag.all)
            case NodeKey.backups: try Claims.takeArray(&backups, &reader)
            case NodeKey.purpose: purpose = try reader.uint32(atMost: 255)
            case NodeKey.counterparty: try Claims.take(&counterparty, 32, &reader)
            case NodeKey.authorities: try Claims.take(&authorities, 32, &reader)
            case NodeKey.consent: consent = try reader.bytes()
            default: try readTerms(label, &reader)
            }
        }
    }

    /// The claims that tell a grant's terms, and those that name one.
    @inline(never)
    @_lifetime(self: copy self, copy reader)
    @_lifetime(reader: copy reader)
    private mutating func readTerms(_ label: Int32, _ reader: inout CBORReader) throws(CBORError) {
        switch label {
        case NodeKey.scope: try Claims.takeArray(&scope, &reader)
        case NodeKey.uses: uses = try Claims.positive(&reader, atMost: 65535)
        case NodeKey.hops: hops = try reader.uint32(atMost: 2)
        case NodeKey.contract: try Claims.skipContract(&reader)
        case NodeKey.meter:
            try reader.array(count: 2)
            meterTick = try Claims.positive(&reader, atMost: 86400)
            meterTicks = try Claims.positive(&reader, atMost: 65535)
        case NodeKey.grantID: try Claims.take(&grantID, 8, &reader)
        case NodeKey.paid: paid = try Claims.positive(&reader, atMost: 65535)
        default: throw .unexpectedType
        }
    }

    @inline(never)
    @_lifetime(reader: copy reader)
    private static func time(_ reader: inout CBORReader) throws(CBORError) -> UInt64 {
        let value = try reader.uint()
        if value > maximumTime { throw .outOfRange }
        return value
    }

    @inline(never)
    @_lifetime(reader: copy reader)
    private static func positive(_ reader: inout CBORReader, atMost limit: UInt32) throws(CBORError) -> UInt32 {
        let value = try reader.uint32(atMost: limit)
        if value == 0 { throw .outOfRange }
        return value
    }

    @inline(never)
    @_lifetime(claim: copy reader)
    @_lifetime(reader: copy reader)
    private static func take(_ claim: inout RawSpan, _ count: Int, _ reader: inout CBORReader) throws(CBORError) {
        claim = try reader.bytes(count: count)
    }

    @inline(never)
    @_lifetime(claim: copy reader)
    @_lifetime(reader: copy reader)
    private static func takeArray(_ claim: inout RawSpan, _ reader: inout CBORReader) throws(CBORError) {
        guard try reader.peek() == .array else { throw .unexpectedType }
        claim = try reader.item()
    }

    /// The contract that a grant refers to: block height and transaction hash. The node only passes it on.
    @inline(never)
    @_lifetime(reader: copy reader)
    private static func skipContract(_ reader: inout CBORReader) throws(CBORError) {
        try reader.array(count: 2)
        _ = try time(&reader)
        _ = try reader.bytes(count: 32)
    }

    /// `cnf`: {1: COSE_Key {1: 1 (OKP), -1: 6 (Ed25519), -2: x}} (RFC 8747, section 3.2; RFC 9053, section 7.2).
    @inline(never)
    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    private static func confirmationKey(_ reader: inout CBORReader) throws(CBORError) -> RawSpan {
        // The encoding is fixed but for the key, so it is compared byte by byte.
        let item = try reader.item()
        let prefix: InlineArray<10, UInt8> = [0xA1, 0x01, 0xA3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20]
        guard item.byteCount == 42, equal(item.extracting(0..<10), prefix.span.bytes) else { throw .unexpectedType }
        return item.extracting(10..<42)
    }
}
