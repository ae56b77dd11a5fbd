// What the executor keeps in flash, over the flash store: named records, and the log with its hash chain.

import Bytes
import CBOR
import DeviceModel
import Ed25519
import FlashStore
import HAL

/// The records of the executor. The raw value is the key in the store.
enum Record: UInt8 {
    case device = 1
    case identity = 2
    case ownership = 3
    case time = 4
    case watermarks = 5
    case boots = 6
    /// The log, which is no record but can be damaged as well.
    case log = 7
    /// What devices count: see Counts.swift.
    case counts = 9
    /// Slots 0…7 are 16…23.
    case grants = 16

    /// In the order in which `status` names them, and of the bits in a set of records.
    static var names: FlashText {
        @export(interface) get { FlashText("device identity ownership time watermarks boots log grants counts") }
    }
    /// Bit in a set of records.
    var bit: UInt16 { self == .grants ? 128 : 1 << UInt16(rawValue &- 1) }
}

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
    /// This boot's number once a token needed it, else 0.
    private var boot: UInt64 = 0

    init(_ flash: consuming Flash) {
        store = FlashStore(flash, layout: Memory.layout)
    }

    // MARK: Damage

    @inline(never)
    mutating func noteDamage(_ record: Record) { damaged |= record.bit }
    func isDamaged(_ record: Record) -> Bool { damaged & record.bit != 0 }
    var isDamaged: Bool { damaged != 0 }

    func writeDamaged(_ writer: inout CBORWriter) {
        writer.array(damaged.nonzeroBitCount)
        for number in 0..<9 where damaged >> UInt16(truncatingIfNeeded: number) & 1 != 0 {
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
        var batch = RecordBatch<200>()
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

    @inline(never)
    mutating func saveWatermarks(_ watermarks: inout Watermarks, epoch: UInt32) throws(Refusal) {
        guard watermarks.needSaving else { return }
        var bytes = InlineArray<196, UInt8>(repeating: 0)
        let count = watermarks.encoded(epoch: epoch, into: &bytes)
        try put(.watermarks, bytes.span.extracting(0..<count))
        watermarks.needSaving = false
    }

    /// Record `time`, 8 bytes: the floor in the first 5; in the last the wires on which strangers have exhausted the attempts.
    @inline(never)
    mutating func save(_ time: inout TrustedTime, _ attempts: inout AttemptBudget) throws(Refusal) {
        guard time.floor > time.savedFloor || attempts.needsSaving else { return }
        var bytes = InlineArray<8, UInt8>(repeating: 0)
        bytes.storeLittleEndian64(time.floor, at: 0, count: 5)
        bytes[7] = attempts.exhausted
        try put(.time, bytes.span)
        time.savedFloor = time.floor
        attempts.needsSaving = false
    }

    /// A number that no other boot has. Written to flash at the first call.
    mutating func bootNumber() throws(Refusal) -> UInt64 {
        if boot != 0 { return boot }
        do throws(StoreError) {
            let next = try store.counter(Record.boots.rawValue) &+ 1
            try store.raise(Record.boots.rawValue, to: next)
            boot = next
        } catch { throw .storeFailed }
        return boot
    }
}
