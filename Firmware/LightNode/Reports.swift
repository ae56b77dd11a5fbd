// What anybody may ask: status, devices, a token, the log. Unsigned but for the log; nothing here changes what the device does.

import CBOR
import Devices

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Writes the `status` map.
    public mutating func writeStatus(_ writer: inout CBORWriter) {
        writer.map(16)
        writer.key(0)
        writer.uint(UInt64(condition.rawValue))
        writer.key(1)
        if condition == .blank || memory.isDamaged(.identity) { writer.null() } else { writer.text(identity.address.text.span.bytes) }
        writer.key(2)
        writer.text(platform.board)
        writer.key(3)
        writer.text(platform.version)
        let numbers: InlineArray<8, UInt64> = [
            UInt64(ownership.epoch), watermarks[.owner], platform.microseconds() / 1000, UInt64(platform.stackUsed),
            UInt64(platform.stackSize), UInt64(memory.nextIndex), UInt64(platform.resetReason), UInt64(identity.network),
        ]
        for i in 0..<8 {
            writer.key(Int32(4 &+ i))
            writer.uint(numbers[i])
        }
        writer.key(12)
        memory.writeDamaged(&writer)
        writer.key(13)
        writer.bool(identity.isTest)
        writer.key(14)
        var serial = InlineArray<8, UInt8>(repeating: 0)
        serial.storeLittleEndian64(platform.hardwareSerial, at: 0)
        writer.bytes(serial.span.bytes)
        writer.key(15)
        writer.bool(time.isKnown)
    }

    /// Writes the `devices` array.
    public mutating func writeDevices(_ writer: inout CBORWriter) {
        writer.array(Int(Table.count))
        var index: UInt8 = 0
        while let device = Table.declaration(index) {
            writer.array(4)
            writer.text(device.name)
            writer.text(device.interface.text)
            writer.value(LogValue(devices.state(of: index)))
            writer.bool(device.flags.contains(.demandsFreshness))
            index &+= 1
        }
    }

    /// Issues a one-time token, which replaces the one before.
    public mutating func issueToken() -> InlineArray<8, UInt8> {
        var token = InlineArray<8, UInt8>(repeating: 0)
        var span = token.mutableSpan
        var bytes = span.mutableBytes
        platform.fillRandom(&bytes)
        var value: UInt64 = 0
        for i in 0..<8 { value = value << 8 | UInt64(token[i]) }
        freshness.issue(value, uptime: platform.microseconds())
        return token
    }

    /// Lets time pass: devices, grants, the time floor. Call it every few milliseconds.
    public mutating func poll() {
        let uptime = platform.microseconds()
        devices.poll(Instant(microseconds: uptime))
        pollGrants(uptime: uptime)
        time.advance(uptime: uptime)
        // A floor that could not be saved is tried again at the next poll; until then it still holds in RAM.
        if time.needsSaving { try? memory.saveTime(&time) }
    }
}
