// A signed message as received: taken apart once, shape and claims checked, signature not yet.

import Bytes
import CBOR
import COSE
import Ed25519
import Vocabulary

struct Message: ~Copyable, ~Escapable {
    let type: MessageType
    private(set) var claims: Claims
    let whole: RawSpan

    @inline(never)
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, type: MessageType) throws(Refusal) {
        self.type = type
        whole = bytes
        claims = Claims(of: bytes)
        try claims.read(try Message.parts(bytes).payload, type: type)
    }

    @inline(never)
    @_lifetime(copy bytes)
    private static func parts(_ bytes: RawSpan) throws(Refusal) -> COSESign1 {
        do throws(COSEError) { return try COSESign1(bytes) } catch { throw .malformed }
    }

    /// Verifies a whole message strictly with `key`, in the context of its type and `network`; quicker where it is the key that is `known`. Writes the
    /// message's hash.
    @inline(never)
    static func verify(
        _ whole: RawSpan, _ type: MessageType, by key: borrowing ExpandedPublicKey, known: borrowing KnownPublicKey,
        network: UInt32, hash: inout Bytes32
    ) throws(Refusal) {
        let sign1 = try parts(whole)
        let context = COSEContext(network: UInt64(network), constant: type.name.bytes)
        let isValid = Ed25519.verify(signature: sign1.signature, publicKey: key, known: known, hash: &hash) { digest in
            sign1.signedPieces(in: context) { digest.update($0) }
        }
        if !isValid { throw .badSignature }
    }

    /// The first 8 bytes of the signature, little-endian: a grant's id. They begin R (RFC 8032, section 5.1.6), so nobody but its signer
    /// can make another message that bears it.
    var mark: UInt64 { loadLittleEndian64(whole, at: whole.byteCount &- 64) }
}
