// A signed message as received: shape and claims checked, signature not yet.

import CBOR
import COSE
import Ed25519

struct Message: ~Copyable, ~Escapable {
    let type: MessageType
    let sign1: COSESign1
    let claims: Claims
    private let whole: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, type: MessageType) throws(Refusal) {
        let sign1 = try Message.parts(bytes)
        let claims = try Claims(sign1.payload, type: type)
        self.sign1 = sign1
        self.claims = claims
        self.type = type
        whole = bytes
    }

    @_lifetime(copy bytes)
    private static func parts(_ bytes: RawSpan) throws(Refusal) -> COSESign1 {
        do throws(COSEError) { return try COSESign1(bytes) } catch { throw .malformed }
    }

    /// Strict verification with `key`, in the context of this type and `network`.
    @inline(never)
    func isSigned(by key: Bytes32, network: UInt32) -> Bool {
        let context = COSEContext(network: UInt64(network), type: type.name)
        return Ed25519.verify(signature: sign1.signature, publicKey: key.span.bytes) { hash in
            sign1.signedPieces(in: context) { hash.update($0) }
        }
    }

    /// SHA-512 of the whole message; receipts carry its first 32 bytes, the log its first 4.
    @inline(never)
    func digest() -> Bytes64 {
        SHA512.hash(whole)
    }
}
