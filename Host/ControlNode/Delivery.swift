// Sending a signed message until its end is known: by its receipt, by the node's signed refusal, or by the node's signed log.
//
// Whatever is not signed by the node proves nothing: a lost answer, a refusal in plain words, an error of something on the way. Then the node
// is challenged; its attestation says where its log stands, and the log up to there, fetched and chained, says whether the message is in it.
// What is repeated is the very same bytes, or the same sequence number at least: of two messages with one number a node takes only one.
import CoAP
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting
import Transport

/// Who answers, and from which log entry on the answer can be.
struct Addressee {
    let node: NodeAddress
    let identity: PublicKey
    let network: UInt64
    /// Entries before this one are older than the message.
    let logStart: UInt32

    init(_ node: KnownNode) {
        self.init(node.address, identity: node.identity, network: node.network, logStart: node.nextIndex ?? 0)
    }

    init(_ attestation: Attestation, network: UInt64) {
        self.init(attestation.node, identity: attestation.identity, network: network, logStart: attestation.logLength)
    }

    init(_ node: NodeAddress, identity: PublicKey, network: UInt64, logStart: UInt32) {
        (self.node, self.identity, self.network, self.logStart) = (node, identity, network, logStart)
    }
}

extension RemoteNode {
    /// How often the same bytes are sent again while nothing is known of them.
    private static let rounds = 3

    /// Posts a signed message and returns its verified receipt.
    /// - Parameters:
    ///   - message: is repeated as it is.
    ///   - addressee: the node that the message is for.
    ///   - earlier: messages with the same sequence number that were sent before it: one of them may have been taken in its place.
    /// - Throws: a `Refusal` that is proven: signed by the node, or the message is not in its signed log; `Failure` of kind `uncertain` when it
    ///   cannot be known whether the message was carried out.
    func deliver(_ message: SignedMessage, to addressee: Addressee, after earlier: [SignedMessage] = []) async throws -> Receipt {
        var failure: any Error = uncertain(message)
        let end = ContinuousClock.now + client.patience * 2
        for _ in 0..<Self.rounds {
            do {
                let receipt = try await ask(message, addressee)
                try keep(receipt, addressee)
                return receipt
            } catch let error as Contradiction {
                // What the node signed is at odds with what it signed before: no repetition makes that good.
                throw error.failure
            } catch {
                if let refusal = error as? Refusal, refusal.isSigned { throw refusal }
                guard error is Refusal || error is Failure else { throw error }
                failure = error
            }
            let finding: Finding
            do { finding = try await lookUp([message] + earlier, addressee) } catch let error as Contradiction {
                throw error.failure
            }
            switch finding {
            case .receipt(let receipt): return receipt
            case .absent(let attestation):
                // The node's own word that it has not taken the message: whatever the refusal's reason is worth, nothing was done.
                if let refusal = failure as? Refusal, !contradicts(refusal, attestation, message) { throw refusal.proven }
            case .unknown: failure = uncertain(message)
            case .silent(let why):
                failure = silent(message, why)
                guard .now < end else { throw failure }
            }
        }
        throw failure is Refusal ? uncertain(message) : failure
    }

    /// A refusal that says the number was used up, while the node signs that it was not. The mark that it signs is its owner's.
    private func contradicts(_ refusal: Refusal, _ attestation: Attestation, _ message: SignedMessage) -> Bool {
        refusal.known == .replayed && attestation.epoch == message.epoch && attestation.mark < message.sequence
            && attestation.authorities.owner == controller.key.publicKey
    }

    private func uncertain(_ message: SignedMessage) -> Failure {
        Failure(
            .uncertain,
            "it is unknown whether \(message.audience) carried out the \(message.type.rawValue): nothing that it signed says so",
            remedy: .inOrder([
                .advice("Look at the device, and ask the node over another way; sending it again could do it twice"),
                .showHistory,
            ]))
    }

    private func silent(_ message: SignedMessage, _ why: String?) -> Failure {
        Failure(
            .uncertain,
            "\(why ?? "\(client.name) does not answer any more"): it is unknown whether the \(message.type.rawValue) was carried out",
            about: "\(client.name)",
            remedy: .inOrder([.advice("When it answers again, look there before sending anything twice"), .showHistory]))
    }

