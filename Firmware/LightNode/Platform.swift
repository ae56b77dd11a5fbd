// What the executor needs of the board that it runs on, besides a flash store and devices.

import HAL

/// The board as the executor sees it. Implemented by each board, and by host tests with faults of their choice.
public protocol Platform: ~Copyable {
    /// Board name as in `Boards/`, at most 24 bytes.
    var board: StaticString { get }
    /// Firmware version.
    var version: Version { get }
    /// The hash in the header of the image that runs (Host/Image/ImageHeader.swift).
    var imageHash: InlineArray<24, UInt8> { get }
    /// What follows it there: the application's name, flags, and the commit that it was built from.
    var imageOrigin: InlineArray<24, UInt8> { get }
    /// The chip's own serial number; 0 when it has none.
    var hardwareSerial: UInt64 { get }
    /// Why the chip started.
    var resetReason: ResetReason { get }
    /// Bytes of stack used at most since reset; 0 where that is not measured.
    var stackUsed: UInt32 { get }
    /// Bytes of stack that there are; 0 where use is not measured.
    var stackSize: UInt32 { get }

    /// True when a debugger cannot read the chip's flash; false where the chip has no such protection.
    var isReadbackProtected: Bool { get }
    /// Sets that protection, for good; does nothing where there is none. In force from the next reset.
    mutating func protectReadback()

    /// Microseconds since reset; never goes back.
    mutating func microseconds() -> UInt64

    /// True when `fillRandom` draws from a physical process.
    var isTrueRandom: Bool { get }
    /// Overwrites all of `bytes` with random bytes.
    mutating func fillRandom(_ bytes: inout MutableRawSpan)
}

/// A semantic version; as text "1.2.3".
public struct Version: Sendable {
    /// Rises with an incompatible change (Semantic Versioning 2.0.0, item 8).
    public var major: UInt8
    /// Rises with compatible additions (item 7).
    public var minor: UInt8
    /// Rises with corrections alone (item 6).
    public var patch: UInt8

    /// In the order of the text: `Version(1, 2, 3)` is "1.2.3".
    public init(_ major: UInt8, _ minor: UInt8, _ patch: UInt8) {
        (self.major, self.minor, self.patch) = (major, minor, patch)
    }
}
