// The replay high-water marks (R9): the highest sequence number accepted of owner, claim key and recovery key, and the owner's newest word on each
// device.
//
// They are never written by themselves: each log entry carries the sequence number that it accepted, so recording the intent of a command
// records its marks. When a new page of the log begins, its summary takes them all. Grant holders' marks are in their slots; a backup's message
// is good for the life of its token, and ends the epoch when it is accepted.

import Bytes
import HAL
import Vocabulary

/// Marks of one epoch. A change of epoch clears them: what was signed in another epoch is refused for its epoch.
struct Watermarks: ~Copyable {
    private let inMemory = InMemory()
    static var deviceLimit: Int { 16 }
    /// Bytes that they take in a page's summary at most.
    static var capacity: Int { 8 + 7 * (firstDevice - 1 + deviceLimit) }

    /// By signer's number, and from here on by device.
    private static var firstDevice: Int { 3 }
    private var marks = InlineArray<19, UInt64>(repeating: 0)

    /// The owner's mark.
    var owner: UInt64 { marks[0] }

    /// The mark that a message of `signer` must exceed; 0 for signers that have none here.
    subscript(signer: Signer) -> UInt64 {
        Int(signer.rawValue) < Watermarks.firstDevice ? marks[Int(signer.rawValue)] : 0
    }

    /// The owner's newest word on a device, command or state.
    @inline(never)
    func newestWord(on device: UInt8) -> UInt64 {
        Int(device) < Watermarks.deviceLimit ? marks[Watermarks.firstDevice &+ Int(device)] : .max
    }

    /// Raises the marks that an entry with these fields stands for; never lowers one.
    @inline(never)
    mutating func note(_ entry: borrowing LogEntry) {
        guard Int(entry.signer.rawValue) < Watermarks.firstDevice else { return }
        if entry.kind != .state { raise(Int(entry.signer.rawValue), to: entry.seq) }
        // What is newer wins on a device, whatever its kind.
        if Int(entry.device) < Watermarks.deviceLimit { raise(Watermarks.firstDevice &+ Int(entry.device), to: entry.seq) }
    }

    private mutating func raise(_ number: Int, to seq: UInt64) {
        if seq > marks[number] { marks[number] = seq }
    }

    @inline(never)
    mutating func clear() {
        for number in marks.indices { marks[number] = 0 }
    }

    // In a summary: the owner's mark (8 bytes), then the others (7 each) up to the last that is not zero.

    /// Writes them to `bytes` from `offset` on; the number of bytes.
    @inline(never)
    func store(to bytes: inout InlineArray<170, UInt8>, at offset: Int) -> Int {
        bytes.storeLittleEndian64(marks[0], at: offset)
        var count = 8
        for number in 1..<marks.count where marks[number] != 0 {
            let at = 8 &+ 7 &* (number &- 1)
            bytes.storeLittleEndian64(marks[number], at: offset &+ at, count: 7)
            count = at &+ 7
        }
        return count
    }

    /// Takes over what `store` wrote as `bytes`; never lowers one.
    @inline(never)
    mutating func load(_ bytes: RawSpan) {
        if bytes.byteCount < 8 { return }
        raise(0, to: loadLittleEndian64(bytes, at: 0))
        var number = 1
        while number < marks.count, 8 &+ 7 &* number <= bytes.byteCount {
            raise(number, to: loadLittleEndian64(bytes, at: 1 &+ 7 &* number, count: 7))
            number &+= 1
        }
    }
}
