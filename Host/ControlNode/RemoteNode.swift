// A light node as its control node sees it: ask, bind, command, and believe only what it signed.
import CBOR
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

    public init(_ client: CoAPClient, controller: Controller) {
        self.client = client
        self.controller = controller
    }

    // MARK: Asking

    public func status() async throws -> DeviceStatus { try DeviceStatus(try await get("status"), from: client.name) }

    /// The devices of the node and their methods.
    public func devices() async throws -> [DeviceDescription] { try DeviceDescription.list(try await get("devices"), from: client.name) }

    /// Challenges the device to prove that it holds `identity`.
    public func attest(_ identity: PublicKey, network: UInt64) async throws -> Attestation {
        let nonce = randomBytes(Attestation.nonceSize)
        let request = CBOR.encode { writer in
            writer.map(1)
            writer.key(10)
            writer.bytes(nonce)
        }
        let answer = try await post("attest", request, contentFormat: CoAPContentFormat.cbor)
        return try Attestation(verifying: answer, nonce: nonce, identity: identity, network: network)
    }

    // MARK: Owning

    /// Makes this control node the device's owner, with the secret of its label, and remembers the device.
    ///
    /// Binding again after a lost answer is harmless: if the device obeys this very key already, that is recorded.
    @discardableResult
    public func bind(label: ClaimLabel, name: String? = nil) async throws -> Receipt {
        let status = try await status()
        guard let address = status.address else {
            throw Failure(.usage, "\(client.name) is blank: it has no identity yet", advice: "Provision it first: lightnode provision")
        }
        guard address == label.address else {
            throw Failure(
                .usage, "the label is for \(label.address), but \(client.name) is \(address)",
                advice: "Use the label that came with this device, or name the right device with --device")
        }
        guard let identity = status.identity else {
            throw Failure(
                .malformedAnswer, "\(client.name) does not show its identity key, so its receipts could not be verified",
                advice: "Check that the firmware and lightnode belong to the same release")
        }
        let attestation = try await attest(identity, network: status.network)
        let message = SignedMessage.bind(
            address, owner: controller.key.publicKey, epoch: attestation.epoch, sequence: try controller.sequence.next(),
            network: status.network, claim: label.claimKey)
        let receipt = try await deliver(message, identity: identity, network: status.network)
        guard receipt.outcome == .done else { return receipt }
        var device = KnownDevice(
            address: address, identity: identity, network: status.network, epoch: receipt.epoch + 1,
            owner: controller.key.publicKey, name: name)
        device.epoch = try await self.status().epoch
        device.nextIndex = receipt.index + 1
        device.chain = receipt.chain.hex
        try controller.book.record(device)
        return receipt
    }

    /// The entry of the device book for the device at the other end.
    public func known() async throws -> KnownDevice {
        let status = try await status()
        guard let address = status.address else {
            throw Failure(.usage, "\(client.name) is blank: it has no identity yet", advice: "Provision it first: lightnode provision")
        }
        guard let device = try controller.book.device(address) else {
            throw Failure(
                .usage, "\(client.name) is \(address), which this control node does not own",
                advice: status.state == .unowned ? "Bind it with its label: lightnode bind --label TEXT" : "Use the key of its owner")
        }
        return device
    }

    // MARK: Commanding

    /// Sends a call and returns the device's verified receipt. The receipt's outcome says how it ended.
    /// - Parameters:
    ///   - type: `.command`, executed exactly once, or `.state`, an idempotent desired state.
    ///   - fresh: fetch a one-time token first, which proves to the device that the message was signed just now.
    ///   - expires: the device refuses the message from then on.
    @discardableResult
    public func send(_ call: Call, as type: MessageType = .command, fresh: Bool = false, expires: Date? = nil) async throws -> Receipt {
        let device = try await known()
        var token = fresh ? try await self.token() : nil
        while true {
            let message = SignedMessage.call(
                call, as: type, to: device.address, epoch: device.epoch, sequence: try controller.sequence.next(),
                network: device.network, token: token, expires: expires.map { UInt64(max(0, $0.timeIntervalSince1970)) },
                key: controller.key.signing)
            do {
                let receipt = try await deliver(message, identity: device.identity, network: device.network)
                try remember(receipt)
                return receipt
            } catch let refusal as Refusal where refusal.reason == "token-required" && token == nil {
                // The device demands freshness: this is the one thing that a second message puts right.
                token = try await self.token()
            }
        }
    }

    /// Sends bytes that were signed before, perhaps by somebody else, perhaps long ago. The receipt is verified against the book.
    public func replay(_ message: SignedMessage) async throws -> Receipt {
        let device = try await known()
        return try await deliver(message, identity: device.identity, network: device.network)
    }

    /// A one-time token of the device: 8 bytes, valid until used, replaced or reset.
    public func token() async throws -> [UInt8] {
        let body = try await get("token")
        // The body is the token, bare or as a CBOR byte string.
        let token = body.count == 8 ? body : (try? CBORItem(body))?.bytes ?? []
        guard token.count == 8 else { throw malformed("token", "of \(token.count) bytes instead of 8") }
        return token
    }

    /// The receipts that the device keeps, from number `first` on, each verified, and the chain between them too.
    public func history(from first: UInt32 = 0) async throws -> [Receipt] {
        let device = try await known()
        var receipts: [Receipt] = []
        var next = first
        while true {
            let body = try await get("history", query: ["from=\(next)"])
            let items: [[UInt8]]
            do { items = try CBORItem.sequence(body) } catch { throw malformed("history", "that cannot be read: \(error)") }
            if items.isEmpty { return receipts }
            for item in items {
                let receipt = try Receipt(verifying: item, identity: device.identity, network: device.network)
                guard receipt.index >= next else { throw malformed("history", "that goes back to entry \(receipt.index)") }
                if let last = receipts.last, last.index + 1 == receipt.index, last.chain != receipt.previous {
                    throw brokenChain(device, receipt)
                }
                receipts.append(receipt)
                next = receipt.index + 1
            }
        }
    }

    // MARK: Delivery

    /// Posts a signed message and verifies the receipt that comes back.
    private func deliver(_ message: SignedMessage, identity: PublicKey, network: UInt64) async throws -> Receipt {
        let answer = try await post(message.type.rawValue, message.bytes, contentFormat: CoAPContentFormat.coseSign1)
        let receipt = try Receipt(verifying: answer, identity: identity, network: network)
        guard receipt.answers(message) else {
            throw Failure(
                .notAuthentic, "the receipt from \(receipt.device) answers another message (sequence \(receipt.sequence))",
                advice: "Something on the way repeats old receipts: look at “lightnode history” for what was really done")
        }
        return receipt
    }

    /// Records how far the device's log has been seen, and notices when it was cut or rewritten.
    private func remember(_ receipt: Receipt) throws {
        try controller.book.update(receipt.device) { device in
            if let next = device.nextIndex, let chain = device.chain {
                if receipt.index < next { throw brokenChain(device, receipt) }
                if receipt.index == next, receipt.previous.hex != chain { throw brokenChain(device, receipt) }
            }
            device.nextIndex = receipt.index + 1
            device.chain = receipt.chain.hex
        }
    }

    private func brokenChain(_ device: KnownDevice, _ receipt: Receipt) -> Failure {
        Failure(
            .notAuthentic, "the log of \(device.address) does not continue the one seen before (at entry \(receipt.index))",
            advice: "Its flash was exchanged or rolled back: do not trust its history, and look at the device")
    }

    private func get(_ path: String, query: [String] = []) async throws -> [UInt8] {
        try answer(try await client.send(.get(path, query: query)), to: path)
    }

    func post(_ path: String, _ body: [UInt8], contentFormat: UInt16) async throws -> [UInt8] {
        try answer(try await client.send(.post(path, body, contentFormat: contentFormat)), to: path)
    }

    private func answer(_ response: Response, to path: String) throws -> [UInt8] {
        if response.isSuccess { return response.payload }
        if let refusal = Refusal(problemDetails: response.payload) { throw refusal }
        throw malformed("answer to /\(path)", "\(response.codeText) without a reason")
    }

    private func malformed(_ what: String, _ how: String) -> Failure {
        Failure(
            .malformedAnswer, "\(client.name) sent a \(what) \(how)",
            advice: "Check that the firmware and lightnode belong to the same release")
    }
}
