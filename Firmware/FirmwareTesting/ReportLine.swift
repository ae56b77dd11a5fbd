// One line of a test's report to the host, over semihosting.
//
// Lines begin with 0x01 and a kind ("end", "fail", "skip", "log", "fault", "stack"), fields are separated by 0x1F, and a newline
// ends them. All else on that channel is the test's own output.
import Startup

/// A line in the making; bytes beyond its room are dropped.
public struct ReportLine {
    private static let room = 240
    private var bytes = InlineArray<244, UInt8>(repeating: 0)
    private var count = 0

    init(_ kind: StaticString) {
        byte(1)
        text(kind)
    }

    mutating func byte(_ byte: UInt8) {
        guard count < ReportLine.room else { return }
        bytes[count] = byte
        count += 1
    }

    mutating func text(_ text: StaticString) {
        if bytes[count &- 1] != 0x20, count > 1 { separator() }
        for index in 0..<text.utf8CodeUnitCount { byte(text.utf8Start[index]) }
    }

    mutating func separator() {
        if count > 1 { byte(0x1F) }
    }

    mutating func field(_ value: UInt32) {
        separator()
        decimal(UInt64(value))
    }

    mutating func field(hexadecimal value: UInt32) {
        separator()
        hexadecimal(UInt64(value), digits: 8)
    }

    mutating func decimal(_ value: UInt64) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var rest = value
        var length = 0
        repeat {
            digits[length] = UInt8(48 + rest % 10)
            rest /= 10
            length += 1
        } while rest > 0
        while length > 0 {
            length -= 1
            byte(digits[length])
        }
    }

    mutating func hexadecimal(_ value: UInt64, digits: Int) {
        for index in (0..<digits).reversed() {
            let digit = UInt8(value >> UInt64(4 * index) & 15)
            byte(digit < 10 ? 48 + digit : 87 + digit)
        }
    }

    /// SYS_WRITE0 (Semihosting for AArch32, 6.24): text up to a NUL.
    mutating func send() {
        bytes[count] = 0x0A
        bytes[count + 1] = 0
        var span = bytes.mutableSpan
        span.withUnsafeMutableBufferPointer { _ = startup_semihosting(0x04, UInt32(UInt(bitPattern: $0.baseAddress))) }
    }
}
