// A light node as its control node sees it: ask, bind, command, and believe only what it signed.
import CoAP
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Reporting
import Transport

/// A light node at the other end of a connection.
///
///     let node = RemoteNode(client, controller: controller)
///     try await node.bind(label: ClaimLabel(parsing: scanned))
///     try await node.`$`("led").on()
public struct RemoteNode: Sendable {
    /// The connection to the node; others may use it at the same time.
    public let client: CoAPClient
    /// In whose name the node is owned and commanded.
    public let controller: Controller
    /// True if nodes with test keys may be owned. A control node in earnest refuses them: their secrets are known elsewhere.
    public let allowsTest: Bool
    /// The only node that may be at the other end; nil where the connection alone says which it is. Nothing is signed for another.
    public let only: NodeAddress?

    /// Sends nothing; the node need not be owned yet.
    /// - Parameters:
    ///   - allowsTest: true only for rehearsals and tests.
    ///   - only: the only node that is meant.
    public init(_ client: CoAPClient, controller: Controller, allowsTest: Bool = false, only: NodeAddress? = nil) {
        self.only = only
        self.client = client
        self.controller = controller
        self.allowsTest = allowsTest
    }

    // MARK: Asking

    var probe: NodeProbe { NodeProbe(client) }

    /// What the node tells of itself. Unsigned: good for showing, no ground for trust.
    /// - Throws: `Failure`, of kind `unreachable` when it does not answer; `Refusal` when it refuses.
    public func status() async throws -> NodeStatus {
        let status = try await probe.status()
        guard let only, status.address != only else { return status }
        throw Failure(
            .notAuthentic, "\(client.name) is \(status.address?.description ?? "a node without an address"), not \(only)",
            about: client.name, remedy: .inOrder([.advice("Something else answers there now"), .listNodes]))
    }

    /// The devices of the node and their methods.
    /// - Throws: `Failure`, of kind `unreachable` when the node does not answer; `Refusal` when it refuses.
    public func devices() async throws -> [DeviceDescription] { try await probe.devices() }

    // MARK: Owning

    /// R3: makes this control node the node's owner, with the secret of its label, and remembers the node.
    ///
    /// Binding again after a lost answer is harmless: the node's log then shows that the earlier bind was ours.
    /// - Parameters:
    ///   - label: the node's, with the secret that signs the bind.
    ///   - name: what the node is remembered by.
    ///   - recovery: the key that may later name a new owner.
    /// - Throws: `Refusal` or `NotDone` when the node did not take it: the book then forgets the attempt. `Failure`, of kind
    ///   `usage` when the label is another node's, of kind `uncertain` or `unreachable` when its end is not known: the book keeps
    ///   the attempt, and binding again finds out.
    /// - Returns: the receipt of the bind.
    @discardableResult
    public func bind(label: ClaimLabel, name: String? = nil, recovery: PublicKey? = nil) async throws -> Receipt {
        let status = try await status()
        guard let address = status.address else { throw nameless(status) }
        guard address == label.address else {
            throw Failure(
                .usage, "the label is for \(label.address), but \(client.name) is \(address)",
                remedy: .either([.advice("Use the label that came with this node"), .nameNode([])]))
        }
        guard let identity = status.identity else {
            throw probe.malformed("status", "without its identity key, so that its receipts could not be verified")
        }
        let network = status.network
        let before = try await probe.attest(identity, network: network)
        try refuseTest(before)
        if let known = try controller.book.node(address), let sent = known.unconfirmedBind {
            if let receipt = try await pastReceipt(of: sent, from: identity, network: network, upTo: before.logLength) {
                return try await confirm(receipt, identity: identity, network: network, name: name)
            }
        }
        try checkClock(before)
        try Room.check(in: controller.folder, count: 128 << 10)
        let message = SignedMessage.bind(
            address, owner: controller.key.signing, epoch: before.epoch, sequence: try controller.sequence.next(),
            network: network, recovery: recovery, claim: label.claimKey)
        // On the disk before it is sent: whatever happens now, the next attempt can tell whether this one succeeded.
        let present = try controller.book.node(address)
        let owned = before.authorities.owner == nil ? nil : present.flatMap { $0.unconfirmedBind == nil ? $0 : nil }
        if owned == nil {
            var node = KnownNode(
                address: address, identity: identity, network: network, epoch: before.epoch, owner: controller.key.publicKey,
                name: name)
            node.unconfirmedBind = .init(message, logLength: before.logLength)
            try controller.book.record(node)
        }
        do {
            let receipt = try await deliver(message, to: Addressee(before, network: network))
            guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
            return try await confirm(receipt, identity: identity, network: network, name: name, epoch: before.epoch &+ 1)
        } catch let error where (error as? Refusal)?.isProven == true || error is NotDone {
            if owned == nil { try controller.book.forget(address) }
            throw error
        }
    }

