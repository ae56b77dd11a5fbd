// The board as the executor sees it: `Platform` over what every board's `BoardHardware` has.

import Board
import HAL
import LightNode
import MCU
import Startup

/// The board's peripherals. Made first of all, in `runNode`.
nonisolated(unsafe) var hardware = BoardHardware()

struct BoardPlatform: Platform {
    var board: StaticString { ThisBoard.name }
    var version: Version {
        let version = lightnode_image_header.version
        return Version(version.0, version.1, version.2)
    }
    var imageHash: InlineArray<24, UInt8> { imageBytes(0) }
    var imageOrigin: InlineArray<24, UInt8> { imageBytes(24) }
    var hardwareSerial: UInt64 { hardwareSerialNumber() }
    var resetReason: ResetReason {
        @inline(never) get { hardware.resetReason }
    }
    var stackUsed: UInt32 { startup_stack_high_water() }
    var stackSize: UInt32 { startup_stack_size() }
    @inline(__always) var isTrueRandom: Bool { ChipEntropy.isTrueRandom }

    var isReadbackProtected: Bool { isFlashReadbackProtected() }
    mutating func protectReadback() { protectFlashReadback() }

    mutating func microseconds() -> UInt64 { uptime() }
    @inline(never)
    mutating func fillRandom(_ bytes: inout MutableRawSpan) { hardware.entropy.fill(&bytes) }
}

/// 24 bytes of the image's header, from its hash on.
@inline(never)
private func imageBytes(_ offset: Int) -> InlineArray<24, UInt8> {
    UnsafeRawPointer(startup_image_hash()).loadUnaligned(fromByteOffset: offset, as: InlineArray<24, UInt8>.self)
}

/// Microseconds since reset. Out of line, because each use of `hardware` asks first whether it has been made.
@inline(never)
func uptime() -> UInt64 { hardware.clock.microseconds() }
