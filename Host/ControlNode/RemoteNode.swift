// A light node as its control node sees it: ask, bind, command, and believe only what it signed.
import CoAP
import Foundation
import Reporting
import Transport

/// A light node at the other end of a connection.
///
///     let node = RemoteNode(client, controller: controller)
///     try await node.bind(label: ClaimLabel(parsing: scanned))
///     try await node.`$`("led").on()
public struct RemoteNode: Sendable {
    public let client: CoAPClient
    public let controller: Controller
    /// True if devices with test keys may be owned. A control node in earnest refuses them: whoever rehearsed knows their secrets.
    public let allowsTest: Bool

    public init(_ client: CoAPClient, controller: Controller, allowsTest: Bool = false) {
        self.client = client
        self.controller = controller
        self.allowsTest = allowsTest
    }

    // MARK: Asking

    var probe: DeviceProbe { DeviceProbe(client) }

    public func status() async throws -> DeviceStatus { try await probe.status() }

    /// The devices of the node and their methods.
    public func devices() async throws -> [DeviceDescription] { try await probe.devices() }

    // MARK: Owning

    /// Makes this control node the device's owner, with the secret of its label, and remembers the device.
    ///
    /// Binding again after a lost answer is harmless: the device's log then shows that the earlier bind was ours.
    @discardableResult
    public func bind(
        label: ClaimLabel, name: String? = nil, recovery: PublicKey? = nil, forbidsReset: Bool = false
    ) async throws -> Receipt {
        let status = try await status()
        guard let address = status.address else { throw blank }
        guard address == label.address else {
            throw Failure(
                .usage, "the label is for \(label.address), but \(client.name) is \(address)",
                advice: "Use the label that came with this device, or name the right device with --device")
        }
        guard let identity = status.identity else {
            throw probe.malformed("status", "without its identity key, so that its receipts could not be verified")
        }
        let before = try await probe.attest(identity, network: status.network)
        try refuseTest(before)
        if let known = try controller.book.device(address), let sent = known.unconfirmedBind {
            if let receipt = try await pastReceipt(of: sent, from: identity, network: status.network) {
                return try await confirm(receipt, identity: identity, network: status.network, name: name)
            }
        }
        let message = SignedMessage.bind(
            address, owner: controller.key.publicKey, epoch: before.epoch, sequence: try controller.sequence.next(),
            network: status.network, recovery: recovery, forbidsReset: forbidsReset, claim: label.claimKey)
        // On the disk before it is sent: whatever happens now, the next attempt can tell whether this one succeeded.
        let owned = try controller.book.device(address).flatMap { $0.unconfirmedBind == nil ? $0 : nil }
        if owned == nil {
            var device = KnownDevice(
                address: address, identity: identity, network: status.network, epoch: before.epoch,
                owner: controller.key.publicKey, name: name)
            device.unconfirmedBind = .init(message, logLength: status.nextIndex)
            try controller.book.record(device)
        }
        do {
            let receipt = try await deliver(
                message, identity: identity, network: status.network, logLength: status.nextIndex)
            guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
            return try await confirm(receipt, identity: identity, network: status.network, name: name)
        } catch let error where error is Refusal || error is NotDone {
            if owned == nil { try controller.book.forget(address) }
            throw error
        }
    }

    /// Records the device as owned: its receipt says so.
    func confirm(_ receipt: Receipt, identity: PublicKey, network: UInt64, name: String? = nil) async throws -> Receipt {
        // Asked for again, signed, rather than reckoned: the epoch is what every later message depends on.
        let after = try await probe.attest(identity, network: network)
        var device = KnownDevice(
            address: receipt.device, identity: identity, network: network, epoch: after.epoch, owner: controller.key.publicKey,
            name: try name ?? controller.book.device(receipt.device)?.name)
        device.nextIndex = receipt.index + 1
        device.chain = receipt.chain.hex
        try controller.book.record(device)
        return receipt
    }

    /// Throws if the device has signed that its keys are test ones, and this control node takes none of those.
    func refuseTest(_ attestation: Attestation) throws {
        guard attestation.isTest, !allowsTest else { return }
        throw Failure(
            .notAuthentic, "\(attestation.device) has TEST keys: it comes from a rehearsal, and is to be trusted with nothing",
            advice: "Return it to whoever sold it; to try it all the same, add --allow-test")
    }

    var blank: Failure {
        Failure(.usage, "\(client.name) is blank: it has no identity yet", advice: "Provision it first: lightnode provision")
    }