    /// Records the node as owned: its receipt says so.
    /// - Parameter epoch: what follows from a receipt of just now. Nothing unsigned that comes after it makes it undone.
    func confirm(
        _ receipt: Receipt, identity: PublicKey, network: UInt64, name: String? = nil, epoch: UInt32? = nil
    ) async throws -> Receipt {
        // Asked for again, signed, rather than reckoned: the epoch is what every later message depends on.
        let after = try await attested(identity, network, isNeeded: epoch == nil)
        guard after.map({ $0.authorities.owner == controller.key.publicKey }) ?? true else {
            throw Failure(
                .notAuthentic, "\(receipt.node) does not obey this control node, although its log says that it did",
                about: "\(receipt.node)",
                remedy: .inOrder([.advice("It has another owner since: look at it"), .verifyStatus]))
        }
        var node = KnownNode(
            address: receipt.node, identity: identity, network: network, epoch: after?.epoch ?? epoch ?? 0,
            owner: controller.key.publicKey,
            name: try name ?? controller.book.node(receipt.node)?.name)
        node.nextIndex = receipt.index + 1
        node.chain = receipt.chain.hex
        node.place = client.name
        // Where there is no room left, the book has it as sent: the next program finishes it.
        try kept(receipt) { try controller.book.record(node) }
        return receipt
    }

    /// What the node attests now; nil when what comes in its place proves nothing, and it is not needed.
    func attested(_ identity: PublicKey, _ network: UInt64, isNeeded: Bool = false) async throws -> Attestation? {
        do { return try await probe.attest(identity, network: network) } catch let error
            where !isNeeded && (error is Refusal || error is Failure)
        { return nil }
    }

    /// Throws if the node has signed that its keys are test ones, and this control node takes none of those.
    func refuseTest(_ attestation: Attestation) throws {
        guard attestation.isTest, !allowsTest else { return }
        throw Failure(
            .notAuthentic, "\(attestation.node) has TEST keys: it comes from a rehearsal, and is to be trusted with nothing",
            about: "\(attestation.node)",
            remedy: .either([.advice("Return it to the seller"), .allowTestKeys]))
    }

    /// Why a node with this status has no identity.
    func nameless(_ status: NodeStatus) -> Failure {
        status.state == .damaged
            ? Failure(
                .malformedAnswer,
                "\(client.name) is damaged: its identity cannot be read (\(status.damaged.joined(separator: ", ")))",
                about: "\(client.name)",
                remedy: .inOrder([.showStatus, .advice("Reset it to the factory's state, or return it")]))
            : Failure(
                .usage, "\(client.name) is blank: it has no identity yet", about: "\(client.name)", remedy: .provision)
    }

    /// The entry of the node book for the node at the other end, once what an earlier program had begun there is finished.
    /// - Throws: `Failure`, of kind `usage` when the node is blank or not owned by this control node, of kind `unreachable` when
    ///   it does not answer.
    public func known() async throws -> KnownNode {
        let status = try await status()
        guard let address = status.address else { throw nameless(status) }
        guard let node = try controller.book.node(address) else {
            throw Failure(
                .usage, "\(client.name) is \(address), which this control node does not own", about: "\(client.name)",
                remedy: status.state == .unowned ? .bind : .either([.advice("Ask its owner"), .nameKey, .adopt]))
        }
        // The status is not signed: it says only that it is worth asking.
        guard
            node.unconfirmedBind != nil || node.pending != nil || status.epoch != node.epoch
                || node.owner != controller.key.publicKey
        else { return node }
        let attestation = try await probe.attest(node.identity, network: node.network)
        let settled = try await settle(node, attestation).node
        if settled == nil, node.unconfirmedBind != nil, attestation.authorities.owner == nil {
            throw Failure(
                .usage, "\(address) was not bound: an earlier bind did not reach it", about: "\(address)",
                remedy: .inOrder([.advice("Bind it again"), .bind]))
        }
        guard let settled, settled.owner == controller.key.publicKey else { throw disobeys(node, attestation) }
        return settled
    }

    /// Takes a node into the book that obeys this control node's key: the key was restored from a backup, and the book was not. The node signs
    /// for a fresh challenge that it does, and who else can act on it: whoever handed it over by another way than a transfer may have left
    /// something there, so that list is to be looked at.
    /// - Throws: `Failure`, of kind `notAuthentic` when the node obeys another key, or has test keys.
    public func adopt() async throws -> Attestation {
        let (stranger, attestation) = try await strange()
        guard attestation.authorities.owner == controller.key.publicKey else { throw disobeys(stranger, attestation) }
        var node = stranger
        (node.place, node.mark) = (client.name, attestation.mark)
        // What is known of it already stays.
        if try controller.book.node(node.address) == nil { try controller.book.record(node) }
        return attestation
    }

