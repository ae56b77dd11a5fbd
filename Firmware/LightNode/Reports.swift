// What anybody may ask: status, devices, a token, the log. Unsigned but for the log; nothing here changes what the device does.

import CBOR
import DeviceModel
import Ed25519
import FlashStore
import HAL

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Writes the `status` map.
    public mutating func writeStatus(_ writer: inout CBORWriter) {
        let hasIdentity = condition != .blank && !memory.isDamaged(.identity)
        writer.map(hasIdentity ? 18 : 17)
        writer.entry(0, UInt64(condition.rawValue))
        writer.key(1)
        if hasIdentity { writer.text(identity.address.text.span.bytes) } else { writer.null() }
        writer.entries(board: platform.board, 2, version: platform.version, 3)
        writer.entry(4, UInt64(ownership.epoch))
        writer.entry(5, watermarks[.owner])
        writer.entry(6, platform.microseconds() / 1000)
        writer.entry(7, UInt64(platform.stackUsed))
        writer.entry(8, UInt64(platform.stackSize))
        writer.entry(9, UInt64(memory.nextIndex))
        writer.entry(10, UInt64(platform.resetReason))
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

    /// Issues a one-time token, which replaces the one before; the same one again for half a minute unless it was used.
    public mutating func issueToken() throws(Refusal) -> InlineArray<8, UInt8> {
        var token = InlineArray<8, UInt8>(repeating: 0)
        if let young = freshness.young(uptime: platform.microseconds()) {
            token.storeLittleEndian64(young, at: 0)
            return token
        }
        if platform.isTrueRandom {
            var span = token.mutableSpan
            var bytes = span.mutableBytes
            platform.fillRandom(&bytes)
        } else {
            token = try deriveToken()
        }
        freshness.issue(token.loadLittleEndian64(at: 0), uptime: platform.microseconds())
        return token
    }

    /// A chip without a random generator takes its tokens from a secret, the identity's seed, and a number that never repeats: this
    /// boot's, kept in flash, and how many tokens it has issued.
    private mutating func deriveToken() throws(Refusal) -> InlineArray<8, UInt8> {
        try checkIdentity()
        let boot = try memory.bootNumber()
        tokensIssued &+= 1
        var number = InlineArray<16, UInt8>(repeating: 0)
        number.storeLittleEndian64(boot, at: 0)
        number.storeLittleEndian64(tokensIssued, at: 8)
        var seed = Secret()
        defer { seed.wipe() }
        try memory.loadSeed(&seed)
        var hash = SHA512()
        hash.update(seed.bytes.span.bytes)
        hash.update(number.span.bytes)
        let digest = hash.finalize()
        var token = InlineArray<8, UInt8>(repeating: 0)
        token.store(digest.span.bytes.extracting(0..<8), at: 0)
        return token
    }

    /// Lets time pass: devices, grants, the time floor, attempts. Call it every few milliseconds.
    public mutating func poll() {
        let uptime = platform.microseconds()
        devices.poll(Instant(microseconds: uptime))
        pollGrants(uptime: uptime)
        time.advance(uptime: uptime)
        attempts.poll(uptime: uptime)
        // What could not be saved is tried again at the next poll; until then it still holds in RAM.
        if time.needsSaving || attempts.needsSaving { try? memory.save(&time, &attempts) }
        if Table.keepsCounts { keepCounts(uptime: uptime) }
        expandOwnerKey()
    }
}

extension Node where Flash: ~Copyable, Board: ~Copyable {
    /// Writes receipts from log entry `first` on, a CBOR sequence of as many as fit `reply`; none when there are no more.
    ///
    /// They are made again from the log: the same claims as when they were fresh, but for `message`, of which the log keeps 2 bytes. Where
    /// entries from `first` on are lost, the receipt of the next one says so: nobody on the way can hold back what the device has.
    public mutating func writeHistory(from first: UInt32, reply: consuming MutableSpan<UInt8>) throws(Refusal) -> Int {
        try checkIdentity()
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
        context.message.store(entry.encoded.bytes.extracting(8..<10), at: 0)
        context.messageCount = 2
        context.lostFrom = lostFrom
        return (try? writeReceipt(context, expected: nil, reply: reply)) ?? 0
    }
}
