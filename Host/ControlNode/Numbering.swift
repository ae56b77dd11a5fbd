// The numbers of messages to one node: above what it has taken, whoever signed that with the same key.
import Foundation
import Keystore
import NodeProtocol
import Reporting

extension RemoteNode {
    /// How often a mark is stepped over for one message: another computer may be sending at once.
    private static let steps = 3

    /// Runs `body` with a number for a message to `node`, and once more with a higher one when the node proves that it had taken that already.
    /// - Parameter grant: what the message is sent under: its messages alone have raised the mark then; nil for the owner's.
    func numbered<R>(_ node: KnownNode, under grant: Grant? = nil, _ body: (UInt64) async throws -> R) async throws -> R {
        try Room.check(in: controller.folder, count: Self.room)
        var above = try grant.map { try controller.marks.mark($0) ?? 0 } ?? node.mark ?? 0
        for step in 1... {
            let sequence = try controller.sequence.next(above: above)
            if above > 0 {
                // Once the clock has passed the mark, the clock counts on.
                let mark = sequence <= above + SequenceClock.spread ? sequence : nil
                if let grant {
                    try controller.marks.keep(mark, grant)
                } else {
                    try controller.book.update(node.address) { $0.mark = mark }
                }
            }
            do { return try await body(sequence) } catch let refusal as Refusal
                where refusal.isProven && (refusal.known == .replayed || refusal.known == .superseded) && step < Self.steps
            {
                let mark: UInt64
                if let grant { mark = try await self.mark(of: node, under: grant) } else { mark = try await self.mark(of: node) }
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
    private func mark(of node: KnownNode) async throws -> UInt64 {
        let attestation = try await probe.attest(node.identity, network: node.network)
        let isOwners = attestation.authorities.owner == controller.key.publicKey
        // A desired state raises the mark of its device alone, which the log tells. The delivery has fetched it.
        let logged =
            try controller.log.highestSequence(of: node.address, epoch: attestation.epoch) { $0.signer == .owner } ?? 0
        return max(isOwners ? attestation.mark : 0, logged)
    }

    /// The highest number that the node's log has under a grant: it signs no mark for a holder. Looked for from the end of the log backwards, as each
    /// entry costs the node a signature; 0 when none of the last entries is under it.
    private func mark(of node: KnownNode, under grant: Grant) async throws -> UInt64 {
        var end = try await probe.attest(node.identity, network: node.network).logLength
        for _ in 0..<Self.looks where end > 0 {
            let first = end - min(end, Self.look)
            let numbers = try await receipts(from: first, upTo: end, identity: node.identity, network: node.network).filter {
                $0.grant == grant.id
            }.map(\.sequence)
            if let mark = numbers.max() { return mark }
            end = first
        }
        return 0
    }

    /// Entries that are looked through at once, and how often.
    private static let look: UInt32 = 8
    private static let looks = 8

    /// Throws when this computer's clock is far ahead of the node's signed time.
    func checkClock(_ attestation: Attestation) throws {
        try controller.sequence.check(node: attestation.node, signed: attestation.earliest)
    }
}
