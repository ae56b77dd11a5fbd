// The header of a block: all that a light node needs to believe everything else, in about 300 bytes.
import CBOR
import HostCrypto

/// What a producer signs, and a certificate makes final.
public struct Header: Hashable, Sendable {
    /// The only version of headers.
    public static let version: UInt64 = 1
    /// Blocks before this one, the genesis among them: dense.
    public let height: UInt64
    /// When it was made: genesis + 9 s × slot. With gaps.
    public let slot: UInt64
    /// Hash of the header before; of the genesis at height 1.
    public let previous: Hash32
    /// Merkle root over the transactions.
    public let transactions: Hash32
    /// Merkle root over the receipts.
    public let receipts: Hash32
    /// Root of the tree of states behind this block.
    public let state: Hash32
    /// Merkle root over the genesis and all earlier headers: a leaf's index is its height.
    public let history: Hash32
    /// Commitment to this round's representatives.
    public let present: Hash32
    /// Commitment to the next round's representatives.
    public let next: Hash32
    /// Key of the representative whose slot it is.
    public let producer: Hash32

    /// Its encoding: what the producer signs.
    public var encoded: [UInt8] {
        CBOR.encode(capacity: 320) { writer in
            writer.array(11)
            writer.uint(Self.version)
            writer.uint(height)
            writer.uint(slot)
            for hash in [previous, transactions, receipts, state, history, present, next, producer] { writer.hash(hash) }
        }
    }

    /// What it is called, and its leaf in the history.
    public var hash: Hash32 { .leaf(encoded) }

    /// The round that its slot belongs to.
    public var round: UInt64 { slot / Rounds.slots }
}

extension Header {
    /// Reads exactly one header.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 11)
        guard try reader.uint() == Self.version else { throw .outOfRange }
        height = try reader.uint()
        slot = try reader.uint()
        guard height > 0, slot >= height, slot <= Rounds.lastSlot else { throw .outOfRange }
        previous = try reader.hash()
        transactions = try reader.hash()
        receipts = try reader.hash()
        state = try reader.hash()
        history = try reader.hash()
        present = try reader.hash()
        next = try reader.hash()
        producer = try reader.hash()
        try reader.finish()
    }
}

/// A header with its producer's signature, which is not yet verified.
public struct SignedHeader: Hashable, Sendable {
    /// What was signed.
    public let header: Header
    private let parts: SignedParts

    /// Signs `header`; the key is the producer's.
    public init(_ header: Header, network: UInt64, key: SigningKey) {
        precondition(Hash32(key.publicKey) == header.producer, "the producer signs")
        self.header = header
        parts = SignedParts(header.encoded, as: .header, network: network, key: key)
    }

    /// Reads a COSE_Sign1 as anyone may send it.
    /// - Throws: `LedgerRefusal.malformed`.
    public init(_ bytes: [UInt8]) throws(LedgerRefusal) {
        do {
            parts = try SignedParts(bytes)
            header = try Header(parts.payload)
        } catch { throw .malformed("\(error)") }
    }

    /// The COSE_Sign1.
    public var bytes: [UInt8] { parts.bytes }

    /// True if the producer that it names signed it, for that network.
    public func isAuthentic(network: UInt64) -> Bool { parts.isSigned(by: header.producer, as: .header, network: network) }
}

/// A block: its header, what its producer reveals, and its transactions.
public struct Block: Hashable, Sendable {
    /// The header, signed.
    public let header: SignedHeader
    /// What the producer reveals, and commits to for its next block.
    public let contribution: Contribution
    /// The transactions' COSE_Sign1 bytes, in order.
    public let transactions: [[UInt8]]

    /// The transactions of one block at most.
    public static let mostTransactions = 16_384
    /// The bytes of one block at most.
    public static let largest = 4 << 20
    /// Bytes that are left for transactions.
    static let room = largest - 1024

    /// A block of these parts.
    public init(header: SignedHeader, contribution: Contribution, transactions: [[UInt8]]) {
        (self.header, self.contribution, self.transactions) = (header, contribution, transactions)
    }

    /// Its encoding.
    public var bytes: [UInt8] {
        CBOR.encode(capacity: 512 + transactions.reduce(0) { $0 + $1.count + 3 }) { writer in
            writer.array(4)
            writer.bytes(header.bytes)
            writer.hash(contribution.reveal)
            writer.hash(contribution.commitment)
            writer.array(transactions.count)
            for transaction in transactions { writer.bytes(transaction) }
        }
    }

    /// Reads a block as anyone may send it.
    /// - Throws: `LedgerRefusal.malformed`.
    public init(_ bytes: [UInt8]) throws(LedgerRefusal) {
        guard bytes.count <= Self.largest else { throw .malformed("it is longer than \(Self.largest) bytes") }
        do throws(CBORError) {
            var reader = CBORReader(bytes.span.bytes)
            try reader.array(count: 4)
            let signed = try reader.bytes(atMost: 1024)
            contribution = Contribution(reveal: try reader.hash(), commitment: try reader.hash())
            var transactions: [[UInt8]] = []
            for _ in 0..<(try reader.array(atMost: Self.mostTransactions)) {
                transactions.append(try reader.bytes(atMost: SignedTransaction.largest))
            }
            try reader.finish()
            self.transactions = transactions
            guard let header = try? SignedHeader(signed) else { throw .outOfRange }
            self.header = header
        } catch { throw .malformed("\(error)") }
    }
}

/// What a producer adds to the seed of a later round: it cannot choose it any more, only withhold it with its whole block.
public struct Contribution: Hashable, Sendable {
    /// What its former commitment is the SHA-256 of.
    public let reveal: Hash32
    /// SHA-256 of what its next block reveals.
    public let commitment: Hash32

    /// `reveal` now, and the hash of what comes next.
    public init(reveal: Hash32, commitment: Hash32) { (self.reveal, self.commitment) = (reveal, commitment) }

    /// The commitment to `reveal`.
    public static func commitment(to reveal: Hash32) -> Hash32 { .sha256(reveal.bytes) }
}
