// Lines for people, as slipmux diagnostic frames on the same wire as CoAP.

import Board
import Bytes
import DeviceModel
import HAL
import MCU
import Slipmux

/// Sends one line made of two texts.
public func log(_ text: StaticString, _ more: StaticString = "") {
    beginLog()
    write(text)
    write(more)
    endLog()
}

/// Opens a line that `write` continues; `endLog` closes it.
@inline(never)
func beginLog() { Slipmux.beginDiagnostic(send) }

@inline(never)
func endLog() {
    send(UInt8(ascii: "\n"))
    Slipmux.endFrame(send)
}

@inline(never)
func write(_ text: StaticString) {
    write(FlashText(text))
}

@inline(never)
func write(_ text: FlashText) {
    for i in 0..<text.count { Slipmux.emitEscaped(text[i], send) }
}

/// Eight hexadecimal digits.
@inline(never)
func write(hex value: UInt32) {
    for shift in stride(from: UInt32(28), through: 0, by: -4) {
        let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
        send(digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10)
    }
}

@inline(never)
func send(_ byte: UInt8) { hardware.serial.writeByte(byte) }