    // MARK: One exchange

    /// Sends a message once and believes its receipt, or the refusal that the node has signed for it.
    func exchange(_ message: SignedMessage, _ addressee: Addressee) async throws -> Receipt {
        do {
            let receipt = try await ask(message, addressee)
            try keep(receipt, addressee)
            return receipt
        } catch let error as Contradiction { throw error.failure }
    }

    /// A verified receipt that cannot be kept.
    private struct Contradiction: Error {
        let failure: any Error
    }

    /// Records a receipt that the node has signed just now: it answers a message of now.
    private func keep(_ receipt: Receipt, _ addressee: Addressee) throws {
        do {
            try kept(receipt) {
                if let fork = try controller.log.record(
                    [receipt], identity: addressee.identity, network: addressee.network, isPresent: true)
                {
                    controller.notice(.forked(receipt.node, from: fork))
                }
            }
        } catch { throw Contradiction(failure: error) }
    }

    /// Runs `body`, which records what the node has done: where it cannot, that is told, and what was done is done.
    func kept(_ receipt: Receipt, _ body: () throws -> Void) throws {
        do { try body() } catch let failure as Failure where failure.kind == .environment {
            controller.notice(.notRecorded(receipt.node, failure))
        }
    }

    private func ask(_ message: SignedMessage, _ addressee: Addressee) async throws -> Receipt {
        let answer = try await post(message, addressee)
        let receipt = try Receipt(verifying: answer, identity: addressee.identity, network: addressee.network)
        guard receipt.answers(message) else {
            if let failure = falseWitness(receipt, message) { throw Contradiction(failure: failure) }
            throw Failure(
                .notAuthentic, "the receipt from \(receipt.node) answers another message (sequence \(receipt.sequence))",
                remedy: .inOrder([
                    .advice("Something on the way repeats old receipts: look at what was really done"), .showHistory,
                ]))
        }
        return receipt
    }

    /// Why a receipt of this very message that speaks of another call is not to be believed; nil when it is another message's.
    private func falseWitness(_ receipt: Receipt, _ message: SignedMessage) -> Failure? {
        guard receipt.node == message.audience, receipt.answers(sequence: message.sequence, hash: message.hash),
            !receipt.answers(message)
        else { return nil }
        return Failure(
            .notAuthentic,
            "\(receipt.node) signs that it took the \(message.type.rawValue), and names another call: "
                + receipt.subject.joined(separator: "."),
            remedy: .inOrder([.advice("Its firmware is not what it should be: look at what was really done"), .showHistory]))
    }

    /// How long strangers may keep a message from being looked at.
    private static let patience = Duration.seconds(60)

    /// Posts a message, again and again while strangers use up the attempts on its wire: of the next one this message has its share, however
    /// many they send. Pauses are random, or a stranger could be in front each time.
    private func post(_ message: SignedMessage, _ addressee: Addressee) async throws -> [UInt8] {
        let (end, patient) = (ContinuousClock.now + Self.patience, ContinuousClock.now + client.patience)
        var request = Request.post(message.type.rawValue, message.bytes, contentFormat: CoAPContentFormat.coseSign1)
        request.longestAnswer = NodeProbe.longestAnswer
        while true {
            let response = try await client.send(request)
            if response.isSuccess { return response.payload }
            let refusal: Refusal
            switch Busy.reason(of: response, from: client.name) {
            case let busy as Busy:
                guard .now + busy.wait < patient else { throw busy.failure }
                try await Task.sleep(for: busy.wait)
                continue
            case let found as Refusal: refusal = found
            case let failure?: throw failure
            case nil:
                throw Refusal(
                    try RefusalStatement(
                        verifying: response.payload, of: message, identity: addressee.identity, network: addressee.network))
            }
            guard refusal.known == .tooManyAttempts, .now < end else { throw refusal }
            try await Task.sleep(for: .milliseconds(.random(in: 20...200)))
        }
    }

    // MARK: What the node itself says

    private enum Finding {
        case receipt(Receipt)
        /// The log up to the attested head lacks it.
        case absent(Attestation)
        /// The node answers, but not with all that it signs to have.
        case unknown
        /// Nothing answers, or something on the way says why the node does not.
        case silent(why: String?)
    }

