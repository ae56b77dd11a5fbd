// The bytes that a control request is answered with.

import HAL

/// At most `capacity` bytes, put together while the host waits and sent packet by packet.
public struct USBAnswer: ~Copyable {
    private let inMemory = InMemory()
    private var bytes = InlineArray<384, UInt8>(repeating: 0)
    /// Bytes so far, 0…`capacity`.
    public private(set) var count = 0

    /// The longest answer is the set of Microsoft OS 2.0 descriptors, of 338 bytes.
    public static var capacity: Int { 384 }

    init() {}

    mutating func removeAll() { count = 0 }

    /// What does not fit is dropped: the tests see to it that all does.
    @inline(never)
    public mutating func append(_ byte: UInt8) {
        guard count < Self.capacity else { return }
        bytes[count] = byte
        count &+= 1
    }

    /// Low byte first, as everything in USB (USB 2.0, 8.1).
    @inline(never)
    public mutating func append(_ value: UInt16) {
        append(UInt8(truncatingIfNeeded: value))
        append(UInt8(truncatingIfNeeded: value >> 8))
    }

    /// Four bytes, low byte first.
    @inline(never)
    public mutating func append(_ value: UInt32) {
        append(UInt16(truncatingIfNeeded: value))
        append(UInt16(truncatingIfNeeded: value >> 16))
    }

    /// ASCII as UTF-16, low byte first.
    @inline(never)
    public mutating func append(utf16 text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(UInt16(text.utf8Start[index])) }
    }

    @inline(never)
    mutating func replace(_ index: Int, _ byte: UInt8) { bytes[index] = byte }

    /// Cuts the answer to what the host has room for.
    mutating func truncate(to length: Int) { count = min(count, length) }

    @inline(never)
    func part(from offset: Int, atMost length: Int, into packet: inout InlineArray<64, UInt8>) -> Int {
        let length = min(length, count &- offset)
        for index in 0..<length { packet[index] = bytes[offset &+ index] }
        return length
    }
}
