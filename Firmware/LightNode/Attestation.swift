// Who the node is and what it obeys, signed: what a factory, an owner and a buyer rely on.

import Bytes
import CBOR
import COSE
import DeviceModel
import Ed25519
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Signs the client's nonce together with all who can act on the node, where its log stands, and what runs on it.
    public mutating func attest(
        _ request: RawSpan, wire: WireNumber, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        try checkIdentity()
        let uptime = platform.microseconds()
        let nonce: RawSpan
        do throws(CBORError) { nonce = try Self.readNonce(request) } catch { throw .malformed }
        try takeSignature(wire)
        var writer = COSESign1Writer(reply._mutatingExtracting(0...))
        let count = 12 + (time.isKnown ? 1 : 0)
        writer.payload.beginDeviceClaims(issuer: identity.address.text.span.bytes, epoch: ownership.epoch, count: count)
        writer.payload.entry(NodeKey.nonce, bytes: nonce)
        writer.payload.entries(board: platform.board, NodeKey.board, version: platform.version, NodeKey.version)
        writer.payload.entry(NodeKey.test, identity.isTest)
        if time.isKnown { writer.payload.entry(NodeKey.time, time.earliest(uptime: uptime)) }
        writer.payload.entry(NodeKey.claimKey, bytes: identity.claimKey)
        writer.payload.entry(NodeKey.protected, platform.isReadbackProtected)
        writer.payload.key(NodeKey.authorityList)
        ownership.writeAuthorities(&writer.payload)
        writer.payload.key(NodeKey.head)
        writer.payload.array(2)
        writer.payload.uint(UInt64(memory.nextIndex))
        writer.payload.bytes(memory.chain.span.bytes)
        writer.payload.entry(NodeKey.mark, watermarks.owner)
        writer.payload.entry(NodeKey.since, UInt64(ownership.sinceIndex))
        writer.payload.entry(NodeKey.imageHash, bytes: platform.imageHash.span.bytes)
        return try sign(&writer, type: .attest)
    }

    @_lifetime(copy request)
    private static func readNonce(_ request: RawSpan) throws(CBORError) -> RawSpan {
        var reader = CBORReader(request)
        var map = try reader.map()
        guard map.remaining == 1, try reader.nextKey(&map) == .int(NodeKey.nonce) else { throw .unexpectedType }
        let nonce = try reader.bytes(count: 16)
        try reader.finish()
        return nonce
    }

    /// Throws when no signature is left for what comes over `wire`.
    @inline(never)
    public mutating func takeSignature(_ wire: WireNumber) throws(Refusal) {
        guard attempts.takeSignature(uptime: platform.microseconds(), wire: wire) else { throw .tooManyAttempts }
    }

    /// Signs the closed claims with the identity key, which is in RAM only meanwhile.
    @inline(never)
    func sign(_ writer: inout COSESign1Writer, type: MessageType) throws(Refusal) -> Int {
        writer.endPayload()
        guard !writer.payload.overflowed else { throw .tooLarge }
        var seed = Secret()
        defer { seed.wipe() }
        try memory.loadSeed(&seed)
        let context = COSEContext(network: UInt64(identity.network), constant: type.name.bytes)
        let signature = Ed25519.sign(seed: seed.bytes, publicKey: identity.publicKey) { hash in
            writer.signedPieces(in: context) { hash.update($0) }
        }
        do throws(CBORError) { return try writer.finish(signature: signature.span.bytes) } catch { throw .tooLarge }
    }
}
