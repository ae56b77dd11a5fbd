// A transaction: who, in which order, until when, for which fee, what; signed.
import CBOR
import COSE
import HostCrypto

/// What a sender signs.
public struct Transaction: Hashable, Sendable {
    /// The account that acts and pays.
    public let sender: Hash32
    /// How many transactions of the sender the chain has before this one.
    public let nonce: UInt64
    /// The last slot that may have it.
    public let until: UInt64
    /// Base tokens for the producer.
    public let fee: UInt64
    /// What it does.
    public let action: Action

    /// A transaction, ready to be signed.
    public init(sender: Hash32, nonce: UInt64, until: UInt64, fee: UInt64, action: Action) {
        (self.sender, self.nonce, self.until, self.fee, self.action) = (sender, nonce, until, fee, action)
    }

    /// Its encoding, which is what the signature covers.
    public var encoded: [UInt8] {
        CBOR.encode { writer in
            writer.array(5)
            writer.hash(sender)
            writer.uint(nonce)
            writer.uint(until)
            writer.uint(fee)
            action.write(to: &writer)
        }
    }

    /// Reads exactly one transaction's payload.
    init(payload: RawSpan) throws(CBORError) {
        var reader = CBORReader(payload)
        try reader.array(count: 5)
        self.init(
            sender: try reader.hash(), nonce: try reader.uint(), until: try reader.uint(), fee: try reader.uint(),
            action: try Action(reading: &reader))
        try reader.finish()
    }

    /// The whole, signed with the sender's key.
    public func signed(network: UInt64, key: SigningKey) -> SignedTransaction {
        precondition(Hash32(key.publicKey) == sender, "the sender signs")
        let parts = SignedParts(encoded, as: .transaction, network: network, key: key)
        return SignedTransaction(transaction: self, parts: parts, bytes: parts.bytes)
    }
}

/// A transaction with its signature, which is not yet verified.
public struct SignedTransaction: Hashable, Sendable {
    /// What was signed.
    public let transaction: Transaction
    private let parts: SignedParts
    /// The COSE_Sign1.
    public let bytes: [UInt8]
    /// What it is called: the hash of its leaf in the block's tree of transactions.
    public let id: Hash32

    /// The most that one may have.
    public static let largest = 8192

    fileprivate init(transaction: Transaction, parts: SignedParts, bytes: [UInt8]) {
        (self.transaction, self.parts, self.bytes) = (transaction, parts, bytes)
        id = .leaf(bytes)
    }

    /// Reads a transaction as anyone may send it.
    /// - Throws: `LedgerRefusal.malformed`.
    public init(_ bytes: [UInt8]) throws(LedgerRefusal) {
        guard bytes.count <= Self.largest else { throw .malformed("it is longer than \(Self.largest) bytes") }
        let parts: SignedParts
        do { parts = try SignedParts(bytes) } catch { throw .malformed("\(error)") }
        let transaction: Transaction
        do { transaction = try Transaction(payload: parts.payload.span.bytes) } catch { throw .malformed("\(error)") }
        self.init(transaction: transaction, parts: parts, bytes: bytes)
    }

    /// What the sender signed, as libsodium has it.
    package func signedBytes(network: UInt64) -> [UInt8] { ChainObject.transaction.signedBytes(parts.payload, network: network) }

    /// The sender's signature.
    package var signature: [UInt8] { parts.signature }

    /// True if the sender signed it, for that network.
    public func isAuthentic(network: UInt64) -> Bool {
        parts.isSigned(by: transaction.sender, as: .transaction, network: network)
    }
}
