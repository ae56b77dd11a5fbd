// The factory's side of a device's first minute: keys in, proof out, label printed, secret forgotten.
import CBOR
import CoAP
import ControlNode
import Foundation
import Reporting
import Transport

/// What is kept of a provisioned device. No secret is in it.
public struct ProvisioningRecord: Hashable, Codable, Sendable {
    public let address: DeviceAddress
    public let identity: PublicKey
    public let claim: PublicKey
    public let board: String
    public let firmware: String
    /// The chip's own number, hexadecimal; empty if it has none.
    public let hardwareSerial: String
    public let network: UInt64
    public let isTest: Bool
    /// True if the identity was generated here and written into a device that has no true random generator.
    public let isIdentityInjected: Bool
    public let time: Date
}

extension ProvisioningRecord: CustomStringConvertible {
    public var description: String {
        "provisioned \(address) (board \(board), firmware \(firmware)\(isTest ? ", TEST KEYS" : ""))"
    }
}

/// A device fresh from the station, with its label: the only place where the claim secret still is.
public struct Provisioned: Sendable {
    public let record: ProvisioningRecord
    public let label: ClaimLabel
    /// True if an earlier, interrupted attempt had written the keys, and this one completed it.
    public let isResumed: Bool
}

/// Provisions devices one at a time. Whenever it is interrupted, starting again completes the device.
///
/// The claim key is on the disk (`pending-….key`, mode 0600) before the device gets its public half, and until `finish` is
/// called, which the caller does when the label is printed: a label can be lost by a crash only together with the device's blankness.
public struct Station: Sendable {
    public let home: Home
    /// The network that the device's signatures are bound to.
    public let network: UInt32

    public init(home: Home, network: UInt32 = 1) {
        self.home = home
        self.network = network
    }

    public struct Options: Sendable {
        /// Mark the device as a test one.
        public var isTest = false
        /// Make the identity key here, for a device without a true random generator.
        public var injectsIdentity = false

        public init() {}
    }

    private struct Pending: Codable {
        var claimSeed: String
        var network: UInt32
        var isTest: Bool
        var isIdentityInjected: Bool
    }

    /// Puts keys into the device, has it prove that it holds them, and returns its record and label.
    public func provision(_ client: CoAPClient, options: Options = Options(), progress: (String) -> Void = { _ in }) async throws
        -> Provisioned
    {
        let device = DeviceProbe(client)
        let status = try await device.status()
        let file = pendingFile(status.hardwareSerial)
        switch status.state {
        case .blank: break
        case .unowned:
            guard let pending = try pending(file) else {
                throw Failure(
                    .usage, "\(client.name) is provisioned already (\(status.address?.description ?? "no address"))",
                    advice: "Its label is the one that was printed then; a full erase of the chip makes it blank again")
            }
            guard let identity = status.identity else { throw noIdentity(client) }
            progress("completing an interrupted provisioning")
            return try await verified(
                device, identity: identity, claim: try claimKey(pending, file), pending: pending, isResumed: true)
        case .owned:
            throw Failure(
                .usage, "\(client.name) has an owner already (\(status.address?.description ?? "no address"))",
                advice: "Only a blank device can be provisioned; a full erase of the chip makes it blank")
        case .damaged:
            throw Failure(
                .usage, "\(client.name) has damaged records: \(status.damaged.joined(separator: ", "))",
                advice: "Erase the chip fully and flash it again; if it happens twice, discard the chip")
        }

        let claim: SigningKey
        var pending: Pending
        if let earlier = try self.pending(file), earlier.isTest == options.isTest, earlier.network == network {
            // Interrupted before the device took anything: the key was never used.
            claim = try claimKey(earlier, file)
            pending = earlier
            pending.isIdentityInjected = options.injectsIdentity
        } else {
            claim = .generate()
            pending = Pending(
                claimSeed: claim.seed.withUnsafeBytes { $0.hex }, network: network, isTest: options.isTest,
                isIdentityInjected: options.injectsIdentity)
            try write(pending, to: file)
        }
        progress("writing keys")
        let identity = try await device.provision(
            claim: claim.publicKey, identity: options.injectsIdentity ? .generate() : nil, network: network,
            isTest: options.isTest)
        progress("verifying by a signed challenge")
        return try await verified(device, identity: identity, claim: claim, pending: pending, isResumed: false)
    }

    /// The label is out: commits the record and forgets the claim secret.
    public func finish(_ provisioned: Provisioned) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.dateEncodingStrategy = .iso8601
        try home.file("provisioned.jsonl").append(line: Array(try encoder.encode(provisioned.record)))
        try pendingFile(provisioned.record.hardwareSerial).remove()
    }

    /// The records of this station, oldest first.
    public func records() throws -> [ProvisioningRecord] {
        let file = home.file("provisioned.jsonl")
        guard file.exists else { return [] }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try file.read().split(separator: UInt8(ascii: "\n")).compactMap { line in
            // A line cut by a power failure belongs to a device whose provisioning is still pending.
            try? decoder.decode(ProvisioningRecord.self, from: Data(line))
        }
    }

    private func verified(
        _ device: DeviceProbe, identity: PublicKey, claim: SigningKey, pending: Pending, isResumed: Bool
    ) async throws -> Provisioned {
        let attestation = try await device.attest(identity, network: UInt64(pending.network))
        let status = try await device.status()
        guard status.state == .unowned, status.address == attestation.device, attestation.isTest == pending.isTest else {
            throw Failure(
                .malformedAnswer, "\(device.name) did not keep what was written: it is now \(status.state)",
                advice: "Erase the chip fully and try again; if it happens twice, discard the chip")
        }
        let record = ProvisioningRecord(
            address: attestation.device, identity: identity, claim: claim.publicKey, board: attestation.board,
            firmware: attestation.version, hardwareSerial: status.hardwareSerial, network: UInt64(pending.network),
            isTest: attestation.isTest, isIdentityInjected: pending.isIdentityInjected, time: Date())
        return Provisioned(record: record, label: ClaimLabel(address: attestation.device, claimKey: claim), isResumed: isResumed)
    }

    private func noIdentity(_ client: CoAPClient) -> Failure {
        Failure(
            .malformedAnswer, "\(client.name) does not show its identity key",
            advice: "Check that the firmware and lightnode belong to the same release")
    }

    // MARK: Pending secrets

    /// One device is told from another by its chip's number; boards without one share a single place.
    private func pendingFile(_ serial: String) -> PrivateFile {
        home.file("pending-\(serial.isEmpty ? "unnumbered" : serial).key")
    }

    private func write(_ pending: Pending, to file: PrivateFile) throws {
        var bytes = Array(try JSONEncoder().encode(pending))
        defer { wipe(&bytes) }
        try file.write(bytes)
    }

    private func pending(_ file: PrivateFile) throws -> Pending? {
        guard file.exists else { return nil }
        var bytes = try file.read()
        defer { wipe(&bytes) }
        guard let pending = try? JSONDecoder().decode(Pending.self, from: Data(bytes)) else {
            throw Failure(
                .environment, "\(file.path) cannot be read",
                advice: "Move it away: the device it was for needs a full erase of its chip")
        }
        return pending
    }

    private func claimKey(_ pending: Pending, _ file: PrivateFile) throws -> SigningKey {
        guard var seed = [UInt8](hex: pending.claimSeed) else {
            throw Failure(.environment, "\(file.path) holds no key", advice: "Move it away")
        }
        defer { wipe(&seed) }
        guard let key = SigningKey(seed: SecretBytes(seed)) else {
            throw Failure(.environment, "\(file.path) holds no key", advice: "Move it away")
        }
        return key
    }
}
