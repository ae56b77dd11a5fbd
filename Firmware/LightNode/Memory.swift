// What the executor keeps in flash: named records and the log, over the flash store.

import CBOR
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
    case grant0 = 16
}

struct Memory<Flash: NORFlash & ~Copyable>: ~Copyable {
    var flash: Flash
    private(set) var chain = Bytes32(repeating: 0)
    private(set) var nextIndex: UInt32 = 0
    init(_ flash: consuming Flash) { self.flash = flash }
    var needsPage: Bool { false }
    func isDamaged(_ record: Record) -> Bool { fatalError() }
    func writeDamaged(_ writer: inout CBORWriter) { fatalError() }
    mutating func begin(_ entry: inout LogEntry) throws(Refusal) { fatalError() }
    mutating func complete(_ entry: LogEntry) throws(Refusal) { fatalError() }
    mutating func openPage() throws(Refusal) { fatalError() }
    mutating func saveWatermarks(_ w: Watermarks, epoch: UInt32) throws(Refusal) { fatalError() }
    mutating func saveGrant(_ s: Int, _ g: GrantSlot) throws(Refusal) { fatalError() }
    mutating func saveTime(_ t: inout TrustedTime) throws(Refusal) { fatalError() }
    mutating func saveOwnership(_ o: Ownership) throws(Refusal) { fatalError() }
    mutating func saveIdentity(_ i: Identity, seed: borrowing Bytes32) throws(Refusal) { fatalError() }
    func loadSeed(_ seed: inout Bytes32) throws(Refusal) { fatalError() }
}
extension Node where Flash: ~Copyable, Board: ~Copyable { mutating func boot() { fatalError() } }
