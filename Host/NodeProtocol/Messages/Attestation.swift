// A signed answer to a challenge: this very node, now, with this firmware.
import HostCrypto
import Reporting

/// An attestation whose signature and nonce were verified: there is no other way to make one.
public struct Attestation: Hashable, Codable, Sendable {
    /// The node that signed: the hash of `identity`.
    public let node: NodeAddress
    /// The key that the signature was verified with.
    public let identity: PublicKey
    /// The present ownership: 0 at first, and one more after each change of owner.
    public let epoch: UInt32
    /// Name of its board.
    public let board: String
    /// Firmware version.
    public let version: String
    /// Provisioned with test keys.
    public let isTest: Bool
    /// The claim key's public half.
    public let claim: PublicKey
    /// True if the chip's readback protection is set.
    public let isProtected: Bool
    /// All who can act on the node.
    public let authorities: Authorities
    /// The number that the next entry of the log gets.
    public let logLength: UInt32
    /// The chain over all entries of the log so far, 32 bytes in hexadecimal.
    public let chain: String
    /// The highest sequence number that the node has accepted of its owner in this epoch.
    public let mark: UInt64
    /// The number of the first log entry of this epoch: the one before has raised it. 0 when none has.
    public let since: UInt32
    /// The hash in the header of the image that runs, 24 bytes in hexadecimal.
    public let imageHash: String
    /// The earliest that the time can be, in seconds since 1970; nil when the node does not know it.
    public let earliest: UInt64?

    /// Bytes in a challenge.
    package static let nonceSize = 16

    package init(verifying bytes: [UInt8], nonce: [UInt8], identity: PublicKey, network: UInt64) throws {
        let node = NodeAddress(of: identity)
        let claims = try SignedObject.open(bytes, type: .attest, network: network, signer: identity, from: node.description)
        guard claims[CWTClaim.issuer]?.text == node.description, let details = claims[CWTClaim.node],
            details[NodeClaim.nonce]?.bytes == nonce
        else {
            throw Failure(
                .notAuthentic, "the attestation of \(node) answers another challenge",
                advice: "Something on the way repeats old answers: check the cable or the bridge")
        }
        guard let epoch = details[NodeClaim.epoch]?.uint.flatMap(UInt32.init(exactly:)),
            let board = details[NodeClaim.board]?.text, let version = details[NodeClaim.version]?.text,
            let isTest = details[NodeClaim.test]?.bool, let claim = details[NodeClaim.claimKey]?.bytes.flatMap({ PublicKey($0) }),
            let isProtected = details[NodeClaim.protected]?.bool,
            let authorities = details[NodeClaim.authorityList].flatMap({ Authorities($0) }),
            let head = details[NodeClaim.head]?.array, head.count == 2,
            let logLength = head[0].uint.flatMap(UInt32.init(exactly:)), let chain = head[1].bytes, chain.count == 32,
            let mark = details[NodeClaim.mark]?.uint, let since = details[NodeClaim.since]?.uint.flatMap(UInt32.init(exactly:)),
            let imageHash = details[NodeClaim.imageHash]?.bytes
        else {
            throw Failure(
                .malformedAnswer, "the attestation of \(node) lacks a claim",
                remedy: .sameRelease)
        }
        self.node = node
        self.identity = identity
        self.epoch = epoch
        self.board = board
        self.version = version
        self.isTest = isTest
        self.claim = claim
        self.isProtected = isProtected
        self.authorities = authorities
        self.logLength = logLength
        self.chain = chain.hex
        self.mark = mark
        self.since = since
        self.imageHash = imageHash.hex
        earliest = details[NodeClaim.time]?.uint
    }
}

extension Attestation: CustomStringConvertible {
    public var description: String { "\(node) is genuine: board \(board), firmware \(version)\(isTest ? ", TEST KEYS" : "")" }
}
