// The byte pipes that bring requests and take answers (R7), all alike to the loop: the serial line, and USB on boards that have it.

import Board
import HAL
import LightNode
import MCU
import Slipmux

/// One of the board's wires: there is one of each, so that all is static.
protocol Wire {
    /// By which the node tells its wires apart.
    static var number: WireNumber { get }
    /// The next byte that has come, or nil when there is none yet.
    static func readByte() -> UInt8?
    /// Sends a byte of a frame. Ask `hasRoom` before the first.
    static func send(_ byte: UInt8)
    /// True when `count` bytes, each perhaps escaped, can be sent now.
    static func hasRoom(for count: Int) -> Bool
    /// The answer is complete.
    static func flush()
}

enum SerialWire: Wire {
    @inline(__always) static var number: WireNumber { .serial }
    @inline(never)
    static func readByte() -> UInt8? { hardware.serial.readByte() }
    @inline(__always)
    static func send(_ byte: UInt8) { NodeRuntime.send(byte) }
    @inline(__always)
    static func hasRoom(for count: Int) -> Bool { true }
    @inline(__always)
    static func flush() {}
}

enum USBWire: Wire {
    @inline(__always) static var number: WireNumber { .usb }
    static func readByte() -> UInt8? { hardware.usb.readByte() }
    static func send(_ byte: UInt8) { hardware.usb.writeByte(byte) }
    /// An answer that nobody fetches is dropped as a whole, never waited for: the client asks again.
    static func hasRoom(for count: Int) -> Bool { hardware.usb.room >= 2 * count + Slipmux.coapOverhead + 2 }
    static func flush() { hardware.usb.flush() }
}
