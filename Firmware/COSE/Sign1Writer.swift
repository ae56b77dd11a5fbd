// Builds a COSE_Sign1 in the caller's buffer.

import CBOR

/// Writes a COSE_Sign1 in three steps: the claims, what is to be signed, the signature.
///
///     var sign1 = COSESign1Writer(buffer.mutableSpan)
///     sign1.payload.map(1); sign1.payload.key(CWT.audience); sign1.payload.text(address)
///     sign1.endPayload()
///     sign1.signedPieces(in: context) { hash.update($0) }
///     let count = try sign1.finish(signature: signature.span.bytes)
public struct COSESign1Writer: ~Copyable, ~Escapable {
    /// Where the payload is written, until `endPayload`.
    public var payload: CBORWriter
    private var mark: CBORMark
    private var payloadStart = 0

    /// Writes the seven bytes before the payload. A buffer that is too small shows in `finish`.
    @_lifetime(copy buffer)
    public init(_ buffer: consuming MutableSpan<UInt8>) {
        payload = CBORWriter(buffer)
        payload.raw(COSE.sign1Prefix.span.bytes)
        mark = payload.beginBytes()
    }

    /// Closes the payload. Write no more to it.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func endPayload() {
        let length = payload.count
        payload.endBytes(mark)
        payloadStart = COSE.sign1Prefix.count &+ (payload.count &- length)
    }

    /// Passes what is to be signed to `sink`, in order and in pieces, as often as it is called. Nothing if the payload did not fit.
    @inline(never)
    public func signedPieces(in context: COSEContext, _ sink: (RawSpan) -> Void) {
        precondition(payloadStart > 0)
        if payload.overflowed { return }
        COSE.signedPieces(payload: payload.written(from: payloadStart), in: context, sink)
    }

    /// Appends the signature of 64 bytes; returns the length of the whole, or throws `overflow` if it did not fit.
    @inline(never)
    @_lifetime(self: copy self)
    public mutating func finish(signature: RawSpan) throws(CBORError) -> Int {
        precondition(payloadStart > 0 && signature.byteCount == COSE.signatureSize)
        payload.bytes(signature)
        return try payload.finish()
    }
}
