// What an owner does with a node besides commanding it (R5, R6, R10): let go of it, hand it on, name who may step in, tell the time.
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting

extension RemoteNode {
    /// Signs what `make` makes for the node at the other end, sends it, and returns the receipt that says that it was done.
    func administer(
        _ node: KnownNode, _ make: (SignedMessage.Heading) throws -> SignedMessage
    ) async throws -> Receipt {
        try await numberedInTurn(node) { node, sequence in
            try await delivered(try make(heading(node, sequence)), to: node)
        }
    }

    /// As `administer`, for what changes who can act on the node: it is written down before it is sent.
    /// - Parameter newOwner: who owns the node afterwards; nil for no owner, or the present one.
    private func change(
        _ node: KnownNode, newOwner: PublicKey?, _ make: (SignedMessage.Heading) throws -> SignedMessage
    ) async throws -> Receipt {
        try await numberedInTurn(node) { node, sequence in
            let message = try make(heading(node, sequence))
            return try await writtenDown(message, to: node, newOwner: newOwner) { try await delivered(message, to: node) }
        }
    }

    private func delivered(_ message: SignedMessage, to node: KnownNode) async throws -> Receipt {
        let receipt = try await deliver(message, to: Addressee(node))
        try await remember(receipt)
        guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
        return receipt
    }

    private func heading(_ node: KnownNode, _ sequence: UInt64) -> SignedMessage.Heading {
        .init(node.address, epoch: node.epoch, sequence: sequence, network: node.network)
    }

    /// Gives the node up: its label binds it again.
    /// - Parameter recovery: the node's recovery key, which must consent where there is one.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does; the node stays in the book then.
    @discardableResult
    public func release(recovery: SigningKey? = nil) async throws -> Receipt {
        if let receipt = try await finished(.release) { return receipt }
        let node = try await known()
        let receipt = try await change(node, newOwner: nil) { heading in
            let consent = recovery.map { self.consent(to: .release, heading, .none, by: $0) }
            return .release(heading, consent: consent, owner: controller.key.signing)
        }
        try kept(receipt) { try controller.book.forget(node.address) }
        return receipt
    }

    /// The consent of this control node to become the owner of the node at the other end, by a transfer of its present owner.
    /// - Parameter recovery: a recovery key that the node is to have from then on.
    /// - Throws: `Failure`, of kind `usage` when the node has no owner, of kind `notAuthentic` when it is not the one of its
    ///   address or has test keys.
    public func accept(recovery: PublicKey? = nil) async throws -> Acceptance {
        let (node, attestation) = try await strange()
        guard let owner = attestation.authorities.owner else {
            throw Failure(
                .usage, "\(node.address) has no owner who could hand it over", about: "\(node.address)", remedy: .bind)
        }
        return Acceptance(
            of: node.address, epoch: attestation.epoch, network: node.network, newOwner: controller.key.signing,
            purpose: .transfer, from: owner, resultingIn: Authorities(owner: controller.key.publicKey, recovery: recovery))
    }

    private func consent(
        to purpose: MessageType, _ heading: SignedMessage.Heading, _ result: Authorities, by recovery: SigningKey
    ) -> Consent {
        Consent(
            to: purpose, of: heading.node, epoch: heading.epoch, network: heading.network, resultingIn: result.digest,
            recovery: recovery)
    }

    /// Hands the node to the key that made `acceptance`.
    /// - Parameter recovery: the node's recovery key, which must consent where there is one.
    /// - Throws: `Failure` of kind `usage`, before anything is sent, when the acceptance is not for this node, ownership and
    ///   owner; otherwise `NotDone`, `Refusal` or `Failure`, as `send` does. The node stays in the book then.
    @discardableResult
    public func transfer(to acceptance: Acceptance, recovery: SigningKey? = nil) async throws -> Receipt {
        if let receipt = try await finished(.transfer, newOwner: acceptance.newOwner) { return receipt }
        let node = try await known()
        let result = Authorities(owner: acceptance.newOwner, recovery: acceptance.recovery)
        try check(acceptance, node, result)
        let receipt = try await change(node, newOwner: acceptance.newOwner) { heading in
            let consent = recovery.map { self.consent(to: .transfer, heading, result, by: $0) }
            return .transfer(
                heading, to: acceptance, recovery: acceptance.recovery, consent: consent, owner: controller.key.signing)
        }
        try kept(receipt) { try controller.book.forget(node.address) }
        return receipt
    }

