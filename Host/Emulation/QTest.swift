// QEMU's test interface: memory, registers and pins from outside the processor, beside a running machine.
import Foundation
import Reporting

/// A change of an output pin as QEMU reports it.
public struct PinChange: Equatable, Sendable, Codable {
    /// Number of the pin, as the chip's drivers count them.
    public var pin: Int
    /// True: high.
    public var level: Bool

    /// - Parameter level: true: high.
    public init(pin: Int, level: Bool) { (self.pin, self.level) = (pin, level) }
}

/// A connection to QEMU's qtest socket: requests as text lines, answers "OK …", pin changes as "IRQ raise N" in between.
final class QTest: @unchecked Sendable {
    private let socket: LineSocket
    private let lock = NSLock()
    private var changes: [PinChange] = []

    init(socket: LineSocket) { self.socket = socket }

    @discardableResult
    func request(_ line: String, timeout: Double = 10) throws -> String {
        lock.lock()
        defer { lock.unlock() }
        try socket.send(line: line)
        let limit = Date().addingTimeInterval(timeout)
        while let answer = try socket.receiveLine(timeout: limit.timeIntervalSinceNow) {
            if answer.hasPrefix("OK") { return answer.dropFirst(2).trimmingCharacters(in: .whitespaces) }
            if answer.hasPrefix("FAIL") {
                throw Failure(
                    .environment, "the emulator refused \"\(line.prefix(60))\": \(answer)", advice: "Start the board again")
            }
            note(answer)
        }
        throw Failure(
            .environment, "the emulator did not answer \"\(line.prefix(60))\" within \(timeout) s",
            advice: "Stop the board and start it again")
    }

    private func note(_ line: String) {
        let words = line.split(separator: " ")
        guard words.count == 3, words[0] == "IRQ", let pin = Int(words[2]) else { return }
        changes.append(PinChange(pin: pin, level: words[1] == "raise"))
    }

    func readWord(_ address: UInt64) throws -> UInt32 {
        let text = try request("readl 0x\(String(address, radix: 16))")
        guard text.hasPrefix("0x"), let value = UInt64(text.dropFirst(2), radix: 16) else {
            throw Failure(.environment, "the emulator answered \"\(text)\" to a register read", advice: "Start the board again")
        }
        return UInt32(truncatingIfNeeded: value)
    }

    func writeWord(_ address: UInt64, _ value: UInt32) throws {
        try request("writel 0x\(String(address, radix: 16)) 0x\(String(value, radix: 16))")
    }

    func read(_ address: UInt64, count: Int) throws -> Data {
        let text = try request("read 0x\(String(address, radix: 16)) 0x\(String(count, radix: 16))")
        guard let data = Data(hexadecimal: text.dropFirst(2)), data.count == count else {
            throw Failure(
                .environment, "the emulator answered a read of \(count) bytes with \(text.count / 2 - 1)",
                advice: "Start the board again")
        }
        return data
    }

    func write(_ address: UInt64, _ data: Data) throws {
        guard !data.isEmpty else { return }
        try request("write 0x\(String(address, radix: 16)) 0x\(String(data.count, radix: 16)) 0x\(data.hexadecimal)")
    }

    /// The pin changes so far, waiting up to `timeout` seconds for a first one.
    func takeChanges(timeout: Double) throws -> [PinChange] {
        lock.lock()
        defer {
            changes.removeAll()
            lock.unlock()
        }
        if changes.isEmpty, let line = try socket.receiveLine(timeout: timeout) { note(line) }
        while let line = try socket.receiveLine(timeout: 0) { note(line) }
        return changes
    }
}

extension Data {
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    init?(hexadecimal text: some StringProtocol) {
        let digits = Array(text.utf8)
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 48...57: digit - 48
            case 97...102: digit - 87
            case 65...70: digit - 55
            default: nil
            }
        }
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes)
    }
}
