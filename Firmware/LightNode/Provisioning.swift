// What the factory does, once: an identity and a claim key (R1, R2).

import Bech32
import Bytes
import CBOR
import COSE
import DeviceModel
import Ed25519
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Gives a blank device its identity. A second time is refused for ever, but for a device that was rehearsed with: one with test keys
    /// that nobody has owned.
    ///
    /// `request` is a `provision-request`; the answer, a `provision-answer`, is written to `reply` and its length returned.
    public mutating func provision(_ request: RawSpan, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        let isRehearsed = condition == .unowned && identity.isTest && memory.nextIndex == 0
        guard condition == .blank || isRehearsed else { throw condition == .damaged ? .damaged : .wrongState }
        var seed = Secret()
        defer { seed.wipe() }
        var identity = Identity()
        var protects = false
        do throws(CBORError) {
            protects = try Self.readProvisioning(request, &identity, &seed)
        } catch { throw .malformed }
        if seed.isZero {
            guard platform.isTrueRandom else { throw .noEntropy }
            var span = seed.bytes.mutableSpan
            var bytes = span.mutableBytes
            platform.fillRandom(&bytes)
        }
        identity.publicKey = Ed25519.publicKey(seed: seed.bytes)
        // Before the keys: a power cut in between leaves a blank device that can be provisioned, never keys that can be read.
        if protects { platform.protectReadback() }
        try memory.saveIdentity(identity, seed: seed, nobody: ownership.record)
        boot()
        guard condition == .unowned else { throw .storeFailed }

        var writer = CBORWriter(reply)
        writer.map(2)
        writer.entry(0, bytes: self.identity.publicKey.span.bytes)
        writer.entry(1, text: self.identity.address.text.span.bytes)
        return try finished(writer)
    }

    @inline(never)
    private static func readProvisioning(_ request: RawSpan, _ identity: inout Identity, _ seed: inout Secret) throws(CBORError)
        -> Bool
    {
        var protects = false
        var reader = CBORReader(request)
        var map = try reader.map()
        var seen: UInt8 = 0
        while let key = try reader.nextKey(&map) {
            guard case .int(let label) = key else { throw .unexpectedType }
            switch label {
            case 0: identity.device.store(try reader.bytes(count: 32), at: 0)
            case 1: seed.bytes.store(try reader.bytes(count: 32), at: 0)
            case 2: identity.network = try reader.uint32()
            case 3: identity.isTest = try reader.bool()
            case 4: protects = try reader.bool()
            default: throw .unexpectedType
            }
            seen |= 1 << UInt8(truncatingIfNeeded: label)
        }
        try reader.finish()
        guard seen & 0b101 == 0b101, !(seen & 2 != 0 && seed.isZero) else { throw .outOfRange }
        identity.version = Identity.layoutVersion
        return protects
    }

    @inline(never)
    func finished(_ writer: borrowing CBORWriter) throws(Refusal) -> Int {
        do throws(CBORError) { return try writer.finish() } catch { throw .tooLarge }
    }
}

extension Identity {
    /// Derives the address from the public key.
    @inline(never)
    mutating func deriveAddress() {
        let digest = SHA512.hash(publicKey.span.bytes)
        var text = address.text.mutableSpan
        // 43 bytes hold the text of a 20-byte address with this prefix: nothing to fail.
        _ = try? Bech32.encode(prefix: "node", digest.span.bytes.extracting(0..<20), into: &text)
    }
}