    /// The entry of the device book for the device at the other end.
    public func known() async throws -> KnownDevice {
        let status = try await status()
        guard let address = status.address else { throw blank }
        guard let device = try controller.book.device(address), device.unconfirmedBind == nil else {
            throw Failure(
                .usage, "\(client.name) is \(address), which this control node does not own",
                advice: status.state == .unowned
                    ? "Bind it with its label: lightnode bind --label TEXT" : "Use the key of its owner")
        }
        return device
    }

    // MARK: Commanding

    /// Sends a call and returns the device's verified receipt. The receipt's outcome says how it ended.
    /// - Parameters:
    ///   - call: the device of the node, its method and the arguments.
    ///   - type: `.command`, executed exactly once, or `.state`, an idempotent desired state.
    ///   - fresh: fetch a one-time token first, which proves to the device that the message was signed just now.
    ///   - expires: the device refuses the message from then on.
    @discardableResult
    public func send(_ call: Call, as type: MessageType = .command, fresh: Bool = false, expires: Date? = nil) async throws
        -> Receipt
    {
        try await inTurn(try await known()) { device in
            var token = fresh ? try await self.token() : nil
            while true {
                let message = try sign(call, as: type, for: device, token: token, expires: expires)
                do {
                    let receipt = try await deliver(
                        message, identity: device.identity, network: device.network, logLength: device.nextIndex ?? 0)
                    try remember(receipt)
                    return receipt
                } catch let refusal as Refusal where refusal.reason == "token-required" && token == nil {
                    // The device demands freshness: this is the one thing that a second message puts right.
                    token = try await self.token()
                }
            }
        }
    }

    /// Runs `body` in this control node's turn with `device`, as the book knows it by then.
    func inTurn<R>(_ device: KnownDevice, _ body: (KnownDevice) async throws -> R) async throws -> R {
        try await controller.inTurn(device.address) {
            let known = try controller.book.device(device.address)
            return try await body(known.flatMap { $0.unconfirmedBind == nil && $0.epoch >= device.epoch ? $0 : nil } ?? device)
        }
    }

    /// Signs a call for `device` without sending it: the bytes may travel over anything, once.
    public func sign(
        _ call: Call, as type: MessageType = .command, for device: KnownDevice, token: [UInt8]? = nil, expires: Date? = nil
    ) throws -> SignedMessage {
        SignedMessage.call(
            call, as: type, to: device.address, epoch: device.epoch, sequence: try controller.sequence.next(),
            network: device.network, token: token, expires: expires.map { UInt64(max(0, $0.timeIntervalSince1970)) },
            key: controller.key.signing)
    }

    /// Sends bytes that were signed before, perhaps by somebody else, perhaps sent already, and verifies the receipt. A refusal is
    /// thrown as it comes, even if the device has carried the message out before.
    public func transmit(_ message: SignedMessage) async throws -> Receipt {
        try await inTurn(try await known()) { device in
            let receipt = try await exchange(message, identity: device.identity, network: device.network)
            try remember(receipt)
            return receipt
        }
    }

    /// A one-time token of the device: 8 bytes, valid until used, replaced or reset.
    public func token() async throws -> [UInt8] {
        let body = try await probe.get("token")
        // The body is the token, bare or as a CBOR byte string.
        let token = body.count == 8 ? body : (try? CBORItem(body))?.bytes ?? []
        guard token.count == 8 else { throw probe.malformed("token", "of \(token.count) bytes instead of 8") }
        return token
    }

    /// Fetches what the log of this control node still lacks of the device's, verified and chained, and returns what there is from entry
    /// `first` on: what the device has lost as gaps, and what it should have but did not hand over as missing. When it is interrupted, the
    /// next call goes on where it stopped.
    ///
    /// - Throws: a `Failure` of kind `notAuthentic` when the answer leaves out entries that the device does not sign to have lost.
    public func history(from first: UInt32 = 0) async throws -> [DeviceLog.Entry] {
        let device = try await known()
        let end = try await status().nextIndex
        var next = try controller.log.firstMissing(of: device.address, from: first)
        while next < end {
            guard let last = try await batch(from: next, identity: device.identity, network: device.network).last else { break }
            next = try controller.log.firstMissing(of: device.address, from: last.index + 1)
        }
        let known = try controller.log.entries(of: device.address, from: first)
        guard next < end else { return known }
        let index = known.firstIndex { $0.first > next } ?? known.endIndex
        let missing = next..<(index < known.endIndex ? known[index].first : end)
        return known[..<index] + [.missing(missing)] + known[index...]
    }