    /// Looks for the receipt of one of `messages` in the node's log, up to where the node signs that it ends.
    private func lookUp(_ messages: [SignedMessage], _ addressee: Addressee) async throws -> Finding {
        do {
            let attestation = try await probe.attest(addressee.identity, network: addressee.network)
            // A log that has become shorter is another one: the message is behind what both have.
            var start = min(addressee.logStart, try await branching(addressee, attestation))
            var receipts: [Receipt]
            do { receipts = try await self.receipts(from: start, upTo: attestation.logLength, addressee) } catch let failure
                as Failure
                where failure.kind == .notAuthentic
            {
                start = try await branching(addressee, attestation, from: start)
                receipts = try await self.receipts(from: start, upTo: attestation.logLength, addressee)
            }
            if let found = receipts.last(where: { receipt in messages.contains { receipt.answers($0) } }) {
                return .receipt(found)
            }
            for receipt in receipts {
                for message in messages {
                    if let failure = falseWitness(receipt, message) { throw Contradiction(failure: failure) }
                }
            }
            // A part of the log that is lost may have held it.
            let isWhole = receipts.count == attestation.logLength - start
            guard isWhole, receipts.last.map({ $0.chain.hex == attestation.chain }) ?? true else { return .unknown }
            return .absent(attestation)
        } catch let busy as Busy {
            return .silent(why: busy.failure.what)
        } catch let failure as Failure where failure.kind == .unreachable {
            return .silent(why: nil)
        } catch let failure as Failure where failure.kind == .malformedAnswer || failure.kind == .notAuthentic {
            return .unknown
        } catch is Refusal {
            return .unknown
        }
    }

    private func receipts(from first: UInt32, upTo end: UInt32, _ addressee: Addressee) async throws -> [Receipt] {
        try await receipts(from: first, upTo: end, identity: addressee.identity, network: addressee.network)
    }

    /// The receipts of the entries from `first` up to `end`, as far as they are handed over.
    func receipts(from first: UInt32, upTo end: UInt32, identity: PublicKey, network: UInt64) async throws -> [Receipt] {
        var receipts: [Receipt] = []
        while let next = Optional(receipts.last.map { $0.index + 1 } ?? first), next < end, receipts.count < Self.entriesAtOnce {
            let more = try await batch(from: next, identity: identity, network: network)
            if more.isEmpty { break }
            receipts += more
        }
        return receipts.filter { $0.index < end }
    }

    /// The receipt of a message sent earlier, if the node's log of `end` entries still has it.
    func pastReceipt(of sent: KnownNode.SentMessage, from identity: PublicKey, network: UInt64, upTo end: UInt32) async throws
        -> Receipt?
    {
        guard let hash = [UInt8](hex: sent.hash) else { return nil }
        // Older entries cannot be about it, and each costs the node a signature.
        return try await receipts(from: sent.logLength, upTo: end, identity: identity, network: network).last {
            $0.answers(sequence: sent.sequence, hash: hash)
        }
    }

    // MARK: Remembering

    /// Records how far the node's log has been seen, and notices when it was cut or rewritten. Entries that others have made meanwhile are
    /// fetched: they are evidence, and the node's ring forgets them.
    func remember(_ receipt: Receipt) async throws {
        var unseen: Range<UInt32>?
        var known: KnownNode?
        try kept(receipt) {
            try controller.book.update(receipt.node) { node in
                if let next = node.nextIndex, receipt.index > next { unseen = next..<receipt.index }
                node.nextIndex = receipt.index + 1
                node.chain = receipt.chain.hex
                // Where the count stands below the mark, the mark counts on.
                if let mark = node.mark { node.mark = max(mark, receipt.sequence) }
                known = node
            }
        }
        guard let unseen, let known else { return }
        do {
            _ = try await receipts(
                from: unseen.lowerBound, upTo: unseen.upperBound, identity: known.identity, network: known.network)
        } catch let failure as Failure where failure.kind == .notAuthentic {
            // The log is another one: “history” finds out from where on.
        } catch {
            // The message is done, and its receipt is here; “history” fetches what is missing, and says what it does not get.
        }
    }
}
