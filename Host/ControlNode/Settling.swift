// What was begun and not seen to its end: a change of ownership whose program was killed, or whose answer was lost. The node knows how it ended.
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting

extension RemoteNode {
    /// Finds out how the message ended that the book has as pending, or how the node came into another ownership, and brings the book into line.
    /// - Returns: what is known of the node then, nil when it is not this control node's any more; and the receipt of the pending change, if it
    ///   was carried out.
    func settle(_ node: KnownNode, _ attestation: Attestation) async throws -> (node: KnownNode?, receipt: Receipt?) {
        if let sent = node.unconfirmedBind { return try await settleAcquisition(node, sent, attestation) }
        var receipt: Receipt?
        if let pending = node.pending {
            receipt = try await pastReceipt(
                of: pending.sent, from: node.identity, network: node.network, upTo: attestation.logLength)
            if receipt?.outcome == .done {
                controller.notice(.finished(node.address, pending.type))
            } else if attestation.epoch != pending.epoch || attestation.mark >= pending.sent.sequence {
                controller.notice(.abandoned(node.address, pending.type))
            } else {
                // It may still be on its way: the node has taken nothing of that number or above.
                return (node, nil)
            }
        }
        let owner = attestation.authorities.owner
        guard let owner, owner == controller.key.publicKey || owner == node.pending?.newOwner && node.pending?.type == .rotate
        else {
            let isExpected = receipt?.outcome == .done && (owner == nil || owner == node.pending?.newOwner)
            if isExpected { try controller.book.forget(node.address) }
            if !isExpected, node.pending != nil { try controller.book.update(node.address) { $0.pending = nil } }
            return (nil, receipt)
        }
        if node.pending == nil, node.epoch != attestation.epoch {
            controller.notice(.caughtUp(node.address, epoch: attestation.epoch))
        }
        var settled = node
        try controller.book.update(node.address) {
            // A mark is of an ownership.
            if $0.epoch != attestation.epoch { $0.mark = nil }
            ($0.epoch, $0.owner, $0.pending) = (attestation.epoch, owner, nil)
            settled = $0
        }
        return (settled, receipt)
    }

    /// A bind, recovery or takeover whose end was not seen.
    private func settleAcquisition(_ node: KnownNode, _ sent: KnownNode.SentMessage, _ attestation: Attestation) async throws
        -> (node: KnownNode?, receipt: Receipt?)
    {
        guard attestation.authorities.owner == node.owner else { return (nil, nil) }
        let receipt = try await pastReceipt(of: sent, from: node.identity, network: node.network, upTo: attestation.logLength)
        var settled = KnownNode(
            address: node.address, identity: node.identity, network: node.network, epoch: attestation.epoch, owner: node.owner,
            name: node.name, boundAt: node.boundAt)
        if let receipt { (settled.nextIndex, settled.chain) = (receipt.index + 1, receipt.chain.hex) }
        try controller.book.record(settled)
        controller.notice(.finished(node.address, receipt?.type ?? .bind))
        return (settled, receipt)
    }

    /// The receipt of a change of that type which an earlier program had sent to the node, if the node has carried it out; the book then says so.
    func finished(_ type: MessageType, newOwner: PublicKey? = nil) async throws -> Receipt? {
        let status = try await status()
        guard let address = status.address, let node = try controller.book.node(address) else { return nil }
        guard node.unconfirmedBind != nil || node.pending.map({ $0.type == type && $0.newOwner == newOwner }) ?? false else {
            return nil
        }
        let attestation = try await probe.attest(node.identity, network: node.network)
        let receipt = try await settle(node, attestation).receipt
        return receipt?.type == type && receipt?.outcome == .done ? receipt : nil
    }

    /// Writes the message down, runs `body`, which sends it, and strikes it out when the node proves that it did nothing.
    func writtenDown<R>(
        _ message: SignedMessage, to node: KnownNode, newOwner: PublicKey?, _ body: () async throws -> R
    ) async throws -> R {
        let pending = KnownNode.PendingChange(message, newOwner: newOwner, logLength: node.nextIndex ?? 0)
        try controller.book.update(node.address) { $0.pending = pending }
        do { return try await body() } catch let error where (error as? Refusal)?.isProven == true || error is NotDone {
            try controller.book.update(node.address) { if $0.pending == pending { $0.pending = nil } }
            throw error
        }
    }

    /// Why the node does not obey the key of this controller.
    func disobeys(_ node: KnownNode, _ attestation: Attestation) -> Failure {
        guard let owner = attestation.authorities.owner else {
            return Failure(
                .usage, "\(node.address) has no owner since entry \(attestation.since): it was released, or reset by its button",
                about: "\(node.address)", remedy: .bind)
        }
        if owner == node.owner, let file = node.keyFile {
            return Failure(
                .usage, "\(node.address) obeys the key \(owner) since entry \(attestation.since): you have rotated it to that",
                about: "\(node.address)", remedy: .useKey(file: file))
        }
        return Failure(
            .usage, "\(node.address) obeys the key \(owner) since entry \(attestation.since), not the one of this control node",
            about: "\(node.address)", remedy: .either([.nameKey, .verifyStatus, .advice("Ask its owner")]))
    }
}
