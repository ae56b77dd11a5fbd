// Why the ledger does not take a transaction, a block or a proof: a value, which tells in words what to do next.
import Reporting

/// Why the ledger takes something not. Whatever is refused leaves no trace.
public enum LedgerRefusal: Error, Hashable, Sendable {
    /// It is not what docs/chain.cddl describes.
    case malformed(String)
    /// The signature is not the sender's, for this network.
    case badSignature
    /// The sender has no account.
    case unknownAccount(Hash32)
    /// The sender's next transaction has another number.
    case wrongNonce(expected: UInt64)
    /// Its last slot is over.
    case expired(slot: UInt64)
    /// Below what the genesis demands.
    case feeTooLow(least: UInt64)
    /// The account has fewer tokens.
    case insufficientFunds(needed: UInt64, there: UInt64)
    /// What it names is not there: a token, a candidate, a contract, a call.
    case unknown(String)
    /// It cannot be done as things stand: what stands in the way.
    case notPossible(String)
    /// The evidence, receipt or review in it does not prove what it should.
    case notProven(String)
    /// A block that does not follow from the one before it.
    case wrongBlock(String)
    /// A certificate with too few representatives, or for something else.
    case notFinal(String)
}

extension LedgerRefusal: Reportable {
    public var failure: Failure {
        switch self {
        case .malformed(let why):
            Failure(.usage, "the chain cannot read it: \(why)", advice: "Make it with a program of this release")
        case .badSignature:
            Failure(
                .notAuthentic, "the signature is not the sender's, or for another network",
                advice: "Sign it again with the sender's key and this chain's network number")
        case .unknownAccount(let key):
            Failure(.usage, "there is no account \(key) on the chain", advice: "Have tokens transferred to it first")
        case .wrongNonce(let expected):
            Failure(
                .usage, "the sender's next transaction has number \(expected)", advice: "Sign it again with number \(expected)")
        case .expired(let slot):
            Failure(.usage, "its last slot was \(slot)", advice: "Sign it again with a later one")
        case .feeTooLow(let least):
            Failure(.usage, "its fee is below \(least)", advice: "Sign it again with a fee of \(least) or more")
        case .insufficientFunds(let needed, let there):
            Failure(
                .usage, "it takes \(needed) tokens and the account has \(there) that are free",
                advice: "Have tokens transferred to the account, or release locked ones")
        case .unknown(let what):
            Failure(.usage, "the chain has no \(what)", advice: "See what there is, and name it in full")
        case .notPossible(let why):
            Failure(.usage, "it cannot be done: \(why)", advice: "Wait until that has changed, or do something else")
        case .notProven(let why):
            Failure(
                .notAuthentic, "it does not prove what it should: \(why)", advice: "Bring the node's or the provider's own bytes")
        case .wrongBlock(let why):
            Failure(
                .notAuthentic, "the block does not follow from the one before it: \(why)", advice: "Ask another node of the chain"
            )
        case .notFinal(let why):
            Failure(
                .notAuthentic, "it is not final: \(why)", advice: "Wait for the certificate, or ask another node of the chain")
        }
    }
}

extension LedgerRefusal: CustomStringConvertible {
    public var description: String { failure.description }
}
