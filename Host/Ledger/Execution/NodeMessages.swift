// What nodes sign and what is written to them: their own bytes, looked into as far as the ledger has to.
import CBOR
import COSE
import HostCrypto
import NodeProtocol

extension Execution {
    mutating func deliver(_ message: [UInt8], to node: [UInt8], isCommand: Bool, from sender: Hash32) throws -> Effect {
        guard Self.isMessage(message, for: node) else {
            throw LedgerRefusal.notProven("it is no message for the node that it names")
        }
        var mailbox = try work.get(.mailbox(node: node, sender: sender)) ?? Mailbox()
        if isCommand {
            mailbox.add(command: message)
        } else {
            mailbox.states += 1
            mailbox.newest = .sha256(message)
        }
        work.set(.mailbox(node: node, sender: sender), mailbox)
        return Effect(subject: .sha256(message), amount: isCommand ? mailbox.commands : mailbox.states)
    }

    /// A COSE_Sign1 whose audience is that node. Who signed it is the node's to check: only it knows its owner.
    private static func isMessage(_ bytes: [UInt8], for node: [UInt8]) -> Bool {
        guard let parts = try? SignedParts(bytes), let claims = try? CBORItem(parts.payload),
            let audience = claims[Int64(CWT.audience)]?.text, let address = try? NodeAddress(parsing: audience)
        else { return false }
        return address.bytes == node && address.description == audience
    }

    mutating func publish(_ publication: Publication, of node: Hash32, by key: Hash32) throws -> Effect {
        let former = try work.get(.publication(node: node, by: key))
        guard publication.count > former?.count ?? 0 else {
            throw LedgerRefusal.notPossible("\(former?.count ?? 0) entries of that log are published already")
        }
        work.set(.publication(node: node, by: key), publication)
        return Effect(subject: node, amount: publication.count)
    }
}

/// What a node's receipt says, its signature verified.
struct NodeEvidence {
    /// Its number in the node's log.
    let number: UInt64
    /// Device and method.
    let subject: [String]
    /// The node carried it out.
    let isDone: Bool

    /// - Throws: `LedgerRefusal.notProven` for what is no receipt of that node.
    init(_ bytes: [UInt8], node: Hash32, network: UInt64) throws(LedgerRefusal) {
        guard let receipt = try? Receipt(verifying: bytes, identity: node.publicKey, network: network) else {
            throw .notProven("it is no receipt of the contract's node")
        }
        (number, subject, isDone) = (UInt64(receipt.index), receipt.subject, receipt.outcome == .done)
    }
}

/// The provider's half of a review: which call was paid, and how much. The user's half is the signature of the transaction that has it.
public struct HalfReview: Hashable, Sendable {
    /// The call.
    public let call: Hash32
    /// What was paid.
    public let amount: UInt64

    /// The review of a call that pays `amount`.
    public init(call: Hash32, amount: UInt64) { (self.call, self.amount) = (call, amount) }

    /// What the provider signs.
    var encoded: [UInt8] {
        CBOR.encode(capacity: 64) { writer in
            writer.array(2)
            writer.hash(call)
            writer.uint(amount)
        }
    }

    /// The COSE_Sign1 of the provider.
    public func signed(network: UInt64, key: SigningKey) -> [UInt8] {
        SignedParts(encoded, as: .review, network: network, key: key).bytes
    }
}
