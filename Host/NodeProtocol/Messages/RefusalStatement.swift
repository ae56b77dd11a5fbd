// A refusal that the node signed: its sender was known, so the sender can believe it.
import HostCrypto
import Reporting

/// A signed refusal whose signature was verified, of one message: there is no other way to make one.
public struct RefusalStatement: Hashable, Sendable {
    /// The code of the refusal.
    public let code: UInt8
    /// The ownership in which it was refused.
    public let epoch: UInt32

    /// Verifies `bytes` as the refusal of `message` by the node with the key `identity`.
    /// - Throws: `Failure` when it is signed by another key or answers another message.
    public init(verifying bytes: [UInt8], of message: SignedMessage, identity: PublicKey, network: UInt64) throws {
        let node = NodeAddress(of: identity)
        let claims = try SignedObject.open(bytes, type: .refusal, network: network, signer: identity, from: node.description)
        guard claims[CWTClaim.issuer]?.text == node.description, let details = claims[CWTClaim.node],
            let epoch = details[NodeClaim.epoch]?.uint.flatMap(UInt32.init(exactly:)),
            details[NodeClaim.seq]?.uint == message.sequence, details[NodeClaim.message]?.bytes == message.hash,
            let code = details[NodeClaim.refusal]?.uint.flatMap(UInt8.init(exactly:))
        else {
            throw Failure(
                .notAuthentic, "\(node) has signed a refusal of another message", about: "\(node)",
                advice: "Something on the way repeats old answers: check the cable or the bridge")
        }
        (self.code, self.epoch) = (code, epoch)
    }
}
