// What the factory says of one node: an entry of its manifests.
import Foundation
import HostCrypto

/// A provisioned node, by its public halves. No secret is in it.
public struct ProvisioningRecord: Hashable, Codable, Sendable {
    public let batch: String
    /// Counts from 1 in each batch.
    public let serial: Int64
    public let address: NodeAddress
    public let identity: PublicKey
    public let claim: PublicKey
    public let board: String
    public let firmware: String
    /// Of the image, hexadecimal; empty when the firmware does not tell.
    public let firmwareHash: String
    /// The chip's own number, hexadecimal; empty if it has none.
    public let hardwareSerial: String
    public let network: UInt64
    public let isTest: Bool
    /// True if the identity was generated at the station and written into a node that has no true random generator.
    public let isIdentityInjected: Bool
    /// True if the chip's readback protection was set.
    public let isProtected: Bool
    public let station: String
    public let `operator`: String
    public let time: Date

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
