// COSE_Sign1 of the chain: the shape that nodes use, under types of its own, so that no signature serves in two places.
import CBOR
import COSE
import HostCrypto
import NodeProtocol

/// What is signed on the chain. The type is part of what the signature covers, with protocol, version and network (docs/protocol.md).
enum ChainObject {
    case transaction, header, certificate, review

    func context(network: UInt64) -> COSEContext {
        switch self {
        case .transaction: COSEContext(network: network, type: "chain-transaction")
        case .header: COSEContext(network: network, type: "chain-header")
        case .certificate: COSEContext(network: network, type: "chain-certificate")
        case .review: COSEContext(network: network, type: "chain-review")
        }
    }

    /// The encoded Sig_structure of RFC 9052, section 4.4.
    func signedBytes(_ payload: [UInt8], network: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + 80)
        COSE.signedPieces(payload: payload.span.bytes, in: context(network: network)) { piece in
            piece.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return bytes
    }
}

/// The parts of a COSE_Sign1, not yet verified.
struct SignedParts: Hashable, Sendable {
    let payload: [UInt8]
    let signature: [UInt8]

    init(payload: [UInt8], signature: [UInt8]) { (self.payload, self.signature) = (payload, signature) }

    /// Takes the bytes apart; throws for any but the one encoding.
    init(_ bytes: [UInt8]) throws(COSEError) {
        let object = try COSESign1(bytes.span.bytes)
        payload = object.payload.withUnsafeBytes { Array($0) }
        signature = object.signature.withUnsafeBytes { Array($0) }
    }

    /// Signs `payload`.
    init(_ payload: [UInt8], as object: ChainObject, network: UInt64, key: SigningKey) {
        self.init(payload: payload, signature: key.sign(object.signedBytes(payload, network: network)))
    }

    /// The whole COSE_Sign1.
    var bytes: [UInt8] { COSE.sign1(payload, signature: signature) }

    func isSigned(by key: Hash32, as object: ChainObject, network: UInt64) -> Bool {
        key.publicKey.verifies(signature, of: object.signedBytes(payload, network: network))
    }
}
