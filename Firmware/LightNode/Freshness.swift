// Proof that a message was made lately (R9): a token that the node gives to a signer, and knows again by a secret of this boot.
//
// Nothing is kept for a token, so nobody can take away another's by asking, and none is used up: a message is carried out once because of
// its sequence number. What a token proves is its age, on the node's own clock (the freshness threshold of RFC 9175, section 2.3).
//
//     0  4  uptime in milliseconds when it was given, modulo 2^32, little-endian
//     4  8  the first bytes of SHA-512(secret of this boot ‖ first 8 bytes of the signer's key ‖ all 64 bits of that uptime)

import Bytes
import Ed25519
import HAL

struct Freshness: ~Copyable {
    private let inMemory = InMemory()
    /// Zeros while this boot has given no token: then none is good, or a stranger who knows zeros could make one.
    var secret = Secret()

    static var tokenSize: Int { 12 }
    /// Seconds for which a token is good where no device asks for fewer.
    static var standardAge: UInt32 { 30 }

    /// The token for the signer whose key begins with `signer`, given at `milliseconds` of uptime.
    @inline(never)
    func token(for signer: UInt64, milliseconds: UInt64) -> InlineArray<12, UInt8> {
        var context = InlineArray<16, UInt8>(repeating: 0)
        context.storeLittleEndian64(signer, at: 0)
        context.storeLittleEndian64(milliseconds, at: 8)
        var hash = SHA512()
        hash.update(secret.bytes.span.bytes)
        hash.update(context.span.bytes)
        let digest = hash.finalize()
        var token = InlineArray<12, UInt8>(repeating: 0)
        token.store(context.span.bytes.extracting(8..<12), at: 0)
        token.store(digest.span.bytes.extracting(0..<8), at: 4)
        return token
    }

    /// Uptime in microseconds at which `token` was given to `signer`; nil when it was not, or `seconds` have passed since.
    @inline(never)
    func issued(_ token: RawSpan, to signer: UInt64, within seconds: UInt32, uptime: UInt64) -> UInt64? {
        let now = uptime / 1000
        let age = UInt32(truncatingIfNeeded: now) &- loadLittleEndian(token, at: 0)
        guard !secret.isZero, UInt64(age) <= now, age <= seconds &* 1000 else { return nil }
        let issued = now &- UInt64(age)
        let expected = self.token(for: signer, milliseconds: issued)
        return equal(expected.span.bytes, token) ? issued &* 1000 : nil
    }
}
