// As whom the host sees the node over USB: under the chip's serial number until it is provisioned, under its address from then on.

import Board
import HAL
import LightNode
import MCU

/// Shows the device to the host, and shows it anew when its serial number has changed and the wire has been quiet for a while, so that
/// whoever provisions it can finish first.
struct USBPresence {
    /// Microseconds off the bus, so that a hub is sure to notice.
    private static var absence: UInt64 { 100_000 }
    /// Microseconds without a byte from the host before the device leaves the bus to come back under its new name.
    private static var quiet: UInt64 { 1_000_000 }

    private var isShown = false
    /// The name under which it is shown is the address.
    private var isNamed = false
    /// Uptime of the last change, or of the last byte.
    private var since: UInt64 = 0

    mutating func noteTraffic() { since = uptime() }

    @inline(never)
    mutating func step(_ address: borrowing Address) {
        let passed = uptime() &- since
        let hasAddress = address.text[0] != 0
        if !isShown {
            guard passed >= Self.absence else { return }
            if hasAddress { hardware.usb.attach(serial: address.text.span.bytes) } else { attachUnderChipNumber() }
            isShown = true
            isNamed = hasAddress
        } else if isNamed != hasAddress, passed >= Self.quiet {
            hardware.usb.detach()
            isShown = false
            noteTraffic()
        }
    }

    /// Sixteen hexadecimal digits; no number at all for a chip without one.
    private func attachUnderChipNumber() {
        let number = hardwareSerialNumber()
        var digits = InlineArray<16, UInt8>(repeating: 0)
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 &- 4 &* index)) & 15
            digits[index] = digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "A") &+ digit &- 10
        }
        hardware.usb.attach(serial: digits.span.bytes.extracting(0..<(number == 0 ? 0 : 16)))
    }
}
