// What the controller's interrupt and the main loop share: two rings of bytes and a few flags. Each flag has one writer, or is only
// ever raised by one side and lowered by the other.

import HAL
import Synchronization

/// Its two sides are called from one context each; nothing blocks.
public struct USBPipe: ~Copyable {
    /// From the host; the interrupt fills it. A host that sends more meanwhile is told to wait (NAK).
    public var incoming = ByteRing<1024>()
    /// To the host; the main loop fills it. Holds the longest answer with every byte escaped.
    public var outgoing = ByteRing<4096>()

    private let attachment = Atomic<UInt8>(0)
    private let configuration = Atomic<UInt8>(0)
    private let hunger = Atomic<UInt8>(0)
    private let bootloader = Atomic<UInt8>(0)
    private var serial = InlineArray<48, UInt8>(repeating: 0)
    private var serialLength = 0

    /// Not attached, not configured, both rings empty.
    public init() {}

    // MARK: The main loop's side

    /// See `USBPort.attach`. Until then the interrupt does not look at the serial number.
    public mutating func attach(serial text: RawSpan) {
        serialLength = min(text.byteCount, 48)
        for index in 0..<serialLength { serial[index] = text.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
        attachment.store(1, ordering: .releasing)
    }

    /// See `USBPort.detach`. The interrupt takes the device off the bus when it next runs: it must be requested.
    public func detach() { attachment.store(0, ordering: .releasing) }

    /// A host has configured the device: it may be written to.
    public var isConfigured: Bool { configuration.load(ordering: .acquiring) != 0 }

    /// The next byte, and whether the interrupt waits for the room that it leaves.
    @inline(__always)
    public mutating func readByte() -> (byte: UInt8?, isRoomAwaited: Bool) {
        let byte = incoming.pop()
        let isAwaited = byte != nil && hunger.load(ordering: .acquiring) != 0 && incoming.room >= 64
        return (byte, isAwaited)
    }

    /// See `USBPort.isBootloaderWanted`. Stays true until the chip is reset.
    public var isBootloaderWanted: Bool { bootloader.load(ordering: .acquiring) != 0 }

    // MARK: The interrupt's side

    var wantsAttachment: Bool { attachment.load(ordering: .acquiring) != 0 }
    var serialCount: Int { serialLength }
    func serialByte(_ index: Int) -> UInt8 { serial[index] }
    func setConfigured(_ isConfigured: Bool) { configuration.store(isConfigured ? 1 : 0, ordering: .releasing) }
    func setWaitsForRoom(_ waits: Bool) { hunger.store(waits ? 1 : 0, ordering: .releasing) }
    func wantBootloader() { bootloader.store(1, ordering: .releasing) }
}
