// Whose device it is: the epoch, the owner's key, and the keys that the owner fixed beside its own.
//
// Kept in RAM as the bytes of its one record, so that a change of ownership is one atomic write, little-endian:
//
//      0  4  epoch: rises by one at every change; messages of other epochs are dead
//      4  4  sinceIndex: number of the first log entry of this epoch; those before it say nothing of this epoch's sequence numbers
//      8  1  flags: 1 owned, 2 has a recovery key, 4 the owner has forbidden the reset by button
//      9  1  number of backup controllers, 0…3
//     10  2  0
//     12 32  the owner's key
//     44 32  the recovery key
//     76     per backup controller, by rank: 4 seconds that the owner must have been silent before it may take over, 32 its key

import Bytes
import CBOR
import Ed25519
import HAL
import Vocabulary

struct Ownership: ~Copyable {
    private let inMemory = InMemory()
    private var bytes = InlineArray<184, UInt8>(repeating: 0)

    var epoch: UInt32 {
        @inline(never) get { LightNode.loadLittleEndian(bytes.span.bytes, at: 0) }
        @inline(never) set { bytes.storeLittleEndian(newValue, at: 0) }
    }

    var sinceIndex: UInt32 {
        @inline(never) get { LightNode.loadLittleEndian(bytes.span.bytes, at: 4) }
        @inline(never) set { bytes.storeLittleEndian(newValue, at: 4) }
    }

    struct Flags: OptionSet {
        var rawValue: UInt8
        static var owned: Flags { Flags(rawValue: 1) }
        static var recovery: Flags { Flags(rawValue: 2) }
        static var forbidsReset: Flags { Flags(rawValue: 4) }
    }

    var flags: Flags {
        get { Flags(rawValue: bytes[8]) }
        set { bytes[8] = newValue.rawValue }
    }

    var isOwned: Bool { flags.contains(.owned) }
    var hasRecovery: Bool { flags.contains(.recovery) }
    var forbidsReset: Bool { flags.contains(.forbidsReset) }

    // MARK: Keys

    static var ownerKey: Int { 12 }
    static var recoveryKey: Int { 44 }
    static func backupKey(_ rank: Int) -> Int { 80 &+ 36 &* rank }

    /// The key at one of the places above.
    @_lifetime(borrow self)
    func key(at offset: Int) -> RawSpan { bytes.span.bytes.part(offset, offset &+ 32) }

    @inline(never)
    mutating func setKey(at offset: Int, _ key: RawSpan) { bytes.store(key, at: offset) }

    var backups: Int { Int(bytes[9]) }

    /// Seconds that the owner must have been silent before this controller may take over.
    @inline(never)
    func silence(rank: Int) -> UInt32 { LightNode.loadLittleEndian(bytes.span.bytes, at: 76 &+ 36 &* rank) }

    @inline(never)
    mutating func addBackup(_ key: RawSpan, silence: UInt32) {
        let rank = backups
        bytes.storeLittleEndian(silence, at: 76 &+ 36 &* rank)
        setKey(at: Ownership.backupKey(rank), key)
        bytes[9] = UInt8(truncatingIfNeeded: rank &+ 1)
    }

    mutating func removeBackups() { bytes[9] = 0 }

    /// Takes one backup out; those behind it move up.
    @inline(never)
    mutating func remove(rank: Int) {
        for i in (76 &+ 36 &* rank)..<148 { bytes[i] = bytes[i &+ 36] }
        bytes[9] &-= 1
    }

    /// The rank of the backup controller that holds `key`.
    @inline(never)
    func rank(of key: RawSpan) -> Int? {
        for rank in 0..<backups
        where equal(self.key(at: Ownership.backupKey(rank)), key) {
            return rank
        }
        return nil
    }

    // MARK: Record

    var record: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(0..<(76 &+ 36 &* backups)) }
    }

    /// Where a record is read to; `isWellFormed` comes next.
    var mutableRecord: MutableSpan<UInt8> {
        @_lifetime(&self) mutating get { bytes.mutableSpan }
    }

    @inline(never)
    func isWellFormed(count: Int) -> Bool {
        backups <= 3 && count == 76 &+ 36 &* backups && bytes[8] < 8
    }

    @inline(never)
    mutating func copy(from other: borrowing Ownership) { bytes.store(other.bytes.span.bytes, at: 0) }

    // MARK: Authorities

    /// Writes all who can act on the node: `[owner / null, recovery / null, flags, [ * [key, silence] ]]`.
    @inline(never)
    func writeAuthorities(_ writer: inout CBORWriter) {
        writer.array(4)
        if isOwned { writer.bytes(key(at: Ownership.ownerKey)) } else { writer.null() }
        if hasRecovery { writer.bytes(key(at: Ownership.recoveryKey)) } else { writer.null() }
        writer.uint(forbidsReset ? 1 : 0)
        writer.array(backups)
        for rank in 0..<backups {
            writer.array(2)
            writer.bytes(key(at: Ownership.backupKey(rank)))
            writer.uint(UInt64(silence(rank: rank)))
        }
    }

    /// The digest of them: SHA-512 of that array, cut to 32 bytes. What consents and receipts name them by.
    @inline(never)
    func authorities() -> Bytes32 {
        var bytes = InlineArray<196, UInt8>(repeating: 0)
        var writer = CBORWriter(bytes.mutableSpan)
        writeAuthorities(&writer)
        let digest = SHA512.hash(writer.written())
        var short = Bytes32(repeating: 0)
        short.store(digest.span.bytes.extracting(0..<32), at: 0)
        return short
    }

    /// Nobody's, in the same epoch.
    @inline(never)
    mutating func clear() {
        let epoch = epoch
        bytes.clear()
        self.epoch = epoch
    }
}
