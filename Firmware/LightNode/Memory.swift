// What the executor keeps in flash, over the flash store: named records, and the log with its hash chain.

import Bytes
import CBOR
import Ed25519
import FlashStore
import HAL
import Vocabulary

/// What reading a record gave.
enum Reading: Equatable {
    case absent
    case value(Int)
    case damaged
}

struct Memory<Flash: NORFlash & ~Copyable>: ~Copyable {
    private let inMemory = InMemory()
    var store: FlashStore<Flash>
    /// The hash chain over all log entries so far.
    var chain = Bytes32(repeating: 0)
    /// The number that the next log entry gets.
    var nextIndex: UInt32 = 0
    private var damaged: UInt16 = 0
    /// This boot's number; 0 before provisioning.
    private(set) var boot: UInt64 = 0

    init(_ flash: consuming Flash) {
        store = FlashStore(flash, layout: Memory.layout)
    }

    // MARK: Damage

    @inline(never)
    mutating func noteDamage(_ record: Record) { damaged |= record.bit }
    func isDamaged(_ record: Record) -> Bool { damaged & record.bit != 0 }
    var isDamaged: Bool { damaged != 0 }
    private func isDamaged(_ number: Int) -> Bool { damaged >> UInt16(truncatingIfNeeded: number) & 1 != 0 }

    func writeDamaged(_ writer: inout CBORWriter) {
        var count = 0
        for number in 0..<9 where isDamaged(number) { count &+= 1 }
        writer.array(count)
        for number in 0..<9 where isDamaged(number) {
            guard let name = Record.names.part(number, of: UInt8(ascii: " ")) else { continue }
            writer.text(name)
        }
    }

    // MARK: Records

    /// Reads a record into `bytes`. Damage is noted and reported, never taken for absence.
    @inline(never)
    mutating func read(_ record: Record, slot: Int = 0, into bytes: consuming MutableSpan<UInt8>) -> Reading {
        do throws(StoreError) {
            guard let count = try store.read(record.rawValue &+ UInt8(truncatingIfNeeded: slot), into: &bytes) else {
                return .absent
            }
            return .value(count)
        } catch {
            noteDamage(record)
            return .damaged
        }
    }

    @inline(never)
    mutating func put(_ record: Record, slot: Int = 0, _ bytes: Span<UInt8>) throws(Refusal) {
        do throws(StoreError) { try store.put(record.rawValue &+ UInt8(truncatingIfNeeded: slot), bytes) } catch {
            throw .storeFailed
        }
    }

    /// Identity, claim key and the first ownership, all or none.
    @inline(never)
    mutating func saveIdentity(_ identity: borrowing Identity, seed: borrowing Secret, nobody: Span<UInt8>) throws(Refusal) {
        var keys = InlineArray<64, UInt8>(repeating: 0)
        keys.store(seed.bytes.span.bytes, at: 0)
        keys.store(identity.publicKey.span.bytes, at: 32)
        // Of the grants' size, so that the image has the code of a batch once.
        var batch = RecordBatch<440>()
        defer {
            wipe(&keys)
            batch.wipe()
        }
        do throws(StoreError) {
            try batch.put(Record.device.rawValue, identity.device.span)
            try batch.put(Record.identity.rawValue, keys.span, secret: true)
            try batch.put(Record.ownership.rawValue, nobody)
            try store.apply(batch)
        } catch { throw .storeFailed }
    }

    /// Reads the identity's secret seed. The caller wipes it.
    @inline(never)
    func loadSeed(_ seed: inout Secret) throws(Refusal) {
        var keys = InlineArray<64, UInt8>(repeating: 0)
        defer { wipe(&keys) }
        do throws(StoreError) {
            var span = keys.mutableSpan
            guard try store.read(Record.identity.rawValue, into: &span) == 64 else { throw .unreadable }
        } catch { throw .damaged }
        seed.bytes.store(keys.span.bytes.extracting(0..<32), at: 0)
    }

    /// Reads the identity's public key.
    mutating func loadPublicKey(_ key: inout Bytes32) -> Reading {
        var keys = InlineArray<64, UInt8>(repeating: 0)
        defer { wipe(&keys) }
        let reading = read(.identity, into: keys.mutableSpan)
        key.store(keys.span.bytes.extracting(32..<64), at: 0)
        return reading
    }

    @inline(never)
    private func wipe(_ bytes: inout InlineArray<64, UInt8>) {
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        Ed25519.wipe(&raw)
    }

    /// Record `time`, 12 bytes: the floor in the first 5; in byte 7 the wires on which strangers have exhausted the attempts; from byte 8 on
    /// the epoch that the floor belongs to.
    @inline(never)
    mutating func save(_ time: inout TrustedTime, _ attempts: inout AttemptBudget, epoch: UInt32) throws(Refusal) {
        guard time.floor != time.savedFloor || attempts.needsSaving else { return }
        var bytes = InlineArray<12, UInt8>(repeating: 0)
        bytes.storeLittleEndian64(time.floor, at: 0, count: 5)
        bytes[7] = attempts.exhausted
        bytes.storeLittleEndian(epoch, at: 8)
        try put(.time, bytes.span)
        time.savedFloor = time.floor
        attempts.needsSaving = false
    }

    /// Writes the slots that changed and those that the log knows better, as of the next entry of the log.
    @inline(never)
    mutating func save(_ grants: inout GrantTable) throws(Refusal) {
        let due = grants.dirty | grants.stale
        var batch = RecordBatch<440>()
        do throws(StoreError) {
            for slot in 0..<GrantTable.slotCount where due >> UInt8(truncatingIfNeeded: slot) & 1 != 0 {
                grants[slot, .asOfIndex] = nextIndex
                try batch.put(Record.grants.rawValue &+ UInt8(truncatingIfNeeded: slot), grants.record(slot))
            }
            try store.apply(batch)
        } catch { throw .storeFailed }
        (grants.dirty, grants.stale) = (0, 0)
    }

    /// Entries that a grant without a number of uses may make until the owner is heard: a quarter of what the log holds.
    var logShare: UInt32 { UInt32(truncatingIfNeeded: store.journalCapacity / 4) }

    /// Counts this boot. The number stays 0 when the flash does not take it: then nothing is made of it.
    @inline(never)
    mutating func countBoot() {
        do throws(StoreError) {
            let next = try store.counter(Record.boots.rawValue) &+ 1
            try store.raise(Record.boots.rawValue, to: next)
            boot = next
        } catch {}
    }
}
