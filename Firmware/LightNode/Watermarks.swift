// The replay high-water marks: the highest sequence number accepted from each signer, and for each device's desired state.
//
// They are never written by themselves: each log entry carries the sequence number that it accepted, so recording the intent of a command
// records its mark. When a new page of the log begins, its summary takes the owner's mark and a record all others.

import HAL

/// Marks of one epoch. A change of epoch clears them: what was signed in another epoch is refused for its epoch.
struct Watermarks: ~Copyable {
    private let inMemory = InMemory()
    static var deviceLimit: Int { 16 }

    /// Highest accepted message per signer, grant holders excepted: their marks are in their slots.
    private var commands = InlineArray<8, UInt64>(repeating: 0)
    /// Highest accepted desired state per device.
    private var states = InlineArray<16, UInt64>(repeating: 0)

    /// A mark has risen that neither the log's page summary nor the record has.
    var needSaving = false

    subscript(signer: Signer) -> UInt64 { commands[Int(signer.rawValue & 7)] }

    func state(of device: UInt8) -> UInt64 {
        Int(device) < Watermarks.deviceLimit ? states[Int(device)] : .max
    }

    /// Raises the mark that an entry with these fields stands for; never lowers one.
    @inline(never)
    mutating func note(seq: UInt64, signer: Signer, kind: MessageType, device: UInt8) {
        if kind == .state {
            guard Int(device) < Watermarks.deviceLimit else { return }
            states[Int(device)] = max(states[Int(device)], seq)
            needSaving = true
        } else {
            commands[Int(signer.rawValue & 7)] = max(commands[Int(signer.rawValue & 7)], seq)
            if signer != .owner { needSaving = true }
        }
    }

    @inline(never)
    mutating func clear() {
        self = Watermarks()
    }

    // Record: epoch (4 bytes), then for each mark that is not zero: number (1; states from 8 on) and sequence number (7).
    static var recordCapacity: Int { 4 + 24 * 8 }

    @inline(never)
    func encoded(epoch: UInt32, into bytes: inout InlineArray<196, UInt8>) -> Int {
        bytes.storeLittleEndian(epoch, at: 0)
        var count = 4
        for number in 0..<24 {
            let seq = number < 8 ? commands[number] : states[number &- 8]
            if seq == 0 { continue }
            bytes[count] = UInt8(truncatingIfNeeded: number)
            for i in 0..<7 { bytes[count &+ 1 &+ i] = UInt8(truncatingIfNeeded: seq >> UInt64(8 &* i)) }
            count &+= 8
        }
        return count
    }

    /// Takes over the marks of a record of `epoch`; false if the record is not well-formed. A record of another epoch says nothing.
    @inline(never)
    mutating func load(_ bytes: InlineArray<196, UInt8>, count: Int, epoch: UInt32) -> Bool {
        guard count >= 4, (count &- 4) & 7 == 0, count <= Watermarks.recordCapacity else { return false }
        guard bytes.loadLittleEndian(at: 0) == epoch else { return true }
        var at = 4
        while at < count {
            let number = Int(bytes[at])
            guard number < 24 else { return false }
            var seq: UInt64 = 0
            for i in 0..<7 { seq |= UInt64(bytes[at &+ 1 &+ i]) << UInt64(8 &* i) }
            if number < 8 { commands[number] = seq } else { states[number &- 8] = seq }
            at &+= 8
        }
        return true
    }
}