    private func check(_ acceptance: Acceptance, _ node: KnownNode, _ result: Authorities) throws {
        guard acceptance.node == node.address, acceptance.epoch == node.epoch, acceptance.network == node.network else {
            throw Failure(
                .usage,
                "the acceptance is for \(acceptance.node) in epoch \(acceptance.epoch), not for this node as it is now",
                remedy: .inOrder([.advice("Ask the new owner for a new one"), .acceptTransfer]))
        }
        guard acceptance.purpose == .transfer, acceptance.counterparty == controller.key.publicKey,
            acceptance.authorities == result.digest
        else {
            throw Failure(
                .usage, "the acceptance is for another purpose, from another owner, or with another result",
                remedy: .inOrder([.advice("Ask the new owner for a new one"), .acceptTransfer]))
        }
    }

    /// Replaces the key that owns the node. The book then names the new key; use it from now on.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does. Should the answer be lost, the next program with either key finds out by
    ///   the node's attestation which of them it obeys.
    @discardableResult
    public func rotate(to key: SigningKey) async throws -> Receipt {
        if let receipt = try await finished(.rotate, newOwner: key.publicKey) { return receipt }
        let node = try await known()
        var result = try await probe.attest(node.identity, network: node.network).authorities
        result.owner = key.publicKey
        let acceptance = Acceptance(
            of: node.address, epoch: node.epoch, network: node.network, newOwner: key, purpose: .rotate,
            from: controller.key.publicKey, resultingIn: result)
        let receipt = try await change(node, newOwner: key.publicKey) {
            .rotate($0, to: acceptance, owner: controller.key.signing)
        }
        let epoch = try await attested(node.identity, node.network)?.epoch ?? node.epoch &+ 1
        try kept(receipt) {
            try controller.book.update(node.address) {
                ($0.epoch, $0.owner, $0.pending, $0.mark) = (epoch, key.publicKey, nil, nil)
            }
        }
        return receipt
    }

    /// Replaces the list of controllers that may take over, by rank.
    /// - Throws: `Failure` of kind `usage`, before anything is sent, for more than 3 backups or a silence of 0; otherwise
    ///   `NotDone`, `Refusal` or `Failure`, as `send` does.
    @discardableResult
    public func setBackups(_ backups: [Backup]) async throws -> Receipt {
        guard backups.count <= 3, backups.allSatisfy({ $0.silence > 0 }) else {
            throw Failure(
                .usage, "a node takes at most 3 backups, each with a silence above 0", advice: "Name fewer, or longer silences")
        }
        let node = try await known()
        let receipt = try await change(node, newOwner: nil) { .backups($0, backups, owner: controller.key.signing) }
        try kept(receipt) { try controller.book.update(node.address) { $0.pending = nil } }
        return receipt
    }

    /// Forbids or allows the reset by the node's button. To forbid it the button must have been pressed within the minute before.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does.
    @discardableResult
    public func setReset(forbidden: Bool) async throws -> Receipt {
        try await administer(try await known()) {
            .settings($0, forbidsReset: forbidden, owner: controller.key.signing)
        }
    }

    /// Tells the node the time, in answer to its token, so that it knows and need not guess.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does.
    @discardableResult
    public func setTime(_ time: Date = Date()) async throws -> Receipt {
        let node = try await known()
        try checkClock(try await probe.attest(node.identity, network: node.network))
        let token = try await token()
        return try await administer(node) { .time($0, seconds: time.seconds1970, token: token, owner: controller.key.signing) }
    }

    // MARK: Becoming the owner

    /// The node at the other end, owned or not, proven to be the one of its address, and what it signs of itself.
    /// - Throws: `Failure`, of kind `usage` when it is blank, of kind `notAuthentic` when its key is not the one of its address
    ///   or of the node book, or when it has test keys and they are not allowed.
    public func strange() async throws -> (node: KnownNode, attestation: Attestation) {
        let status = try await status()
        guard let address = status.address else { throw nameless(status) }
        let signer = try signer(shownBy: status)
        let attestation = try await probe.attest(signer.identity, network: signer.network)
        let known = try controller.book.node(address)
        // One that is known already was taken with open eyes.
        if known == nil { try refuseTest(attestation) }
        var node = KnownNode(
            address: address, identity: signer.identity, network: signer.network, epoch: attestation.epoch,
            owner: controller.key.publicKey, name: known?.name)
        node.nextIndex = attestation.logLength
        return (node, attestation)
    }

