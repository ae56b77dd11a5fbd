// Who the device is: what provisioning wrote, once.

import Bech32
import Bytes
import Ed25519
import HAL

/// What is known after boot without touching the identity's secret seed, which is read only to sign and then wiped.
struct Identity: ~Copyable {
    private let inMemory = InMemory()
    var publicKey = Bytes32(repeating: 0)
    /// The record `device`: claim key (32), network (4), flags (1: test), version of this layout (1).
    var device = InlineArray<38, UInt8>(repeating: 0)
    var address = Address()
    /// False until both were read: a node that cannot say who it is says nothing.
    var isLoaded = false

    // The record `identity`, secret: seed (32), public key (32).
    static var identitySize: Int { 64 }
    static var layoutVersion: UInt8 { 1 }

    var claimKey: RawSpan {
        @_lifetime(borrow self) get { device.span.bytes.extracting(0..<32) }
    }

    var network: UInt32 {
        @inline(never) get { LightNode.loadLittleEndian(device.span.bytes, at: 32) }
        @inline(never) set { device.storeLittleEndian(newValue, at: 32) }
    }

    var isTest: Bool {
        get { device[36] != 0 }
        set { device[36] = newValue ? 1 : 0 }
    }

    /// The version of the layout in which the record was written.
    var version: UInt8 {
        get { device[37] }
        set { device[37] = newValue }
    }
}

/// 32 secret bytes in one place: a plain array would be copied to wherever it is passed, and the copies stay. Whoever makes one wipes it.
struct Secret: ~Copyable {
    private let inMemory = InMemory()
    var bytes = Bytes32(repeating: 0)

    var isZero: Bool {
        @inline(never) get {
            var any: UInt8 = 0
            for i in 0..<32 { any |= bytes[i] }
            return any == 0
        }
    }

    @inline(never)
    mutating func wipe() {
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        Ed25519.wipe(&raw)
    }
}

/// The device's address: text of 43 bytes, bech32m with prefix "node" over the first 20 bytes of SHA-512(identity public key).
public struct Address {
    /// ASCII, lower case; all zeros while the node is not provisioned.
    public internal(set) var text = InlineArray<43, UInt8>(repeating: 0)

    init() {}
}