    // MARK: Commanding

    /// Sends a call and returns the node's verified receipt. The receipt's outcome says how it ended.
    /// - Parameters:
    ///   - call: the device of the node, its method and the arguments.
    ///   - type: `.command`, executed exactly once, or `.state`, an idempotent desired state.
    ///   - fresh: prove to the node that the message is signed just now, with a token and a short time in which it is good. A device that
    ///     demands it gets it anyway.
    ///   - expires: the node refuses the message from then on.
    /// - Throws: `Refusal` when the node has not taken the message; `Failure`, of kind `usage` when the node is not owned here,
    ///   of kind `uncertain` or `unreachable` when it is not known whether the call was carried out, of kind `notAuthentic` when
    ///   what the node signed contradicts what it signed before.
    @discardableResult
    public func send(_ call: Call, as type: MessageType = .command, fresh: Bool = false, expires: Date? = nil) async throws
        -> Receipt
    {
        try await numberedInTurn(try await known()) { node, sequence in
            let demands = fresh || node.demandingDevices?.contains(call.device) ?? false
            let receipt = try await deliverFresh(to: Addressee(node), demands: demands) { token in
                let now = Date()
                // With a token the node knows the signer's clock, and so when the message ends, even if it does not know the time.
                let end = token == nil ? expires : min(expires ?? .distantFuture, now + Self.goodFor)
                return SignedMessage.call(
                    call, as: type, to: node.address, epoch: node.epoch, sequence: sequence, network: node.network, token: token,
                    time: token.map { _ in now.seconds1970 }, expires: end?.seconds1970, key: controller.key.signing)
            }
            if receipt.isFresh, !demands {
                // It said so itself: next time it gets what it wants at once.
                try kept(receipt.receipt) {
                    try controller.book.update(node.address) { $0.demandingDevices = ($0.demandingDevices ?? []) + [call.device] }
                }
            }
            try await remember(receipt.receipt)
            return receipt.receipt
        }
    }

    /// How long a message is good that proves its freshness: as long as its token.
    private static let goodFor: TimeInterval = 30

    /// Delivers what `make` signs, with a token when one is demanded or the node asks for one.
    ///
    /// Both attempts must have one sequence number: if the first was held back on the way, the node can take only one of them.
    func deliverFresh(
        to addressee: Addressee, demands: Bool, _ make: ([UInt8]?) throws -> SignedMessage
    ) async throws -> (receipt: Receipt, isFresh: Bool) {
        let first = try make(demands ? try await token() : nil)
        do { return (try await deliver(first, to: addressee), demands) } catch let refusal as Refusal
            where refusal.known == .tokenRequired && !demands
        {
            let second = try make(try await token())
            return (try await deliver(second, to: addressee, after: [first]), true)
        }
    }

    /// Runs `body` in this control node's turn with `node`, as the book knows it by then.
    func inTurn<R>(_ node: KnownNode, _ body: (KnownNode) async throws -> R) async throws -> R {
        try await controller.inTurn(node.address) {
            let known = try controller.book.node(node.address)
            return try await body(known.flatMap { $0.unconfirmedBind == nil && $0.epoch >= node.epoch ? $0 : nil } ?? node)
        }
    }

    /// As `inTurn`, with a number for a message to the node, and again with a higher one when the node has taken that already.
    func numberedInTurn<R>(_ node: KnownNode, _ body: (KnownNode, UInt64) async throws -> R) async throws -> R {
        try await inTurn(node) { node in try await numbered(node) { try await body(node, $0) } }
    }

    /// R8: signs a call for `node` without sending it: the bytes may travel over anything, once.
    /// - Throws: `Failure` when no sequence number can be recorded; nothing is signed then.
    public func sign(
        _ call: Call, as type: MessageType = .command, for node: KnownNode, token: [UInt8]? = nil, expires: Date? = nil
    ) throws -> SignedMessage {
        SignedMessage.call(
            call, as: type, to: node.address, epoch: node.epoch,
            sequence: try controller.sequence.next(above: node.mark ?? 0), network: node.network, token: token,
            expires: expires?.seconds1970, key: controller.key.signing)
    }

