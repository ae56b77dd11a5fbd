// The replay high-water marks: the highest sequence number accepted from each signer, and for each device's desired state.
//
// They are never written by themselves: each log entry carries the sequence number that it accepted, so recording the intent of a command
// records its mark. When a new page of the log begins, its summary takes the owner's mark and a record all others.

import HAL

/// Marks of one epoch. A change of epoch clears them: what was signed in another epoch is refused for its epoch.
struct Watermarks: ~Copyable {
    private let inMemory = InMemory()
    static var deviceLimit: Int { 16 }

    /// By number: 0…7 the highest accepted message per signer, grant holders excepted, whose marks are in their slots; from 8 on the
    /// highest accepted desired state per device.
    private var marks = InlineArray<24, UInt64>(repeating: 0)

    /// A mark has risen that neither the log's page summary nor the record has.
    var needSaving = false

    subscript(signer: Signer) -> UInt64 { marks[Int(signer.rawValue & 7)] }

    @inline(never)
    func state(of device: UInt8) -> UInt64 {
        Int(device) < Watermarks.deviceLimit ? marks[8 &+ Int(device)] : .max
    }

    /// Raises the mark that an entry with these fields stands for; never lowers one.
    @inline(never)
    mutating func note(_ entry: borrowing LogEntry) {
        if entry.kind == .state {
            guard Int(entry.device) < Watermarks.deviceLimit else { return }
            note(entry.seq, 8 &+ Int(entry.device))
        } else {
            note(entry.seq, Int(entry.signer.rawValue & 7))
        }
    }

    @inline(never)
    mutating func note(_ seq: UInt64, _ number: Int = 0) {
        if seq > marks[number] { marks[number] = seq }
        // The owner's mark goes into the page summary instead.
        if number != 0 { needSaving = true }
    }

    @inline(never)
    mutating func clear() {
        for number in 0..<24 { marks[number] = 0 }
        needSaving = false
    }

    // Record: epoch (4 bytes), then for each mark that is not zero: sequence number (7) and number (1).
    static var recordCapacity: Int { 4 + 24 * 8 }

    @inline(never)
    func encoded(epoch: UInt32, into bytes: inout InlineArray<196, UInt8>) -> Int {
        bytes.storeLittleEndian(epoch, at: 0)
        var count = 4
        for number in 0..<24 where marks[number] != 0 {
            bytes.storeLittleEndian64(marks[number] | UInt64(number) << 56, at: count)
            count &+= 8
        }
        return count
    }

    /// Takes over the marks of a record of `epoch`; false if the record is not well-formed. A record of another epoch says nothing.
    @inline(never)
    mutating func load(_ bytes: Span<UInt8>, epoch: UInt32) -> Bool {
        guard bytes.count & 7 == 4 else { return false }
        guard loadLittleEndian(bytes.bytes, at: 0) == epoch else { return true }
        var at = 4
        while at < bytes.count {
            let mark = loadLittleEndian64(bytes.bytes, at: at)
            let number = Int(truncatingIfNeeded: mark >> 56)
            guard number < 24 else { return false }
            marks[number] = mark & Claims.maximumSeq
            at &+= 8
        }
        return true
    }
}
