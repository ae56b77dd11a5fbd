// Signs and derives a key with the seed marked undefined, under valgrind: it reports any branch or address that depends on the secret.
// With the argument "control" it branches on the seed on purpose, to show that such a branch is seen.
import CMemcheck
import Ed25519
import Foundation

guard memcheck_is_running() != 0 else {
    print("run this by Tools/test-constant-time; valgrind and its headers must be installed when it is built")
    exit(2)
}

func mark<let size: Int>(_ bytes: inout InlineArray<size, UInt8>, secret: Bool) {
    withUnsafeBytes(of: &bytes) {
        if secret { memcheck_make_secret($0.baseAddress!, $0.count) } else { memcheck_make_public($0.baseAddress!, $0.count) }
    }
}

let message: [UInt8] = Array("obey one key".utf8)
for round in 0..<20 {
    var seed = Bytes32(repeating: UInt8(round &* 13))
    mark(&seed, secret: true)
    if CommandLine.arguments.contains("control"), seed[3] & 1 == 1 { print("the control branches on the seed") }
    var key = Ed25519.publicKey(seed: seed)
    mark(&key, secret: false)
    var signature = Ed25519.sign(seed: seed, publicKey: key, message: message.span.bytes)
    mark(&signature, secret: false)
    guard Ed25519.verify(signature: signature, publicKey: key, message: message.span.bytes) else {
        print("round \(round): the signature is not valid")
        exit(1)
    }
}
