// What anybody may ask: status, devices, a token, the log. Unsigned but for the log; nothing here changes what the device does.

import Bytes
import CBOR
import DeviceModel
import Ed25519
import FlashStore
import HAL
import Vocabulary

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Writes the `status` map.
    public mutating func writeStatus(_ writer: inout CBORWriter) {
        let hasIdentity = identity.isLoaded
        writer.map(hasIdentity ? 19 : 18)
        writer.entry(0, UInt64(condition.rawValue))
        writer.key(1)
        if hasIdentity { writer.text(identity.address.text.span.bytes) } else { writer.null() }
        writer.entries(board: platform.board, 2, version: platform.version, 3)
        writer.entry(4, UInt64(ownership.epoch))
        writer.entry(5, watermarks.owner)
        writer.entry(6, platform.microseconds() / 1000)
        writer.entry(7, UInt64(platform.stackUsed))
        writer.entry(8, UInt64(platform.stackSize))
        writer.entry(9, UInt64(memory.nextIndex))
        writer.entry(10, UInt64(platform.resetReason.rawValue))
        writer.entry(11, UInt64(identity.network))
        writer.key(12)
        memory.writeDamaged(&writer)
        writer.entry(13, identity.isTest)
        writer.key(14)
        var serial = InlineArray<8, UInt8>(repeating: 0)
        serial.storeLittleEndian64(platform.hardwareSerial, at: 0)
        writer.bytes(serial.span.bytes)
        writer.entry(15, time.isKnown)
        if hasIdentity { writer.entry(16, bytes: identity.publicKey.span.bytes) }
        writer.entry(17, bytes: platform.imageHash.span.bytes)
        writer.entry(18, bytes: platform.imageOrigin.span.bytes)
    }

    /// Writes the `devices` array.
    public mutating func writeDevices(_ writer: inout CBORWriter) {
        writer.array(Int(Table.count))
        var index: UInt8 = 0
        while let device = Table.describe(index) {
            writer.array(4)
            writer.text(device.name)
            writer.text(device.interface.text)
            writer.value(LogValue(devices.state(of: index)))
            writer.bool(device.demandsFreshness)
            index &+= 1
        }
    }

    /// Writes the state of one device.
    public mutating func writeState(of device: UInt8, reply: consuming MutableSpan<UInt8>) -> Int {
        var writer = CBORWriter(reply)
        writer.value(LogValue(devices.state(of: device)))
        return (try? writer.finish()) ?? 0
    }

    /// The token for the signer whose key begins with the 8 bytes `signer`, little-endian: proves for a while that its message is fresh.
    public mutating func issueToken(for signer: UInt64) throws(Refusal) -> InlineArray<12, UInt8> {
        try checkIdentity()
        if freshness.secret.isZero { try makeFreshnessSecret() }
        return freshness.token(for: signer, milliseconds: platform.microseconds() / 1000)
    }

    /// Lets time pass: devices, grants, the time floor, attempts. Call it every few milliseconds.
    public mutating func poll() {
        let uptime = platform.microseconds()
        devices.poll(Instant(microseconds: uptime))
        pollGrants(uptime: uptime)
        time.advance(uptime: uptime)
        attempts.poll(uptime: uptime)
        // What could not be saved is tried again at the next poll; until then it still holds in RAM.
        if time.needsSaving || attempts.needsSaving { try? memory.save(&time, &attempts, epoch: ownership.epoch) }
        if Table.keepsCounts { keepCounts(uptime: uptime) }
        expandOwnerKey()
        ownerKey.prepare()
    }
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Writes receipts from log entry `first` on, a CBOR sequence of as many as fit `reply`; none when there are no more.
    ///
    /// They are made again from the log: the same claims as when they were fresh, but for `message`, of which the log keeps 8 bytes. Where
    /// entries from `first` on are lost, the receipt of the next one says so: nobody on the way can hold back what the device has.
    ///
    /// Each takes a signature of those rationed on `wire`: fewer come when there are few left.
    public mutating func writeHistory(
        from first: UInt32, wire: WireNumber, reply: inout MutableSpan<UInt8>
    ) throws(Refusal) -> Int {
        try checkIdentity()
        try takeSignature(wire)
        var hasSignature = true
        var written = 0
        var summary = LogSummary()
        var entry = LogEntry()
        var next = first
        do throws(StoreError) {
            var index = first
            guard try memory.readNext(&entry, from: &index) else { return 0 }
            let wanted = entry.index
            guard try memory.read(&summary, ofPageWith: wanted) else { return 0 }
            index = summary.first
            while try memory.readNext(&entry, from: &index) {
                if try memory.firstIndex(ofPageWith: entry.index) != summary.first {
                    guard try memory.read(&summary, ofPageWith: entry.index) else { return written }
                }
                if entry.index >= wanted {
                    if !hasSignature, !attempts.takeSignature(uptime: platform.microseconds(), wire: wire) { return written }
                    hasSignature = false
                    let count = writeReceipt(entry, summary, lostFrom: next, reply: reply._mutatingExtracting(written...))
                    if count == 0 { return written }
                    written &+= count
                    next = entry.index &+ 1
                }
                summary.pass(entry)
            }
            return written
        } catch { throw .storeFailed }
    }

    /// The receipt of a log entry made again; 0 when it does not fit.
    @inline(never)
    private func writeReceipt(
        _ entry: borrowing LogEntry, _ before: borrowing LogSummary, lostFrom: UInt32, reply: consuming MutableSpan<UInt8>
    ) -> Int {
        var context = ReceiptContext()
        context.entry.copy(from: entry)
        context.epoch = before.epoch
        context.previous = before.chain
        context.message.store(entry.hash, at: 0)
        context.messageCount = 8
        context.lostFrom = lostFrom
        var reply = reply
        return (try? writeReceipt(context, expected: nil, reply: &reply)) ?? 0
    }
}