    /// The receipt of a message sent earlier, if the device's log still has it.
    private func pastReceipt(of sent: KnownDevice.SentMessage, from identity: PublicKey, network: UInt64) async throws -> Receipt?
    {
        guard let hash = [UInt8](hex: sent.hash), let mark = [UInt8](hex: sent.mark) else { return nil }
        // Older entries cannot be about it, and each costs the device a signature.
        return try await receipts(from: sent.logLength, identity: identity, network: network).last {
            $0.answers(sequence: sent.sequence, hash: hash, mark: mark)
        }
    }

    private func receipts(from first: UInt32, identity: PublicKey, network: UInt64) async throws -> [Receipt] {
        var receipts: [Receipt] = []
        while true {
            let next = try await batch(from: receipts.last.map { $0.index + 1 } ?? first, identity: identity, network: network)
            if next.isEmpty { return receipts }
            receipts += next
        }
    }

    /// The receipts that one answer of the device holds, verified and recorded, with the gaps between them.
    private func batch(from first: UInt32, identity: PublicKey, network: UInt64) async throws -> [Receipt] {
        let body = try await probe.get("history", query: ["from=\(first)"])
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
                        "the answer leaves out entries \(next) to \(receipt.index - 1) of the log of \(receipt.device)",
                        advice: "The device has not signed that they are lost, so something on the way holds them back: "
                            + "ask it over another way")
                }
                lost.append(next..<receipt.index)
            }
            next = receipt.index + 1
        }
        try controller.log.record(receipts, identity: identity, network: network)
        for range in lost {
            try controller.log.recordGap(range, of: receipts[0].device, identity: identity, network: network)
        }
        return receipts
    }

    // MARK: Delivery

    /// How a device refuses a message that it has taken already.
    private static let reasonsOfRepetition: Set<String> = ["replayed", "wrong-epoch", "wrong-state", "token-invalid"]

    /// Posts a signed message and verifies the receipt that comes back. When the first answer was lost on the way, and the repetition
    /// is refused, the receipt is fetched from the device's log.
    func deliver(
        _ message: SignedMessage, identity: PublicKey, network: UInt64, logLength: UInt32
    ) async throws -> Receipt {
        do {
            return try await exchange(message, identity: identity, network: network)
        } catch let refusal as Refusal where Self.reasonsOfRepetition.contains(refusal.reason) {
            let sent = KnownDevice.SentMessage(message, logLength: logLength)
            guard let receipt = try? await pastReceipt(of: sent, from: identity, network: network) else { throw refusal }
            return receipt
        }
    }

    private func exchange(_ message: SignedMessage, identity: PublicKey, network: UInt64) async throws -> Receipt {
        let answer = try await post(message)
        let receipt = try Receipt(verifying: answer, identity: identity, network: network)
        guard receipt.answers(message) else {
            throw Failure(
                .notAuthentic, "the receipt from \(receipt.device) answers another message (sequence \(receipt.sequence))",
                advice: "Something on the way repeats old receipts: look at “lightnode history” for what was really done")
        }
        try controller.log.record([receipt], identity: identity, network: network)
        return receipt
    }

    /// How long strangers may keep a message from being looked at.
    private static let patience = Duration.seconds(60)

    /// Posts a message, again and again while strangers use up the attempts on its wire: of the next one this message has its share, however
    /// many they send. Pauses are random, or a stranger could be in front each time.
    private func post(_ message: SignedMessage) async throws -> [UInt8] {
        let end = ContinuousClock.now + Self.patience
        while true {
            do {
                return try await probe.post(message.type.rawValue, message.bytes, contentFormat: CoAPContentFormat.coseSign1)
            } catch let refusal as Refusal where refusal.reason == "too-many-attempts" && .now < end {
                try await Task.sleep(for: .milliseconds(.random(in: 20...200)))
            }
        }
    }

    /// Records how far the device's log has been seen, and notices when it was cut or rewritten.
    func remember(_ receipt: Receipt) throws {
        try controller.book.update(receipt.device) { device in
            if let next = device.nextIndex, let chain = device.chain {
                if receipt.index < next { throw brokenChain(receipt) }
                if receipt.index == next, receipt.previous.hex != chain { throw brokenChain(receipt) }
            }
            device.nextIndex = receipt.index + 1
            device.chain = receipt.chain.hex
        }
    }

    private func brokenChain(_ receipt: Receipt) -> Failure {
        Failure(
            .notAuthentic, "the log of \(receipt.device) does not continue the one seen before (at entry \(receipt.index))",
            advice: "Its flash was exchanged or rolled back: do not trust its history, and look at the device")
    }
}
