// COSE_Sign1 with libsodium's Ed25519: signing, and opening what a node signed.
import CBOR
import COSE
import HostCrypto
import Reporting

extension MessageType {
    /// What a signature of a message of this type covers besides the payload.
    func context(network: UInt64) -> COSEContext { COSEContext(network: network, type: staticName) }
}

extension COSE {
    /// The COSE_Sign1 of a payload and its signature.
    package static func sign1(_ payload: [UInt8], signature: [UInt8]) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: payload.count + sign1Overhead + 8)
        var writer = COSESign1Writer(buffer.mutableSpan)
        writer.payload.raw(payload.span.bytes)
        writer.endPayload()
        guard let count = try? writer.finish(signature: signature.span.bytes) else {
            preconditionFailure("the buffer is as large as the payload and all that COSE adds")
        }
        return Array(buffer.prefix(count))
    }
}

enum SignedObject {
    /// The COSE_Sign1 of `payload`.
    static func sign(_ payload: [UInt8], type: MessageType, network: UInt64, key: SigningKey) -> [UInt8] {
        COSE.sign1(payload, signature: key.sign(signedBytes(payload, type: type, network: network)))
    }

    /// The claims of a COSE_Sign1 that carries `signer`'s signature; a `Failure` says what it is instead.
    static func open(_ bytes: [UInt8], type: MessageType, network: UInt64, signer: PublicKey, from node: String) throws
        -> CBORItem
    {
        let payload: [UInt8]
        let signature: [UInt8]
        let claims: CBORItem
        do {
            let object = try COSESign1(bytes.span.bytes)
            payload = object.payload.array
            signature = object.signature.array
            claims = try CBORItem(payload)
        } catch {
            throw Failure(
                .malformedAnswer, "\(node) sent \(type.rawValue) bytes that this program cannot read (\(error))",
                about: "\(node)",
                remedy: .sameRelease)
        }
        guard signer.verifies(signature, of: signedBytes(payload, type: type, network: network)) else {
            throw Failure(
                .notAuthentic, "the \(type.rawValue) from \(node) is not signed by that node",
                advice: "Something on the way answers in its name: trust nothing it says, and check the cable or the bridge")
        }
        return claims
    }

    /// A message's hash: the first 32 bytes of SHA-512(R, A, Sig_structure), where R begins the signature and A is the signer's key. It is the
    /// hash that the signature is verified with (RFC 8032, section 5.1.7, step 2), so that a node has it for nothing.
    /// Empty for bytes that are no COSE_Sign1.
    static func hash(_ bytes: [UInt8], type: MessageType, network: UInt64, signer: PublicKey) -> [UInt8] {
        guard let object = try? COSESign1(bytes.span.bytes) else { return [] }
        let signed = signedBytes(object.payload.array, type: type, network: network)
        return Array(sha512(object.signature.array.prefix(32) + signer.bytes + signed).prefix(32))
    }

    /// What nodes know a COSE_Sign1 by: the first 8 bytes of its signature, which is its last 64. Only its signer can make another with it.
    static func mark(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.suffix(64).prefix(8)) }

    /// The claims of a COSE_Sign1, unverified.
    static func claims(_ bytes: [UInt8]) throws -> CBORItem {
        try CBORItem(try COSESign1(bytes.span.bytes).payload.array)
    }

    /// The encoded Sig_structure of RFC 9052, section 4.4.
    static func signedBytes(_ payload: [UInt8], type: MessageType, network: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        COSE.signedPieces(payload: payload.span.bytes, in: type.context(network: network)) { bytes += $0.array }
        return bytes
    }
}
