// Where a record is in the state: the key's encoding, hashed, is its path.
import CBOR

/// Where a record of one type is.
public struct StateKey<Record: StateRecord>: Hashable, Sendable {
    /// SHA-256 of the CBOR array of the kind's number and what tells one record from another.
    public let path: Hash32

    fileprivate init(_ kind: UInt8, _ parts: Hash32...) {
        path = .sha256 { hash in
            hash.update(tag: 0x81 + UInt8(parts.count))
            hash.update(tag: kind)
            for part in parts {
                hash.update(tag: 0x58)
                hash.update(tag: UInt8(Hash32.size))
                hash.update(part)
            }
        }
    }

    fileprivate init(_ kind: UInt8, encoded body: (inout CBORWriter) -> Void) {
        path = .sha256(
            CBOR.encode(capacity: 80) { writer in
                writer.array(2)
                writer.uint(UInt64(kind))
                body(&writer)
            })
    }

    fileprivate init(_ kind: UInt8, node: [UInt8], _ key: Hash32) {
        path = .sha256(
            CBOR.encode(capacity: 80) { writer in
                writer.array(3)
                writer.uint(UInt64(kind))
                writer.bytes(node)
                writer.hash(key)
            })
    }
}

/// What the state has at a path: read strictly, written deterministically.
public protocol StateRecord: Sendable {
    /// The record as the tree has it.
    var encoded: [UInt8] { get }
    /// Reads a record, and nothing behind it.
    init(reading reader: inout CBORReader) throws(CBORError)
}

extension StateRecord {
    /// Reads exactly one record: bytes behind it are refused.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try self.init(reading: &reader)
        try reader.finish()
    }
}

extension StateKey where Record == Account {
    /// An account, by its key.
    public static func account(_ key: Hash32) -> Self { Self(0, key) }
}

extension StateKey where Record == Holding {
    /// What an account has of a created token.
    public static func holding(of token: Hash32, by key: Hash32) -> Self { Self(1, token, key) }
}

extension StateKey where Record == Token {
    /// A created token, by the transaction that created it.
    public static func token(_ id: Hash32) -> Self { Self(2, id) }
}

extension StateKey where Record == Vote {
    /// What an account votes for and objects to.
    public static func vote(_ key: Hash32) -> Self { Self(3, key) }
}

extension StateKey where Record == Candidate {
    /// A candidate, by its key.
    public static func candidate(_ key: Hash32) -> Self { Self(4, key) }
}

extension StateKey where Record == Contract {
    /// A contract, by the transaction that created it.
    public static func contract(_ id: Hash32) -> Self { Self(5, id) }
}

extension StateKey where Record == ContractCall {
    /// A call, by its transaction.
    public static func call(_ id: Hash32) -> Self { Self(6, id) }
}

extension StateKey where Record == Mailbox {
    /// What one sender has written to a node: a stranger's words are in a mailbox of their own, so they hide nothing.
    public static func mailbox(node: [UInt8], sender: Hash32) -> Self { Self(7, node: node, sender) }
}

extension StateKey where Record == Publication {
    /// What an account has published of a node's log.
    public static func publication(node: Hash32, by key: Hash32) -> Self { Self(8, node, key) }
}

extension StateKey where Record == Due {
    /// The calls whose escrow goes back behind a slot.
    static func due(_ slot: UInt64) -> Self { Self(9) { $0.uint(slot) } }
}

extension StateKey where Record == Totals {
    /// Sums over the whole state.
    public static var totals: Self { Self(10) }
}

extension StateKey where Record == Round {
    /// The present round.
    public static var round: Self { Self(11) }
}

extension StateKey where Record == Representatives {
    /// This round's representatives.
    public static var present: Self { Self(12) }
    /// The next round's representatives.
    public static var next: Self { Self(13) }
}

extension StateKey where Record == KeyList {
    /// All candidates that can be elected, in ascending order.
    public static var candidates: Self { Self(14) }
}

extension StateKey where Record == Bans {
    /// Who has no slots, and until when.
    public static var bans: Self { Self(15) }
}
