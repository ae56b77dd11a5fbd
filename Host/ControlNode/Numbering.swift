// The numbers of messages to one node: above what it has taken, whoever signed that with the same key.
import Foundation
import Keystore
import NodeProtocol
import Reporting

extension RemoteNode {
    /// How often a mark is stepped over for one message: another computer may be sending at once.
    private static let steps = 3

    /// Runs `body` with a number for a message to `node`, and once more with a higher one when the node proves that it had taken that already.
    /// - Parameter counts: whose messages have raised the mark; the owner's if nil.
    func numbered<R>(
        _ node: KnownNode, counts: (Receipt) -> Bool = { $0.signer == .owner }, _ body: (UInt64) async throws -> R
    ) async throws -> R {
        try Room.check(in: controller.folder, count: Self.room)
        var above = node.mark ?? 0
        for step in 1... {
            let sequence = try controller.sequence.next(above: above)
            if above > 0 {
                // Once the clock has passed the mark, the clock counts on.
                let isMarks = sequence <= above + SequenceClock.spread
                try controller.book.update(node.address) { $0.mark = isMarks ? sequence : nil }
            }
            do { return try await body(sequence) } catch let refusal as Refusal
                where refusal.isProven && (refusal.known == .replayed || refusal.known == .superseded) && step < Self.steps
            {
                let mark = try await mark(of: node, counts: counts)
                guard mark >= sequence else { throw refusal }
                controller.notice(.steppedOver(node.address, mark: mark))
                above = mark
            }
        }
        fatalError("the loop ends by itself")
    }

    /// Bytes that receipt, book and database may take.
    private static let room = 128 << 10

    /// The highest number that the node signs to have taken, of its owner or in its log.
    private func mark(of node: KnownNode, counts: (Receipt) -> Bool) async throws -> UInt64 {
        let attestation = try await probe.attest(node.identity, network: node.network)
        let isOwners = attestation.authorities.owner == controller.key.publicKey
        // A desired state raises the mark of its device alone, which the log tells. The delivery has fetched it.
        let logged = try controller.log.highestSequence(of: node.address, epoch: attestation.epoch, where: counts) ?? 0
        return max(isOwners ? attestation.mark : 0, logged)
    }

    /// Throws when this computer's clock is far ahead of the node's signed time.
    func checkClock(_ attestation: Attestation) throws {
        try controller.sequence.check(node: attestation.node, signed: attestation.earliest)
    }
}
