// What the ledger asks of whatever orders transactions, and what a client asks of whoever keeps the chain (docs/chain.md).
import Ledger

/// Orders transactions, keeps blocks, and gives proofs. It is trusted with nothing but that it answers: what it hands out is verified by
/// whoever gets it.
public protocol ChainEngine: AnyObject {
    /// What the chain began with.
    var genesis: Genesis { get }
    /// The position behind the last block.
    var position: Ledger { get }
    /// Takes a transaction into the order, once; it is not yet in a block.
    /// - Throws: `LedgerRefusal` for what no block could ever have.
    func submit(_ transaction: [UInt8]) throws -> Hash32
    /// The block at `height`; nil if there is none yet.
    func block(at height: UInt64) throws -> Block?
    /// The certificate of the block at `height`; nil while it is not final.
    func certificate(at height: UInt64) throws -> Certificate?
    /// The leaves of the history up to the header at `height`, the genesis first.
    func history(to height: UInt64) throws -> [Hash32]
}
