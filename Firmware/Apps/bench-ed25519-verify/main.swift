// One verification and nothing else: this image less bench-ed25519-empty is the flash that verification takes.
import Ed25519
import Startup

/// Reads its inputs from RAM that the compiler knows nothing about, so that it computes nothing in advance.
func verify() -> Bool {
    let at = UnsafeRawPointer(bitPattern: 0x2000_0400)!
    return Ed25519.verify(
        signature: RawSpan(_unsafeStart: at, byteCount: 64), publicKey: RawSpan(_unsafeStart: at + 64, byteCount: 32),
        message: RawSpan(_unsafeStart: at + 96, byteCount: 64))
}

startup_semihosting_exit(verify() ? 0 : 1)
