// COSE_Sign1 (RFC 9052) in the one shape that this protocol uses, COSE_Key for Ed25519, and CWT claim names.
//
//     18([ h'a10127', {}, payload: bstr, signature: bstr .size 64 ])      protected header: { 1 (alg): -8 (EdDSA) }
//
// One shape means one encoding: the seven bytes before the payload and the two before the signature are constants. What differs
// is refused before any signature check. Nothing here knows a hash or a key: what is signed is handed out piece by piece.

import CBOR

/// Sizes and constant bytes of the one shape, and what its signatures are made over.
public enum COSE {
    /// Bytes of an Ed25519 signature.
    public static let signatureSize = 64
    /// Bytes of an Ed25519 public key.
    public static let keySize = 32
    /// Bytes that a COSE_Sign1 adds to a payload of 256 to 65535 bytes; one or two fewer below.
    public static let sign1Overhead = 7 + 3 + 2 + signatureSize
    /// Bytes of an encoded COSE_Key.
    public static let encodedKeySize = 8 + keySize

    /// Tag 18, array of 4, protected header h'a10127', unprotected header {}.
    static let sign1Prefix: InlineArray<7, UInt8> = [0xd2, 0x84, 0x43, 0xa1, 0x01, 0x27, 0xa0]
    /// What every Sig_structure begins with: array of 4, "Signature1", h'a10127'.
    static let signedPrefix: InlineArray<16, UInt8> = [
        0x84, 0x6a, 0x53, 0x69, 0x67, 0x6e, 0x61, 0x74, 0x75, 0x72, 0x65, 0x31, 0x43, 0xa1, 0x01, 0x27,
    ]
    /// What every external_aad begins with: array of 4, "lightnode", 2.
    static let contextPrefix: InlineArray<12, UInt8> = [
        0x84, 0x69, 0x6c, 0x69, 0x67, 0x68, 0x74, 0x6e, 0x6f, 0x64, 0x65, 0x02,
    ]
    /// { 1 (kty): 1 (OKP), -1 (crv): 6 (Ed25519), -2 (x): …; the key follows as a byte string.
    static let keyPrefix: InlineArray<6, UInt8> = [0xa3, 0x01, 0x01, 0x20, 0x06, 0x21]
}

/// Why bytes are not a COSE object of this protocol.
public enum COSEError: UInt8, Error, Sendable {
    /// Not tag 18 with an array of four: not a COSE_Sign1.
    case notSign1 = 1
    /// The headers are not exactly h'a10127' (EdDSA) and an empty map.
    case headers
    /// The payload is not a byte string in deterministic encoding, or is missing (detached).
    case payload
    /// The signature is not a byte string of 64 bytes.
    case signature
    /// Bytes follow the signature.
    case trailingBytes
}

/// What a signature is bound to besides the payload: protocol, version, network and type of message.
///
/// Its encoding is the `external_aad` of RFC 9052 section 4.4: the CBOR array `["lightnode", 2, network, type]`.
public struct COSEContext: Sendable {
    /// The network's number: a message signed for one is worthless in another.
    public var network: UInt64
    nonisolated(unsafe) private let type: UnsafePointer<UInt8>
    private let typeCount: Int

    /// `type` is the type of message, such as "command": at most 23 bytes.
    @inline(__always)
    public init(network: UInt64, type: StaticString) {
        self.network = network
        self.type = type.utf8Start
        typeCount = type.utf8CodeUnitCount
    }

    /// `type` is the type of message, at most 23 bytes, as part of some text in the image: only its address is kept.
    @inline(__always)
    public init(network: UInt64, constant type: RawSpan) {
        self.network = network
        self.type = type.withUnsafeBytes { $0.assumingMemoryBound(to: UInt8.self).baseAddress! }
        typeCount = type.byteCount
    }

    /// Writes the `external_aad` array: at most 46 bytes.
    public func write(to writer: inout CBORWriter) {
        writer.raw(COSE.contextPrefix.span.bytes)
        writer.uint(network)
        writer.text(RawSpan(_unsafeStart: type, byteCount: typeCount))
    }
}

