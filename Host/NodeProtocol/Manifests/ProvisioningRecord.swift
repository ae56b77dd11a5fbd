// What the factory says of one node: an entry of its manifests.
import Foundation
import HostCrypto

/// A provisioned node, by its public halves. No secret is in it.
public struct ProvisioningRecord: Hashable, Codable, Sendable {
    /// Name of the batch that gave it its serial number.
    public let batch: String
    /// Counts from 1 in each batch.
    public let serial: Int64
    /// The hash of `identity`: what the label and everything else call it.
    public let address: NodeAddress
    /// The public half of the key that it signs with.
    public let identity: PublicKey
    /// The public half of the key on its label.
    public let claim: PublicKey
    /// Name of its board, as the node said.
    public let board: String
    /// Firmware version, as the node said.
    public let firmware: String
    /// Of the image, hexadecimal; empty when the firmware does not tell.
    public let firmwareHash: String
    /// The chip's own number, hexadecimal; empty if it has none.
    public let hardwareSerial: String
    /// Number of the network that its signatures are bound to.
    public let network: UInt64
    /// A rehearsal: it has test keys and is to be trusted with nothing.
    public let isTest: Bool
    /// True if the identity was generated at the station and written into a node that has no true random generator.
    public let isIdentityInjected: Bool
    /// True if the chip's readback protection was set.
    public let isProtected: Bool
    /// Name of the station that provisioned it.
    public let station: String
    /// Who worked at the station.
    public let `operator`: String
    /// When it was done, by the station's clock.
    public let time: Date

    /// - Parameters:
    ///   - serial: counts from 1 in each batch.
    ///   - address: must be the hash of `identity`; not checked here.
    ///   - firmwareHash: of the image, hexadecimal; empty when the firmware does not tell.
    ///   - hardwareSerial: the chip's own number, hexadecimal; empty if it has none.
    public init(
        batch: String, serial: Int64, address: NodeAddress, identity: PublicKey, claim: PublicKey, board: String,
        firmware: String,
        firmwareHash: String, hardwareSerial: String, network: UInt64, isTest: Bool, isIdentityInjected: Bool, isProtected: Bool,
        station: String, operator: String, time: Date
    ) {
        (self.batch, self.serial, self.address, self.identity, self.claim) = (batch, serial, address, identity, claim)
        (self.board, self.firmware, self.firmwareHash) = (board, firmware, firmwareHash)
        (self.hardwareSerial, self.network, self.isTest) = (hardwareSerial, network, isTest)
        (self.isIdentityInjected, self.isProtected) = (isIdentityInjected, isProtected)
        (self.station, self.operator, self.time) = (station, `operator`, time)
    }
}

extension ProvisioningRecord: CustomStringConvertible {
    public var description: String {
        "provisioned \(address) as \(batch)#\(serial) (board \(board), firmware \(firmware)\(isTest ? ", TEST KEYS" : ""))"
    }
}
