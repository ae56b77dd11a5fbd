// A signed answer to a challenge: this very device, now, with this firmware.
import Reporting

/// An attestation whose signature and nonce were verified: there is no other way to make one.
public struct Attestation: Hashable, Codable, Sendable {
    public let device: DeviceAddress
    public let identity: PublicKey
    public let epoch: UInt32
    public let board: String
    public let version: String
    /// Provisioned with test keys.
    public let isTest: Bool
    /// The claim key's public half; nil if the firmware does not tell.
    public let claim: PublicKey?
    /// True if the chip's readback protection is set.
    public let isProtected: Bool

    /// Bytes in a challenge.
    static let nonceSize = 16

    init(verifying bytes: [UInt8], nonce: [UInt8], identity: PublicKey, network: UInt64) throws {
        let device = DeviceAddress(of: identity)
        let claims = try SignedObject.open(bytes, type: .attest, network: network, signer: identity, from: device.description)
        guard claims[1]?.text == device.description, let node = claims[Int64(SignedMessage.nodeClaim)], node[10]?.bytes == nonce
        else {
            throw Failure(
                .notAuthentic, "the attestation of \(device) answers another challenge",
                advice: "Something on the way repeats old answers: check the cable or the bridge")
        }
        guard let epoch = node[0]?.uint.flatMap(UInt32.init(exactly:)), let board = node[22]?.text, let version = node[23]?.text,
            let isTest = node[24]?.bool
        else {
            throw Failure(
                .malformedAnswer, "the attestation of \(device) lacks a claim",
                advice: "Check that the firmware and lightnode belong to the same release")
        }
        self.device = device
        self.identity = identity
        self.epoch = epoch
        self.board = board
        self.version = version
        self.isTest = isTest
        claim = node[31]?.bytes.flatMap { PublicKey($0) }
        isProtected = node[32]?.bool ?? false
    }
}

extension Attestation: CustomStringConvertible {
    public var description: String { "\(device) is genuine: board \(board), firmware \(version)\(isTest ? ", TEST KEYS" : "")" }
}
