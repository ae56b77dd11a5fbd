// A node whose flash was rolled back or exchanged has another log than before: both are evidence, and neither stops the work.
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting

extension RemoteNode {
    /// Entries that one answer more goes back while the point is looked for where two logs part.
    private static let step: UInt32 = 4

    /// Sets aside what the node's log, as it signs it now, contradicts, and remembers where the present one ends.
    func reconcile(_ node: KnownNode, _ attestation: Attestation) async throws {
        let addressee = Addressee(node.address, identity: node.identity, network: node.network, logStart: node.nextIndex ?? 0)
        let start = try await branching(addressee, attestation)
        guard start < node.nextIndex ?? 0 else { return }
        try controller.book.update(node.address) {
            $0.nextIndex = attestation.logLength
            $0.chain = attestation.chain
        }
    }

    /// Where the node's present log parts from the one that is kept here, once the former entries are set aside; the length of the log when it
    /// does not.
    /// - Parameter first: an entry that contradicts what is kept; nil where nothing is known of one.
    /// - Throws: `Failure` of kind `notAuthentic` when what is handed over does not lead to the head that the node signs.
    func branching(_ addressee: Addressee, _ attestation: Attestation, from first: UInt32? = nil) async throws -> UInt32 {
        let (node, end) = (addressee.node, attestation.logLength)
        var (start, chain) = (end, [UInt8](hex: attestation.chain) ?? [])
        var fetched: [Receipt] = []
        var lower = first.map { min($0, end) } ?? end
        while fetched.count < Self.entriesAtOnce {
            if lower < start {
                let part = try await linked(lower..<start, to: chain, addressee)
                fetched = part + fetched
                (start, chain) = (part[0].index, part[0].previous)
                // The node has lost what came before.
                if start > lower { break }
            }
            let ours = try controller.log.chain(before: start, of: node)
            guard start > 0, ours.map({ $0 != chain }) ?? !fetched.isEmpty else { break }
            lower = start - min(start, Self.step)
        }
        var fork = try controller.log.record(
            fetched, identity: addressee.identity, network: addressee.network, isPresent: true)
        if try controller.log.cut(at: end, of: node) { fork = min(fork ?? end, end) }
        if let fork { controller.notice(.forked(node, from: fork)) }
        return fork ?? end
    }

    /// The node's entries of `range`, unbroken and followed by `chain`; without those at its beginning that the node has lost.
    private func linked(_ range: Range<UInt32>, to chain: [UInt8], _ addressee: Addressee) async throws -> [Receipt] {
        var part: [Receipt] = []
        while let next = Optional(part.last.map { $0.index + 1 } ?? range.lowerBound), next < range.upperBound,
            part.count < Self.entriesAtOnce
        {
            let more = try await fetch(from: next, identity: addressee.identity, network: addressee.network).receipts
            if more.isEmpty { break }
            part += more
        }
        part.removeAll { $0.index >= range.upperBound }
        guard part.last?.chain == chain, zip(part, part.dropFirst()).allSatisfy({ $0.chain == $1.previous }) else {
            throw Failure(
                .notAuthentic, "the entries of \(addressee.node) that were handed over do not lead to the log that it signs",
                advice: "Something on the way shows old entries: ask it over another way")
        }
        return part
    }
}
