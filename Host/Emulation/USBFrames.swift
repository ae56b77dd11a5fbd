// The frames on the wire of the emulated USB, as Firmware/MCU/MPS2/VirtualUSB.swift describes them.

/// A frame as it was received.
enum USBFrame: Equatable {
    case whole(kind: UInt8, endpoint: UInt8, data: [UInt8])
    /// Its last byte is not the one that ends a frame: a reset of the chip has cut it off, and what it was filled up with counts for nothing.
    case cutOff
    /// Its length is none that a frame has: where the next one begins is not known.
    case tooLong

    /// Bytes of data at most.
    static let longest = 1024
    /// Bytes around the data.
    static let overhead = 5
    private static let end: UInt8 = 0xA5

    /// The bytes of a frame.
    static func encoded(_ kind: UInt8, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) -> [UInt8] {
        [kind, endpoint, UInt8(data.count & 0xFF), UInt8(data.count >> 8)] + data + [end]
    }

    /// Takes the first frame off `buffer`; nil when it is not all there yet. Zeros between frames are what a chip that was reset filled up with.
    static func next(in buffer: inout [UInt8]) -> USBFrame? {
        buffer.removeSubrange(..<(buffer.firstIndex { $0 != 0 } ?? buffer.endIndex))
        guard buffer.count >= overhead else { return nil }
        let length = Int(buffer[2]) | Int(buffer[3]) << 8
        guard length <= longest else { return .tooLong }
        guard buffer.count >= overhead + length else { return nil }
        defer { buffer.removeFirst(overhead + length) }
        guard buffer[4 + length] == end else { return .cutOff }
        return .whole(kind: buffer[0], endpoint: buffer[1], data: Array(buffer[4..<4 + length]))
    }
}
