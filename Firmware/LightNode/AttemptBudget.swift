// Limits how much CPU time strangers can spend: a signature check costs up to a quarter of a second, so those of messages that are not
// accepted are rationed, on each wire by itself.
//
// Nothing of this is kept in flash, or strangers could wear it out; instead a device starts with few attempts, so that turning it off and
// on again gives nobody more of them. And nothing lasts: half a second after the last stranger the owner is heard as ever.

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
    /// Attempts that the present message has taken.
    private var spent: UInt32 = 0
    private var wire = 0

    /// Throws when no attempt is left at `uptime` microseconds for what comes over `wire`.
    @inline(never)
    mutating func check(uptime: UInt64, wire: UInt8) throws(Refusal) {
        self.wire = Int(wire & 1)
        var bucket = buckets[self.wire]
        let refills = (uptime &- bucket.lastRefill) / AttemptBudget.refillMicroseconds
        bucket.left = UInt32(truncatingIfNeeded: min(UInt64(AttemptBudget.capacity), UInt64(bucket.left) &+ refills))
        bucket.lastRefill &+= refills &* AttemptBudget.refillMicroseconds
        buckets[self.wire] = bucket
        if bucket.left == 0 { throw .tooManyAttempts }
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