    /// Sends bytes that were signed before, perhaps with another key, perhaps sent already, and verifies the receipt. A refusal
    /// is thrown as it comes, even if the node has carried the message out before.
    /// - Throws: `Refusal`; `Failure` when the node does not answer, is not owned here, or answers with a receipt of another
    ///   message.
    public func transmit(_ message: SignedMessage) async throws -> Receipt {
        try await inTurn(try await known()) { node in
            let receipt = try await exchange(message, Addressee(node))
            try await remember(receipt)
            return receipt
        }
    }

    /// A token of the node for this control node's key: 12 bytes, good for half a minute of the node's own time, and for no other key.
    /// - Throws: `Failure` when the node does not answer or not with 12 bytes; `Refusal` when it refuses.
    public func token() async throws -> [UInt8] {
        let signer = Array(controller.key.publicKey.bytes.prefix(8)).hex
        let token = try await probe.get(ResourcePath.token, query: ["for=\(signer)"])
        guard token.count == 12 else { throw probe.malformed("token", "of \(token.count) bytes instead of 12") }
        return token
    }

    /// Fetches what the log of this control node still lacks of the node's, verified and chained, and returns what there is from entry
    /// `first` on: what the node has lost as gaps, and what it should have but did not hand over as missing. When it is interrupted, the
    /// next call goes on where it stopped.
    ///
    /// - Throws: a `Failure` of kind `notAuthentic` when the answer leaves out entries that the node does not sign to have lost.
    public func history(from first: UInt32 = 0) async throws -> [NodeLog.Entry] {
        let node = try await known()
        // Signed: whatever is on the way could make the log shorter.
        let attestation = try await probe.attest(node.identity, network: node.network)
        let end = attestation.logLength
        try await reconcile(node, attestation)
        var next = try controller.log.firstMissing(of: node.address, from: first)
        var fetched = 0
        var mayPart = true
        while next < end, fetched < Self.entriesAtOnce {
            let receipts: [Receipt]
            do { receipts = try await batch(from: next, identity: node.identity, network: node.network) } catch let failure
                as Failure
                where failure.kind == .notAuthentic && mayPart
            {
                mayPart = false
                _ = try await branching(Addressee(node), attestation, from: next)
                next = try controller.log.firstMissing(of: node.address, from: first)
                continue
            }
            guard let last = receipts.last else { break }
            fetched += receipts.count
            next = try controller.log.firstMissing(of: node.address, from: last.index + 1)
        }
        let known = try controller.log.entries(of: node.address, from: first)
        guard next < end else { return known }
        let index = known.firstIndex { if case .former = $0 { false } else { $0.first > next } } ?? known.endIndex
        let missing = next..<(index < known.endIndex ? known[index].first : end)
        return known[..<index] + [.missing(missing)] + known[index...]
    }

    /// No node's ring holds so many entries: one that hands over more has made them up, and is not listened to for ever.
    static let entriesAtOnce = 8192

    /// The receipts that one answer of the node holds, verified and recorded, with the gaps between them.
    func batch(from first: UInt32, identity: PublicKey, network: UInt64) async throws -> [Receipt] {
        let (receipts, lost) = try await fetch(from: first, identity: identity, network: network)
        try controller.log.record(receipts, identity: identity, network: network)
        for range in lost {
            try controller.log.recordGap(range, of: receipts[0].node, identity: identity, network: network)
        }
        return receipts
    }

    /// The receipts that one answer of the node holds, verified, and what it signs to have lost between them.
    func fetch(from first: UInt32, identity: PublicKey, network: UInt64) async throws -> (
        receipts: [Receipt], lost: [Range<UInt32>]
    ) {
        let body = try await probe.patiently { try await probe.get(ResourcePath.history, query: ["from=\(first)"]) }
        let items: [[UInt8]]
        do { items = try CBORItem.sequence(body) } catch { throw probe.malformed("history", "that cannot be read: \(error)") }
        let receipts = try items.map { try Receipt(verifying: $0, identity: identity, network: network) }
        var next = first
        var lost: [Range<UInt32>] = []
        for receipt in receipts {
            guard receipt.index >= next else { throw probe.malformed("history", "that goes back to entry \(receipt.index)") }
            if next < receipt.index {
                guard let start = receipt.lostFrom, start <= next else {
                    throw Failure(
                        .notAuthentic,
                        "the answer leaves out entries \(next) to \(receipt.index - 1) of the log of \(receipt.node)",
                        advice: "The node has not signed that they are lost, so something on the way holds them back: "
                            + "ask it over another way")
                }
                lost.append(next..<receipt.index)
            }
            next = receipt.index + 1
        }
        return (receipts, lost)
    }
}

extension Date {
    /// Whole seconds since 1970, none below 0.
    var seconds1970: UInt64 { UInt64(max(0, timeIntervalSince1970)) }
}
