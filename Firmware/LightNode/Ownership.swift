// Whose device it is: the epoch, the owner's key, and the keys that the owner fixed beside its own.

import HAL
import Ed25519

/// Kept in one record, so that a change of ownership is one atomic write.
struct Ownership: ~Copyable {
    private let inMemory = InMemory()
    /// Rises by one at every change; messages of other epochs are dead.
    var epoch: UInt32 = 0
    /// Number of the first log entry of this epoch. Entries before it say nothing about this epoch's sequence numbers.
    var sinceIndex: UInt32 = 0
    var isOwned = false
    var hasRecovery = false
    /// The owner has forbidden the reset by button.
    var forbidsReset = false
    var owner = Bytes32(repeating: 0)
    var recovery = Bytes32(repeating: 0)
    /// Backup controllers by rank.
    var backups = InlineArray<3, Backup>(repeating: Backup())

    struct Backup {
        var key = Bytes32(repeating: 0)
        /// Seconds that the owner must have been silent before this controller may take over; 0: no backup of this rank.
        var silence: UInt32 = 0
    }

    // Record: epoch (4), sinceIndex (4), flags (1: owned, 2: recovery, 4: reset forbidden), number of backups (1), 0 (2),
    // owner (32), recovery (32), then per backup silence (4) and key (32). Length 76 + 36 per backup.
    static var recordCapacity: Int { 184 }

    @inline(never)
    func encoded(into bytes: inout InlineArray<184, UInt8>) -> Int {
        bytes.storeLittleEndian(epoch, at: 0)
        bytes.storeLittleEndian(sinceIndex, at: 4)
        bytes[8] = (isOwned ? 1 : 0) | (hasRecovery ? 2 : 0) | (forbidsReset ? 4 : 0)
        bytes.store(owner.span.bytes, at: 12)
        bytes.store(recovery.span.bytes, at: 44)
        var ranks = 0
        while ranks < 3 && backups[ranks].silence != 0 {
            bytes.storeLittleEndian(backups[ranks].silence, at: 76 &+ 36 &* ranks)
            bytes.store(backups[ranks].key.span.bytes, at: 80 &+ 36 &* ranks)
            ranks &+= 1
        }
        bytes[9] = UInt8(truncatingIfNeeded: ranks)
        return 76 &+ 36 &* ranks
    }

    init() {}

    /// nil if the record is not well-formed.
    init?(_ bytes: InlineArray<184, UInt8>, count: Int) {
        let ranks = Int(bytes[9])
        guard count >= 76, ranks <= 3, count == 76 &+ 36 &* ranks, bytes[8] < 8 else { return nil }
        epoch = bytes.loadLittleEndian(at: 0)
        sinceIndex = bytes.loadLittleEndian(at: 4)
        isOwned = bytes[8] & 1 != 0
        hasRecovery = bytes[8] & 2 != 0
        forbidsReset = bytes[8] & 4 != 0
        owner = bytes32(bytes.span.bytes, at: 12)
        recovery = bytes32(bytes.span.bytes, at: 44)
        for rank in 0..<ranks {
            backups[rank].silence = bytes.loadLittleEndian(at: 76 &+ 36 &* rank)
            backups[rank].key = bytes32(bytes.span.bytes, at: 80 &+ 36 &* rank)
        }
    }

    /// The rank of the backup controller that holds `key`.
    @inline(never)
    func rank(of key: Bytes32) -> Int? {
        for rank in 0..<3 where backups[rank].silence != 0 && same(backups[rank].key, key) { return rank }
        return nil
    }
}

/// Compares public values. Not for secrets.
@inline(never)
func same(_ a: Bytes32, _ b: Bytes32) -> Bool {
    for i in 0..<32 where a[i] != b[i] { return false }
    return true
}
