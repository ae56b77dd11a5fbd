// Receipts and attestations: what the device signs with its identity key.

import CBOR
import COSE
import Ed25519

/// What a receipt says beside its log entry.
struct ReceiptContext: ~Escapable {
    var entry: LogEntry
    var epoch: UInt32
    /// The chain before the entry.
    var previous: Bytes32
    /// 32 bytes of SHA-512 of the message, or the 4 that the log keeps.
    var message: RawSpan

    @_lifetime(copy message)
    init(entry: LogEntry, epoch: UInt32, previous: Bytes32, message: RawSpan) {
        (self.entry, self.epoch, self.previous, self.message) = (entry, epoch, previous, message)
    }
}

/// Keys of the private claim that only the device writes (docs/protocol.cddl).
enum NodeKey {
    static var index: Int32 { 5 }
    static var previous: Int32 { 6 }
    static var message: Int32 { 7 }
    static var outcome: Int32 { 8 }
    static var value: Int32 { 9 }
    static var nonce: Int32 { 10 }
    static var entry: Int32 { 21 }
    static var board: Int32 { 22 }
    static var version: Int32 { 23 }
    static var test: Int32 { 24 }
}

extension CBORWriter {
    /// The claims that receipts and attestations begin with; the private claim's map of `count` pairs is open afterwards.
    @_lifetime(self: copy self)
    mutating func beginDeviceClaims(issuer: Address, epoch: UInt32, count: Int) {
        map(2)
        key(CWT.issuer)
        text(issuer.text.span.bytes)
        key(Claims.nodeLabel)
        map(count)
        key(0)
        uint(UInt64(epoch))
    }

    @_lifetime(self: copy self)
    mutating func value(_ value: LogValue) {
        switch value {
        case .none: null()
        case .bool(let bool): self.bool(bool)
        case .int(let int): self.int(Int64(int))
        }
    }
}

/// The chain after an entry: SHA-512 over the chain before it and its 24 bytes, cut to 32.
func chain(_ previous: Bytes32, _ entry: LogEntry) -> Bytes32 {
    var hash = SHA512()
    hash.update(previous.span.bytes)
    let encoded = entry.encoded()
    hash.update(encoded.span.bytes)
    let digest = hash.finalize()
    return bytes32(digest.span.bytes)
}
