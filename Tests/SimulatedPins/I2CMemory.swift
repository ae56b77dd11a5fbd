// What an I2C memory does with the bytes that reach it, whatever brings them; and how a test reads one.

import HAL

/// 256 bytes behind a pointer, which is the first byte of each write.
public struct I2CMemory: Sendable {
    public var bytes: [UInt8]
    public var pointer = 0
    /// The next byte written is the pointer.
    public var isPointerNext = true

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// A byte is written.
    public mutating func take(_ byte: UInt8) {
        if isPointerNext {
            pointer = Int(byte)
        } else {
            bytes[pointer] = byte
            pointer = (pointer + 1) & 255
        }
        isPointerNext = false
    }
}

extension I2CBus {
    /// `count` bytes of the memory at `address`, from `start` on.
    public mutating func bytes(of address: UInt8, from start: UInt8, count: Int) throws -> [UInt8] {
        let pointer = [start]
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        try transfer(address, write: pointer.span.bytes, read: &raw)
        return bytes
    }
}
