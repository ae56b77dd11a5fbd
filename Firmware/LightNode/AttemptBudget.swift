// Limits how much CPU time strangers can spend, on each wire by itself: a signature check costs up to a quarter of a second, a signature a
// tenth. A message must find as many attempts as it has signatures to check before the first is checked. Signatures that anybody may ask
// for have a bucket of their own.
//
// Turning a device off and on again gives nobody more attempts: it starts with few, and on a wire where strangers have used them up, which is
// kept in flash (with the time floor, Memory.swift), with none. That is forgotten at the end of an hour without such strangers, and so
// strangers make the flash be written three times an hour at most. The owner is never shut out: half a second after the last stranger it is
// heard as ever.

import Vocabulary

/// A bucket of attempts for each wire: signature checks empty it, time fills it.
struct AttemptBudget {
    static var capacity: UInt32 { 16 }
    static var refillMicroseconds: UInt64 { 500_000 }
    /// As many as a command under a grant takes that was passed on twice.
    static var atStart: UInt32 { 4 }

    /// Signatures for strangers: as many at once, and one more in this time. A whole log is handed out at that rate.
    static var signatureCapacity: UInt32 { 32 }
    static var signatureMicroseconds: UInt64 { 333_333 }

    private struct Bucket {
        var left: UInt32
        var lastRefill: UInt64 = 0

        /// Fills up what time has given.
        @inline(never)
        mutating func refill(_ uptime: UInt64, every period: UInt64, capacity: UInt32) {
            let refills = (uptime &- lastRefill) / period
            left = UInt32(truncatingIfNeeded: min(UInt64(capacity), UInt64(left) &+ refills))
            lastRefill &+= refills &* period
        }
    }
    private var buckets = InlineArray<2, Bucket>(repeating: Bucket(left: AttemptBudget.atStart))
    private var signatures = InlineArray<2, Bucket>(repeating: Bucket(left: AttemptBudget.signatureCapacity))
    /// Wires that had no attempt left, bit n for wire n: as flash has it or, while `needsSaving`, is to have it.
    private(set) var exhausted: UInt8 = 0
    var needsSaving = false
    /// Those in the hour that runs.
    private var lately: UInt8 = 0
    private var hourEnds = AttemptBudget.hour
    private static var hour: UInt64 { 3_600_000_000 }
    /// Attempts that the present message has taken.
    private var spent: UInt32 = 0
    private var wire = 0

    /// What flash has of `exhausted`, at boot.
    @inline(never)
    mutating func load(_ exhausted: UInt8) {
        self.exhausted = exhausted & 3
        for wire in 0..<2 where exhausted >> UInt8(truncatingIfNeeded: wire) & 1 != 0 { buckets[wire].left = 0 }
    }

    /// At the end of an hour the wires count on which it happened in it.
    @inline(never)
    mutating func poll(uptime: UInt64) {
        if uptime < hourEnds { return }
        hourEnds = uptime &+ AttemptBudget.hour
        if exhausted != lately { (exhausted, needsSaving) = (lately, true) }
        lately = 0
    }

    /// Throws unless there are attempts for `checks` signatures at `uptime` microseconds, for what comes over `wire`.
    @inline(never)
    mutating func check(_ checks: UInt32, uptime: UInt64, wire: WireNumber) throws(Refusal) {
        self.wire = wire.index
        spent = 0
        buckets[self.wire].refill(uptime, every: AttemptBudget.refillMicroseconds, capacity: AttemptBudget.capacity)
        if buckets[self.wire].left >= checks { return }
        if buckets[self.wire].left > 0 { throw .tooManyAttempts }
        let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: self.wire)
        lately |= bit
        if exhausted & bit == 0 { (exhausted, needsSaving) = (exhausted | bit, true) }
        throw .tooManyAttempts
    }

    /// True, and taken, when a signature may be given to anybody who asks over `wire`.
    @inline(never)
    mutating func takeSignature(uptime: UInt64, wire: WireNumber) -> Bool {
        signatures[wire.index].refill(
            uptime, every: AttemptBudget.signatureMicroseconds, capacity: AttemptBudget.signatureCapacity)
        if signatures[wire.index].left == 0 { return false }
        signatures[wire.index].left &-= 1
        return true
    }

    /// Each check takes an attempt, a good one too: a stranger's own key signs as well as any.
    @inline(never)
    mutating func noteCheck() {
        buckets[wire].left &-= 1
        spent &+= 1
    }

    /// The message was accepted, so its checks were none of a stranger's.
    @inline(never)
    mutating func refund() {
        buckets[wire].left &+= spent
        spent = 0
    }
}

/// A wire by which messages come, as the budget tells them apart.
public struct WireNumber: Equatable, Sendable {
    /// 0 or 1.
    public let index: Int

    private init(index: Int) { self.index = index }
    /// The serial line.
    public static var serial: WireNumber { WireNumber(index: 0) }
    /// The pair of bulk endpoints of the USB device.
    public static var usb: WireNumber { WireNumber(index: 1) }
}
