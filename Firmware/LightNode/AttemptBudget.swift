// Limits how much CPU time strangers can spend: a signature check costs up to a quarter of a second, so those of messages that are not
// accepted are rationed, on each wire by itself.
//
// Turning a device off and on again gives nobody more attempts: it starts with few, and on a wire where strangers have used them up, which is
// kept in flash (with the time floor, Memory.swift), with none. That is forgotten at the end of an hour without such strangers, and so
// strangers make the flash be written three times an hour at most. The owner is never shut out: half a second after the last stranger it is
// heard as ever.

/// A bucket of attempts for each wire: signature checks empty it, time fills it.
struct AttemptBudget {
    static var capacity: UInt32 { 16 }
    static var refillMicroseconds: UInt64 { 500_000 }
    /// As many as a command under a grant takes that was passed on twice.
    static var atStart: UInt32 { 4 }

    private struct Bucket {
        var left = AttemptBudget.atStart
        var lastRefill: UInt64 = 0
    }
    private var buckets = InlineArray<2, Bucket>(repeating: Bucket())
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

    /// Throws when no attempt is left at `uptime` microseconds for what comes over `wire`.
    @inline(never)
    mutating func check(uptime: UInt64, wire: UInt8) throws(Refusal) {
        self.wire = Int(wire & 1)
        var bucket = buckets[self.wire]
        let refills = (uptime &- bucket.lastRefill) / AttemptBudget.refillMicroseconds
        bucket.left = UInt32(truncatingIfNeeded: min(UInt64(AttemptBudget.capacity), UInt64(bucket.left) &+ refills))
        bucket.lastRefill &+= refills &* AttemptBudget.refillMicroseconds
        buckets[self.wire] = bucket
        if bucket.left == 0 {
            let bit: UInt8 = 1 << UInt8(truncatingIfNeeded: self.wire)
            lately |= bit
            if exhausted & bit == 0 { (exhausted, needsSaving) = (exhausted | bit, true) }
            throw .tooManyAttempts
        }
        spent = 0
    }

    /// Each check takes an attempt, a good one too: a stranger's own key signs as well as any.
    @inline(never)
    mutating func noteCheck() {
        if buckets[wire].left == 0 { return }
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
