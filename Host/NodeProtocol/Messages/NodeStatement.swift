// What receipts, telemetry and attestations are: a node's word about itself.
import HostCrypto
import Reporting

/// A statement by a node, its signature verified: the claims are still to be read.
struct NodeStatement {
    let node: NodeAddress
    /// The claims beside the private one.
    let claims: CBORItem
    private let name: String

    /// Opens `bytes` as a statement of `type` by the node with the key `identity`.
    /// - Parameter name: what failures call it, "the receipt from".
    /// - Throws: `Failure` of kind `notAuthentic` when the signature is not that key's.
    init(_ bytes: [UInt8], type: MessageType, name: String, identity: PublicKey, network: UInt64) throws {
        node = NodeAddress(of: identity)
        self.name = name
        claims = try SignedObject.open(bytes, type: type, network: network, signer: identity, from: node.description)
    }

    /// The private claim's map.
    /// - Throws: `Failure` when another node calls itself its issuer, or there is none.
    func details() throws -> CBORItem {
        guard claims[CWTClaim.issuer]?.text == node.description else { throw malformed("another issuer") }
        guard let details = claims[CWTClaim.node] else { throw malformed("a claim missing or of a wrong type") }
        return details
    }

    /// It was signed, and says what cannot be.
    func malformed(_ what: String) -> Failure {
        Failure(.malformedAnswer, "\(name) \(node) has \(what)", remedy: .sameRelease)
    }
}
