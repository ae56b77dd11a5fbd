// The frames on the wire of the emulated USB, as Firmware/MCU/MPS2/VirtualUSB.swift describes them, and what those of a board mean.
import VirtualUSB

/// A frame as it was received.
enum USBFrame: Equatable {
    /// What a frame is for: the host's, then the board's.
    enum Kind: UInt8 {
        case reset = 0x01, setup, out, `in`, acknowledge, suspend, resume, hello, detached, sync
        case data = 0x81, handshake, ready, connect, remoteWakeup, started, synced
    }

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
    static func encoded(_ kind: Kind, _ endpoint: UInt8 = 0, _ data: [UInt8] = []) -> [UInt8] {
        [kind.rawValue, endpoint, UInt8(data.count & 0xFF), UInt8(data.count >> 8)] + data + [end]
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

/// What a board says in a frame.
enum BoardMessage: Equatable {
    /// Its chip was reset; what it says is of no use until it is `synced`.
    case started
    case synced(isShown: Bool)
    case answer(DeviceAnswer)
    case event(DeviceEvent)

    private static let handshakes: [UInt8: DeviceAnswer] = [0x02: .ack, 0x0A: .nak, 0x0E: .stall, 0: .silence]

    /// Nil when it is none that a board sends.
    init?(_ code: UInt8, _ endpoint: UInt8, _ data: [UInt8]) {
        switch (USBFrame.Kind(rawValue: code), data.count) {
        case (.started, 0): self = .started
        case (.synced, 1): self = .synced(isShown: data[0] != 0)
        case (.data, 1...): self = .answer(.data(toggle: data[0], Array(data.dropFirst())))
        case (.handshake, 1):
            guard let answer = Self.handshakes[data[0]] else { return nil }
            self = .answer(answer)
        case (.ready, 0): self = .event(.ready(endpoint: endpoint))
        case (.connect, 1): self = .event(.connected(data[0] != 0))
        case (.remoteWakeup, 0): self = .event(.remoteWakeup)
        default: return nil
        }
    }
}
