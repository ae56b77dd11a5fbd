// Lending rights to others (R12, R13, R14): grants given, paid and taken back by the owner; commands sent by their holders.
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting

extension RemoteNode {
    /// Gives a right and notes it in the book of grants. The node learns of it when it is first used.
    /// - Throws: `Failure`, of kind `usage` when a node cannot take these terms or the node is not owned here. No grant is noted
    ///   then.
    public func grant(_ terms: Grant.Terms) async throws -> Grant {
        try terms.check()
        let node = try await known()
        let given = Set(try controller.grants.grants().map(\.id))
        func signed(salt: [UInt8]) -> Grant {
            Grant(
                terms, on: node.address, epoch: node.epoch, network: node.network, salt: salt, owner: controller.key.signing
            )
        }
        var grant = signed(salt: [])
        // The same terms once more are another right, and need another id.
        while given.contains(grant.id.hex) { grant = signed(salt: randomBytes(8)) }
        try controller.grants.record(GivenGrant(grant))
        return grant
    }

    /// Takes a grant back, at once and for good.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does; the book then says nothing of a revocation.
    @discardableResult
    public func revoke(_ id: [UInt8]) async throws -> Receipt {
        let receipt = try await lendingMessage { .revoke($0, grant: id, owner: controller.key.signing) }
        try controller.grants.update(id) { $0.isRevoked = true }
        return receipt
    }

    /// Tells the node that `paid` ticks of a metered grant are paid, counted from the first.
    /// - Throws: `NotDone`, `Refusal` or `Failure`, as `send` does; the book then does not count the ticks.
    @discardableResult
    public func pay(_ id: [UInt8], ticks paid: UInt16) async throws -> Receipt {
        let receipt = try await lendingMessage { .tick($0, grant: id, paid: paid, owner: controller.key.signing) }
        try controller.grants.update(id) { $0.paid = max($0.paid, paid) }
        return receipt
    }

    private func lendingMessage(_ make: (SignedMessage.Heading) -> SignedMessage) async throws -> Receipt {
        try await administer(try await known(), make)
    }

    /// Sends a call as the holder of `grant`; a token is fetched when the node demands one.
    /// - Throws: `NotDone` when the node took the call and it did not end well; `Failure` of kind `usage`, before anything is
    ///   sent, when the grant is for another key or node; otherwise what `send` throws.
    @discardableResult
    public func perform(
        _ call: Call, as type: MessageType = .command, under grant: Grant, fresh: Bool = false, expires: Date? = nil
    ) async throws -> Receipt {
        guard grant.terms.holder == controller.key.publicKey else {
            throw Failure(
                .usage, "the grant is for the key \(grant.terms.holder), not for this control node",
                remedy: .either([.nameKey, .advice("Ask the owner for a grant for \(controller.key.publicKey)")]))
        }
        let (node, attestation) = try await strange()
        let addressee = Addressee(attestation, network: grant.network)
        guard node.address == grant.node else {
            throw Failure(
                .usage, "the grant is for \(grant.node), but this is \(node.address)",
                remedy: .nameNode([]))
        }
        return try await controller.inTurn(node.address) {
            try await numbered(node, under: grant) { sequence in
                let (receipt, _) = try await deliverFresh(to: addressee, demands: fresh) { token in
                    SignedMessage.call(
                        call, as: type, to: grant.node, epoch: grant.epoch, sequence: sequence, network: grant.network,
                        token: token,
                        expires: expires?.seconds1970, grant: grant, key: controller.key.signing)
                }
                guard receipt.outcome == .done else { throw await notDone(receipt, call) }
                return receipt
            }
        }
    }
}

extension Grant.Terms {
    /// Throws unless a node can take it.
    public func check() throws {
        func wrong(_ what: String, _ advice: String) -> Failure { Failure(.usage, what, advice: advice) }
        guard (1...4).contains(scope.count) else {
            throw wrong("a grant names 1 to 4 devices, not \(scope.count)", "Give several grants")
        }
        for name in scope.flatMap({ [$0.device] + $0.methods }) where !(1...16).contains(name.utf8.count) {
            throw wrong(
                "“\(name)” is no name of a device or method",
                "Names have 1 to 16 characters: take them from the node's list of devices")
        }
        if let uses, uses == 0 { throw wrong("a grant for no use is none", "Give at least 1") }
        if let hops, hops > 2 { throw wrong("a grant can be passed on at most twice, not \(hops) times", "Use 0, 1 or 2") }
        if let meter, !(1...86400).contains(meter.tick) || meter.ticks == 0 {
            throw wrong("a tick lasts 1 to 86400 seconds, and there is at least one", "Write it like 600x12")
        }
        if let notBefore, let expires, expires <= notBefore {
            throw wrong("the grant ends before it begins", "Check the two times")
        }
    }
}
