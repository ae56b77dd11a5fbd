// Who the device is: what provisioning wrote, once.

import Bech32
import Ed25519

/// What is known after boot without touching the identity's secret seed, which is read only to sign and then wiped.
struct Identity {
    var publicKey = Bytes32(repeating: 0)
    var claimKey = Bytes32(repeating: 0)
    var network: UInt32 = 0
    var isTest = false
    var address = Address()

    // Records: `identity` = seed (32), public key (32), secret; `device` = claim key (32), network (4), flags (1: test), version of this layout (1).
    static var identitySize: Int { 64 }
    static var deviceSize: Int { 38 }
    static var layoutVersion: UInt8 { 1 }
}

/// The device's address: text of 43 bytes, bech32m with prefix "node" over the first 20 bytes of SHA-512(identity public key).
public struct Address {
    public internal(set) var text = InlineArray<43, UInt8>(repeating: 0)

    init() {}
}
