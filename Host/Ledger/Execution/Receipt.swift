// What became of tokens in a block: one receipt for each transaction, and one for each thing that happens by itself.
import CBOR

/// One row of a block's tree of receipts.
public struct LedgerReceipt: Hashable, Sendable {
    /// What happened.
    public enum Event: Hashable, Sendable {
        /// A transaction was carried out; its action's number.
        case action(UInt64)
        /// The deadline of a call passed; its escrow went back.
        case escrowReturned
        /// A representative missed a slot, and loses those of a day.
        case banned
        /// A candidate is none any more, for ever.
        case ended
        /// Fees and the reward went to the producer.
        case rewarded

        var number: UInt64 {
            switch self {
            case .action(let number): number
            case .escrowReturned: 32
            case .banned: 33
            case .ended: 34
            case .rewarded: 35
            }
        }
    }

    /// The transaction; nil for what happens by itself.
    public let transaction: Hash32?
    /// What happened.
    public let event: Event
    /// What it happened to: a recipient, a call, a candidate.
    public let subject: Hash32
    /// Tokens that moved, or the slot until which a ban lasts.
    public let amount: UInt64

    /// Its encoding, of which the tree has the leaf's hash.
    public var encoded: [UInt8] {
        CBOR.encode(capacity: 96) { writer in
            writer.array(4)
            writer.hashOrNull(transaction)
            writer.uint(event.number)
            writer.hash(subject)
            writer.uint(amount)
        }
    }

    init(_ event: Event, _ subject: Hash32, amount: UInt64, transaction: Hash32? = nil) {
        (self.transaction, self.event, self.subject, self.amount) = (transaction, event, subject, amount)
    }

    /// Reads exactly one receipt.
    public init(_ bytes: [UInt8]) throws(CBORError) {
        var reader = CBORReader(bytes.span.bytes)
        try reader.array(count: 4)
        transaction = try reader.hashOrNull()
        let number = try reader.uint()
        switch number {
        case 0...14: event = .action(number)
        case 32: event = .escrowReturned
        case 33: event = .banned
        case 34: event = .ended
        case 35: event = .rewarded
        default: throw .outOfRange
        }
        guard (transaction != nil) == (number < 32) else { throw .outOfRange }
        (subject, amount) = (try reader.hash(), try reader.uint())
        try reader.finish()
    }
}
