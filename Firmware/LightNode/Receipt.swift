// Receipts and refusals: what the node signs with its identity key about a message.

import Bytes
import CBOR
import COSE
import DeviceModel
import Ed25519
import HAL
import Vocabulary

/// An entry of the log with what its receipt says besides.
struct ReceiptContext: ~Copyable {
    private let inMemory = InMemory()
    var entry = LogEntry()
    var epoch: UInt32 = 0
    /// The chain before the entry.
    var previous = Bytes32(repeating: 0)
    /// The message's hash, of which `messageCount` bytes are known: 32, or the 8 that the log keeps.
    var message = Bytes32(repeating: 0)
    var messageCount = 32
    /// Where the entries begin that the log has lost just before this one; none when above its number.
    var lostFrom: UInt32 = .max
    /// The digest of who can act on the node from then on, when the message has changed that.
    private(set) var authorities = Bytes32(repeating: 0)
    private(set) var hasAuthorities = false

    @inline(never)
    mutating func note(authorities: Bytes32) {
        (self.authorities, hasAuthorities) = (authorities, true)
        entry.note(authorities: authorities)
    }
}

extension CBORWriter {
    // A key and its value in one call.

    @inline(never)
    @_lifetime(self: copy self)
    mutating func entry(_ key: Int32, _ value: UInt64) {
        self.key(key)
        uint(value)
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func entry(_ key: Int32, bytes: RawSpan) {
        self.key(key)
        self.bytes(bytes)
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func entry(_ key: Int32, text: RawSpan) {
        self.key(key)
        self.text(text)
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func entry(_ key: Int32, _ value: Bool) {
        self.key(key)
        bool(value)
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func entries(board: StaticString, _ boardKey: Int32, version: Version, _ versionKey: Int32) {
        key(boardKey)
        text(board)
        key(versionKey)
        text(version)
    }

    /// The claims that all that the node signs begins with; the private claim's map of `count` pairs is open afterwards.
    @inline(never)
    @_lifetime(self: copy self)
    mutating func beginDeviceClaims(issuer: RawSpan, epoch: UInt32, count: Int) {
        map(2)
        entry(CWTKey.issuer, text: issuer)
        key(Protocol.privateClaim)
        map(count)
        entry(NodeKey.epoch, UInt64(epoch))
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func value(_ value: LogValue) {
        switch value {
        case .none, .authorities: null()
        case .bool(let bool): self.bool(bool)
        case .int(let int): self.int(Int64(int))
        }
    }
}

/// Moves the chain on over an entry: SHA-512 over the chain before it and its bytes, cut to 32.
@inline(never)
func chain(_ chain: inout Bytes32, _ entry: borrowing LogEntry) {
    var hash = SHA512()
    hash.update(chain.span.bytes)
    hash.update(entry.encoded.bytes)
    let digest = hash.finalize()
    chain.store(digest.span.bytes.extracting(0..<32), at: 0)
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// The id of the grant under which an entry was made, or whose slot it is; 0 when there is none, or the slot has gone to another grant.
    @inline(never)
    private func grantID(_ entry: borrowing LogEntry) -> UInt64 {
        if entry.kind == .grant { return loadLittleEndian64(entry.hash, at: 0) }
        guard let slot = entry.signer.grantSlot, entry.index >= grants[slot, .sinceIndex] else { return 0 }
        return grants.id(slot)
    }

    /// Signs a receipt: a fresh one, or one made again from the log.
    @inline(never)
    func writeReceipt(
        _ context: borrowing ReceiptContext, expected: ExpectedArgument?, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        let grant = grantID(context.entry)
        let value = context.entry.value
        let hasValue = value.kind == 1 || value.kind == 2
        var writer = COSESign1Writer(reply._mutatingExtracting(0...))
        let isAfterLoss = context.lostFrom < context.entry.index
        var optional = (hasValue ? 1 : 0) + (grant == 0 ? 0 : 1) + (expected == nil ? 0 : 1) + (isAfterLoss ? 1 : 0)
        if context.hasAuthorities { optional += 1 }
        writer.payload.beginDeviceClaims(issuer: identity.address.text.span.bytes, epoch: context.epoch, count: 8 + optional)
        writer.payload.entry(NodeKey.seq, context.entry.seq)
        writer.payload.key(NodeKey.call)
        writeCallName(context.entry, to: &writer.payload)
        writer.payload.entry(NodeKey.index, UInt64(context.entry.index))
        writer.payload.entry(NodeKey.previous, bytes: context.previous.span.bytes)
        writer.payload.entry(NodeKey.message, bytes: context.message.span.bytes.part(0, context.messageCount))
        writer.payload.entry(NodeKey.outcome, UInt64(context.entry.outcome.rawValue))
        if hasValue {
            writer.payload.key(NodeKey.value)
            writer.payload.value(value)
        }
        if grant != 0 {
            writer.payload.key(NodeKey.grantID)
            var id = InlineArray<8, UInt8>(repeating: 0)
            id.storeLittleEndian64(grant, at: 0)
            writer.payload.bytes(id.span.bytes)
        }
        writer.payload.entry(NodeKey.entry, bytes: context.entry.encoded.bytes)
        if let expected {
            writer.payload.key(NodeKey.expected)
            writer.payload.array(3)
            writer.payload.uint(UInt64(expected.position))
            writer.payload.int(Int64(expected.least))
            writer.payload.int(Int64(expected.most))
        }
        if isAfterLoss { writer.payload.entry(NodeKey.lostFrom, UInt64(context.lostFrom)) }
        if context.hasAuthorities { writer.payload.entry(NodeKey.authorities, bytes: context.authorities.span.bytes) }
        return try sign(&writer, type: .receipt)
    }

    /// Signs that a message was refused, for its sender: nobody on the way can say so in the node's name.
    @inline(never)
    func writeRefusal(
        _ refusal: Refusal, _ message: borrowing Message, _ hash: borrowing Bytes32, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        var writer = COSESign1Writer(reply._mutatingExtracting(0...))
        writer.payload.beginDeviceClaims(issuer: identity.address.text.span.bytes, epoch: ownership.epoch, count: 4)
        writer.payload.entry(NodeKey.seq, message.claims.seq)
        writer.payload.entry(NodeKey.message, bytes: hash.span.bytes)
        writer.payload.entry(NodeKey.refusal, UInt64(refusal.rawValue))
        return try sign(&writer, type: .refusal)
    }

    /// `[device, method]`, or `[type]` when the entry names none.
    @inline(never)
    private func writeCallName(_ entry: borrowing LogEntry, to writer: inout CBORWriter) {
        guard let device = Table.describe(entry.device), let method = device.interface.method(Int(entry.method)) else {
            writer.array(1)
            writer.text(entry.kind.name)
            return
        }
        writer.array(2)
        writer.text(device.name)
        writer.text(method.name)
    }
}

extension CBORWriter {
    /// A version as text, "1.2.3".
    @inline(never)
    @_lifetime(self: copy self)
    mutating func text(_ version: Version) {
        var text = InlineArray<11, UInt8>(repeating: UInt8(ascii: "."))
        // From the end: the last digit of a number first.
        var start = text.count
        var part = 3
        while part > 0 {
            part &-= 1
            var rest = part == 0 ? version.major : part == 1 ? version.minor : version.patch
            repeat {
                start &-= 1
                text[start] = UInt8(ascii: "0") &+ rest % 10
                rest /= 10
            } while rest > 0
            if part > 0 { start &-= 1 }
        }
        self.text(text.span.bytes.part(start, text.count))
    }

    @inline(never)
    @_lifetime(self: copy self)
    mutating func text(_ text: FlashText) {
        self.text(text.bytes)
    }
}
