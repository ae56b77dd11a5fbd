// What devices count and must not forget over a reboot, such as the pulses of a meter. Boards without such a device have nothing of this.
//
// Two records, of devices 0 to 7 and of the others: each a CBOR array of name and count in turn, so that counts find their device again
// after an update that moved its index. One is saved once a minute at most and only when something was counted: a power cut loses a
// minute's pulses. A page of 1 KB takes about 40 of them, so 20,000 erases last for a year and a half of pulses without a pause, for each
// page of the store's banks.

import Bytes
import CBOR
import DeviceModel
import HAL
import Vocabulary

/// Devices of one record.
private var share: UInt8 { 8 }
/// 8 names of 16 bytes and their counts: 177 bytes, and a record takes 240.
private typealias CountBytes = InlineArray<180, UInt8>
/// Microseconds.
private var period: UInt64 { 60_000_000 }

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Gives devices what they had counted. Once, before the first poll.
    @inline(never)
    mutating func restoreCounts() {
        nextCounts = period
        for part in 0..<2 { restoreCounts(part) }
    }

    private mutating func restoreCounts(_ part: Int) {
        var bytes = CountBytes(repeating: 0)
        guard case .value(let length) = memory.read(.counts, slot: part, into: bytes.mutableSpan) else { return }
        do throws(CBORError) {
            var reader = CBORReader(bytes.span.bytes.extracting(0..<length))
            for _ in 0..<(try reader.array() / 2) {
                let name = try reader.text()
                let count = try reader.uint32()
                if let device = Table.find(name) { devices.restore(Int32(bitPattern: count), to: device) }
            }
        } catch {
            memory.noteDamage(.counts)
        }
    }

    /// Saves what has been counted since. A record that the flash does not take is tried again a minute later.
    @inline(never)
    mutating func keepCounts(uptime: UInt64) {
        guard uptime >= nextCounts, condition == .owned || condition == .unowned else { return }
        nextCounts = uptime &+ period
        for part in 0..<2 { keepCounts(part) }
    }

    private mutating func keepCounts(_ part: Int) {
        var kept = CountBytes(repeating: 0)
        var present = CountBytes(repeating: 0)
        let reading = memory.read(.counts, slot: part, into: kept.mutableSpan)
        let count = writeCounts(part, present.mutableSpan)
        if reading == .absent && count == 1 || reading == .value(count) && equal(kept.span.bytes, present.span.bytes) { return }
        try? memory.put(.counts, slot: part, present.span.extracting(0..<count))
    }

    /// The length of what was written: 1 byte when none of them counts.
    private mutating func writeCounts(_ part: Int, _ buffer: consuming MutableSpan<UInt8>) -> Int {
        let first = UInt8(truncatingIfNeeded: part) &* share
        var writer = CBORWriter(buffer)
        var counting = 0
        for device in first..<first &+ share where device < Table.count && devices.retained(by: device) != nil { counting &+= 1 }
        writer.array(counting &* 2)
        for device in first..<first &+ share where device < Table.count {
            guard let count = devices.retained(by: device), let name = Table.describe(device)?.name else { continue }
            writer.text(name)
            writer.uint(UInt64(UInt32(bitPattern: count)))
        }
        return (try? writer.finish()) ?? 0
    }
}
