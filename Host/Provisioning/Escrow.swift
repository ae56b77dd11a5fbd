// Claim secrets for those who must be able to print a label again: sealed to a key whose other half is elsewhere.
import Foundation
import HostCrypto
import Keystore
import NodeProtocol
import Records
import Reporting

/// A file of sealed claim secrets, one JSON line a node. The station that writes it cannot read it.
public struct Escrow: Sendable {
    /// The half that can only seal.
    public let key: EscrowPublicKey
    /// Where lines are appended.
    public let file: PrivateFile

    /// - Parameters:
    ///   - key: seals; its other half is to be kept elsewhere.
    ///   - file: made at the first line, readable to its owner only.
    public init(key: EscrowPublicKey, file: PrivateFile) { (self.key, self.file) = (key, file) }

    /// A line of the file.
    public struct Entry: Codable, Sendable {
        /// The batch that the node belongs to.
        public let batch: String
        /// Its number in the batch, from 1.
        public let serial: Int64
        /// What the label names.
        public let address: NodeAddress
        /// The claim key's public half.
        public let claim: PublicKey
        /// The escrow key's public half, hexadecimal.
        public let key: String
        /// Its secret half in a sealed box of libsodium, hexadecimal.
        public let sealed: String
        /// True for a node of a rehearsal, with test keys.
        public let isTest: Bool
    }

    func seal(_ provisioned: Provisioned) throws {
        let node = provisioned.node
        let entry = Entry(
            batch: node.batch, serial: node.serial, address: provisioned.label.address, claim: node.claim,
            key: key.description, sealed: key.seal(provisioned.label.claimKey.seed).hex, isTest: node.isTest)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try file.append(line: Array(try encoder.encode(entry)))
    }

    /// The entries of an escrow file. A line that a crash cut short is left out: its node was done again.
    /// - Throws: `Failure` when the file cannot be read, or is empty: it is made by its first line.
    public static func entries(_ file: PrivateFile) throws -> [Entry] {
        let bytes = try file.read()
        guard !bytes.isEmpty else {
            throw Failure(
                .environment, "\(file.path) is empty: what was in it is lost", about: file.path, advice: "Restore it from a copy")
        }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONDecoder().decode(Entry.self, from: Data($0)) }
    }
}

extension Escrow.Entry {
    /// The label again.
    /// - Throws: `Failure` of kind `notAuthentic` when `key` is not the other half, or the line was changed.
    public func open(_ key: EscrowKey) throws -> ClaimLabel {
        guard let box = [UInt8](hex: sealed), let seed = key.open(box), let claimKey = SigningKey(seed: seed),
            claimKey.publicKey == claim
        else {
            throw Failure(
                .notAuthentic, "the sealed secret of \(batch)#\(serial) does not open with this key",
                advice: "Use the other half of escrow key \(self.key.prefix(16))…")
        }
        return ClaimLabel(address: address, claimKey: claimKey)
    }
}
