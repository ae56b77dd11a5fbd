// What an owner does with a device besides commanding it: let go of it, hand it on, name who may step in, tell the time.
import Foundation
import Reporting

extension RemoteNode {
    /// Signs what `make` makes for the device at the other end, sends it, and returns the receipt that says that it was done.
    func administer(
        _ device: KnownDevice, _ make: (SignedMessage.Heading) throws -> SignedMessage
    ) async throws -> Receipt {
        try await inTurn(device) { device in
            let message = try make(heading(device))
            let receipt = try await deliver(
                message, identity: device.identity, network: device.network, logLength: device.nextIndex ?? 0)
            try remember(receipt)
            guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
            return receipt
        }
    }

    private func heading(_ device: KnownDevice) throws -> SignedMessage.Heading {
        .init(device.address, epoch: device.epoch, sequence: try controller.sequence.next(), network: device.network)
    }

    /// Gives the device up: its label binds it again.
    @discardableResult
    public func release() async throws -> Receipt {
        let device = try await known()
        let receipt = try await administer(device) { .release($0, owner: controller.key.signing) }
        try controller.book.forget(device.address)
        return receipt
    }

    /// The consent of this control node to become the owner of the device at the other end.
    public func accept() async throws -> Acceptance {
        let (device, epoch) = try await strange()
        return Acceptance(of: device.address, epoch: epoch, network: device.network, newOwner: controller.key.signing)
    }

    /// Hands the device to whoever made `acceptance`.
    @discardableResult
    public func transfer(to acceptance: Acceptance) async throws -> Receipt {
        let device = try await known()
        try check(acceptance, device)
        let receipt = try await administer(device) { .transfer($0, to: acceptance, owner: controller.key.signing) }
        try controller.book.forget(device.address)
        return receipt
    }

    private func check(_ acceptance: Acceptance, _ device: KnownDevice) throws {
        guard acceptance.device == device.address, acceptance.epoch == device.epoch, acceptance.network == device.network else {
            throw Failure(
                .usage,
                "the acceptance is for \(acceptance.device) in epoch \(acceptance.epoch), not for this device as it is now",
                advice: "Ask the new owner for a new one: lightnode transfer --accept")
        }
    }

    /// Replaces the key that owns the device. The book then names the new key; use it from now on.
    @discardableResult
    public func rotate(to key: SigningKey) async throws -> Receipt {
        let device = try await known()
        let acceptance = Acceptance(of: device.address, epoch: device.epoch, network: device.network, newOwner: key)
        let receipt = try await administer(device) { .rotate($0, to: acceptance, owner: controller.key.signing) }
        try await note(device, owner: key.publicKey)
        return receipt
    }

    private func note(_ device: KnownDevice, owner: PublicKey) async throws {
        let epoch = try await probe.attest(device.identity, network: device.network).epoch
        try controller.book.update(device.address) { ($0.epoch, $0.owner) = (epoch, owner) }
    }

    /// Replaces the list of controllers that may take over, by rank.
    @discardableResult
    public func setBackups(_ backups: [Backup]) async throws -> Receipt {
        guard backups.count <= 3, backups.allSatisfy({ $0.silence > 0 }) else {
            throw Failure(
                .usage, "a device takes at most 3 backups, each with a silence above 0", advice: "Name fewer, or longer silences")
        }
        return try await administer(try await known()) { .backups($0, backups, owner: controller.key.signing) }
    }

    /// Tells the device the time, in answer to its token, so that it knows and need not guess.
    @discardableResult
    public func setTime(_ time: Date = Date()) async throws -> Receipt {
        let device = try await known()
        let token = try await token()
        return try await administer(device) {
            .time($0, seconds: UInt64(max(0, time.timeIntervalSince1970)), token: token, owner: controller.key.signing)
        }
    }

    // MARK: Becoming the owner

    /// The device at the other end, whoever owns it, proven to be the one of its address, and its epoch.
    func strange() async throws -> (device: KnownDevice, epoch: UInt32) {
        let status = try await status()
        guard let address = status.address else { throw blank }
        guard let identity = status.identity else {
            throw probe.malformed("status", "without its identity key, so that its receipts could not be verified")
        }
        let attestation = try await probe.attest(identity, network: status.network)
        let epoch = attestation.epoch
        let known = try controller.book.device(address)
        // One that is known already was taken with open eyes.
        if known == nil { try refuseTest(attestation) }
        var device = KnownDevice(
            address: address, identity: identity, network: status.network, epoch: epoch, owner: controller.key.publicKey,
            name: known?.name)
        device.nextIndex = status.nextIndex
        return (device, epoch)
    }

    private func acquire(_ make: (SignedMessage.Heading) -> SignedMessage) async throws -> Receipt {
        let (device, _) = try await strange()
        return try await controller.inTurn(device.address) {
            let receipt = try await deliver(
                make(try heading(device)), identity: device.identity, network: device.network, logLength: device.nextIndex ?? 0)
            guard receipt.outcome == .done else { throw NotDone(receipt: receipt) }
            return try await confirm(receipt, identity: device.identity, network: device.network)
        }
    }

    /// Makes this control node the owner, with the recovery key that was fixed at bind.
    @discardableResult
    public func recover(with recovery: SigningKey) async throws -> Receipt {
        try await acquire { .recover($0, to: controller.key.publicKey, recovery: recovery) }
    }

    /// Makes this control node the owner, as a backup whose owner has been silent.
    @discardableResult
    public func takeOver() async throws -> Receipt { try await acquire { .takeover($0, backup: controller.key.signing) } }

    /// After the former owner's transfer: makes sure that the device obeys this control node, and remembers it.
    @discardableResult
    public func finishTransfer() async throws -> Receipt {
        let token = try await token()
        let now = UInt64(max(0, Date().timeIntervalSince1970))
        return try await acquire { .time($0, seconds: now, token: token, owner: controller.key.signing) }
    }
}
