// The devices that a control node owns: what it must remember of each to address it and to believe its receipts.
import Foundation
import Reporting

/// One owned device.
public struct KnownDevice: Hashable, Codable, Sendable {
    public let address: DeviceAddress
    /// The key that its receipts verify with. Its hash is the address.
    public let identity: PublicKey
    public var network: UInt64
    /// The ownership that the owner's messages are signed for.
    public var epoch: UInt32
    /// The controller key that it obeys.
    public var owner: PublicKey
    public var name: String?
    public var boundAt: Date
    /// The number of log entries whose receipts were seen, and the chain after the last of them (hexadecimal).
    public var nextIndex: UInt32?
    public var chain: String?
    /// A bind that was sent and whose receipt has not come back: the device is not ours until it has.
    public var unconfirmedBind: SentMessage?

    /// What is kept of a message to recognise its receipt by.
    public struct SentMessage: Hashable, Codable, Sendable {
        public let sequence: UInt64
        /// `SignedMessage.hash`, hexadecimal.
        public let hash: String
        /// `SignedMessage.mark`, hexadecimal.
        public let mark: String
        /// Entries in the device's log before it was sent.
        public let logLength: UInt32

        public init(_ message: SignedMessage, logLength: UInt32) {
            self.logLength = logLength
            sequence = message.sequence
            (hash, mark) = (message.hash.hex, message.mark.hex)
        }
    }

    public init(
        address: DeviceAddress, identity: PublicKey, network: UInt64, epoch: UInt32, owner: PublicKey, name: String? = nil,
        boundAt: Date = Date()
    ) {
        self.address = address
        self.identity = identity
        self.network = network
        self.epoch = epoch
        self.owner = owner
        self.name = name
        self.boundAt = boundAt
    }
}

/// The file of known devices: JSON, replaced as a whole under a lock, so that several programs may use it at once.
///
/// Format: `{"format": "lightnode-devices", "version": 1, "devices": [KnownDevice]}`.
public struct DeviceBook: Sendable {
    let file: PrivateFile

    public init(_ file: PrivateFile) { self.file = file }

    private struct Contents: Codable {
        static let format = "lightnode-devices"
        var format = Contents.format
        var version = 1
        var devices: [KnownDevice] = []
    }

    public func devices() throws -> [KnownDevice] { try contents().devices }

    public func device(_ address: DeviceAddress) throws -> KnownDevice? { try devices().first { $0.address == address } }

    /// Adds `device`, or replaces what was known of it.
    public func record(_ device: KnownDevice) throws {
        try change { devices in
            devices.removeAll { $0.address == device.address }
            devices.append(device)
        }
    }

    /// Changes what is known of one device; nothing if it is unknown.
    public func update(_ address: DeviceAddress, _ body: (inout KnownDevice) throws -> Void) throws {
        try change { devices in
            if let index = devices.firstIndex(where: { $0.address == address }) { try body(&devices[index]) }
        }
    }

    public func forget(_ address: DeviceAddress) throws { try change { $0.removeAll { $0.address == address } } }

    private func change(_ body: (inout [KnownDevice]) throws -> Void) throws {
        try withFileLock(file.path + ".lock") {
            var contents = try contents()
            try body(&contents.devices)
            contents.devices.sort { $0.address.description < $1.address.description }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            encoder.dateEncodingStrategy = .iso8601
            try file.write(Array(try encoder.encode(contents)) + [UInt8(ascii: "\n")])
        }
    }

    private func contents() throws -> Contents {
        guard file.exists else { return Contents() }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        let bytes = try file.read()
        guard let contents = try? decoder.decode(Contents.self, from: Data(bytes)), contents.format == Contents.format else {
            throw Failure(.environment, "\(file.path) is no file of known devices", advice: "Restore it from a copy")
        }
        guard contents.version == 1 else {
            throw Failure(
                .environment, "\(file.path) has version \(contents.version), which is unknown here",
                advice: "Use a newer lightnode")
        }
        return contents
    }
}