    private func acquire(_ node: KnownNode, _ make: (SignedMessage.Heading) throws -> SignedMessage) async throws -> Receipt {
        try await controller.inTurn(node.address) {
            try Room.check(in: controller.folder, count: 128 << 10)
            let present = try controller.book.node(node.address)
            let message = try make(heading(node, try controller.sequence.next(above: present?.mark ?? 0)))
            let isAcquiring = message.type != .time
            if isAcquiring, present.map({ $0.unconfirmedBind != nil || $0.owner != node.owner || $0.epoch != node.epoch }) ?? true
            {
                var sent = node
                sent.unconfirmedBind = .init(message, logLength: node.nextIndex ?? 0)
                try controller.book.record(sent)
            }
            do {
                let receipt = try await deliver(message, to: Addressee(node))
                guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
                return try await confirm(
                    receipt, identity: node.identity, network: node.network, epoch: node.epoch &+ (isAcquiring ? 1 : 0))
            } catch let error where isAcquiring && ((error as? Refusal)?.isProven == true || error is NotDone) {
                if let present { try controller.book.record(present) } else { try controller.book.forget(node.address) }
                throw error
            }
        }
    }

    /// Makes this control node the owner, with the recovery key that was fixed at bind.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does; the book is as it was then.
    @discardableResult
    public func recover(with recovery: SigningKey) async throws -> Receipt {
        if let receipt = try await finished(.recover) { return receipt }
        let (node, attestation) = try await strange()
        try checkClock(attestation)
        return try await acquire(node) { .recover($0, to: controller.key.publicKey, recovery: recovery) }
    }

    /// Makes this control node the owner, as a backup whose owner has been silent.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does; the book is as it was then.
    @discardableResult
    public func takeOver() async throws -> Receipt {
        if let receipt = try await finished(.takeover) { return receipt }
        let (node, attestation) = try await strange()
        try checkClock(attestation)
        let token = try await token()
        return try await acquire(node) { .takeover($0, token: token, backup: controller.key.signing) }
    }

    /// After the former owner's transfer: makes sure that it was one, that the node obeys this control node alone, and remembers
    /// the node.
    /// - Parameter recovery: the recovery key that was brought along, if any.
    /// - Throws: `Failure` of kind `notAuthentic` when the node obeys another key, has other authorities than `recovery`, or does
    ///   not sign that it was transferred; otherwise as `send` does. The book is as it was then.
    @discardableResult
    public func finishTransfer(recovery: PublicKey? = nil) async throws -> Receipt {
        let (node, attestation) = try await strange()
        let wanted = Authorities(owner: controller.key.publicKey, recovery: recovery)
        guard attestation.authorities.owner == wanted.owner else {
            throw Failure(
                .notAuthentic, "\(node.address) does not obey this control node", about: "\(node.address)",
                remedy: .inOrder([.advice("Its owner must hand it over first"), .transfer]))
        }
        guard attestation.authorities == wanted else {
            throw Failure(
                .notAuthentic, "the former owner has left something behind on \(node.address):\n\(attestation.authorities)",
                advice:
                    "Do not pay for it: those keys can take it back. It must be handed over with a transfer, not with a rotation")
        }
        try await demandTransfer(node, attestation, wanted)
        try checkClock(attestation)
        let token = try await token()
        return try await acquire(node) { .time($0, seconds: Date().seconds1970, token: token, owner: controller.key.signing) }
    }

    /// The entry that has begun this ownership must be a transfer with that result.
    private func demandTransfer(_ node: KnownNode, _ attestation: Attestation, _ result: Authorities) async throws {
        let raised = attestation.since == 0 ? nil : attestation.since - 1
        let receipt =
            if let raised {
                try await batch(from: raised, identity: node.identity, network: node.network).first { $0.index == raised }
            } else { nil as Receipt? }
        guard let receipt, receipt.subject == [MessageType.transfer.rawValue], receipt.outcome == .done, receipt.leaves(result)
        else {
            throw Failure(
                .notAuthentic, "the log of \(node.address) does not say that it came to this control node by a transfer",
                remedy: .inOrder([.advice("Do not pay for it: ask for a transfer to a new acceptance"), .acceptTransfer]))
        }
    }
}