/// The parts of a COSE_Sign1: slices of the input.
public struct COSESign1: ~Escapable {
    /// What was signed, usually a claims map. Not yet looked into.
    public let payload: RawSpan
    /// 64 bytes.
    public let signature: RawSpan

    /// Takes apart exactly one COSE_Sign1; checks its shape, not its signature.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(COSEError) {
        let prefixSize = COSE.sign1Prefix.count
        guard bytes.byteCount >= prefixSize else { throw .notSign1 }
        for index in 0..<prefixSize where byte(bytes, index) != COSE.sign1Prefix[index] {
            throw index < 2 ? .notSign1 : .headers
        }
        var reader = CBORReader(bytes.extracting(prefixSize...))
        do throws(CBORError) { payload = try reader.bytes() } catch { throw .payload }
        do throws(CBORError) { signature = try reader.bytes(count: COSE.signatureSize) } catch { throw .signature }
        guard reader.isAtEnd else { throw .trailingBytes }
    }

    /// Passes what the signature is computed over (RFC 9052 section 4.4), in order and in pieces, to `sink`.
    @inline(never)
    public func signedPieces(in context: COSEContext, _ sink: (RawSpan) -> Void) {
        COSE.signedPieces(payload: payload, in: context, sink)
    }
}

extension COSE {
    /// Passes the encoded `Sig_structure` of RFC 9052 section 4.4 to `sink`, in order and in pieces, without a copy of the payload:
    /// `["Signature1", h'a10127', external_aad, payload]`. May be called as often as a signature scheme needs to hash it.
    @inline(never)
    public static func signedPieces(payload: RawSpan, in context: COSEContext, _ sink: (RawSpan) -> Void) {
        var head = InlineArray<80, UInt8>(repeating: 0)
        let count = writeSignedHead(payloadCount: payload.byteCount, in: context, to: head.mutableSpan)
        sink(head.span.bytes.extracting(0..<count))
        sink(payload)
    }

    /// Writes the `Sig_structure` up to the payload's content: at most 1 + 11 + 4 + (2 + 46) + 9 bytes. Apart from `signedPieces`, which is
    /// compiled anew for each sink.
    @inline(never)
    private static func writeSignedHead(
        payloadCount: Int, in context: COSEContext, to buffer: consuming MutableSpan<UInt8>
    ) -> Int {
        var writer = CBORWriter(buffer)
        writer.raw(signedPrefix.span.bytes)
        let mark = writer.beginBytes()
        context.write(to: &writer)
        writer.endBytes(mark)
        writer.bytesHead(payloadCount)
        precondition(!writer.overflowed)
        return writer.count
    }

    /// Writes the COSE_Key (RFC 9052 section 7, RFC 9053 section 7.2) of an Ed25519 public key of 32 bytes.
    @inline(never)
    public static func writeKey(_ publicKey: RawSpan, to writer: inout CBORWriter) {
        precondition(publicKey.byteCount == keySize)
        writer.raw(keyPrefix.span.bytes)
        writer.bytes(publicKey)
    }

    /// The public key in a COSE_Key that is the next item: 32 bytes. Any other kind of key is `unexpectedType` or `outOfRange`.
    @inline(never)
    @_lifetime(copy reader)
    public static func readKey(_ reader: inout CBORReader) throws(CBORError) -> RawSpan {
        var map = try reader.map()
        guard map.remaining == 3 else { throw .outOfRange }
        for index in 0..<2 {
            guard try reader.nextKey(&map) == .int(index == 0 ? 1 : -1) else { throw .unexpectedType }
            guard try reader.uint() == (index == 0 ? 1 : 6) else { throw .outOfRange }
        }
        guard try reader.nextKey(&map) == .int(-2) else { throw .unexpectedType }
        return try reader.bytes(count: keySize)
    }
}

@inline(__always)
func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
}
