// Limits how much CPU time strangers can spend: a signature check costs tens of milliseconds, so those of messages that are not accepted are rationed.

/// A bucket of attempts: signature checks empty it, time fills it.
struct AttemptBudget {
    static var capacity: UInt32 { 16 }
    static var refillMicroseconds: UInt64 { 250_000 }

    private var left: UInt32 = AttemptBudget.capacity
    private var lastRefill: UInt64 = 0
    /// Attempts that the present message has taken.
    private var spent: UInt32 = 0

    /// Throws when no attempt is left at `uptime` microseconds.
    @inline(never)
    mutating func check(uptime: UInt64) throws(Refusal) {
        let refills = (uptime &- lastRefill) / AttemptBudget.refillMicroseconds
        if refills > 0 {
            left = UInt32(truncatingIfNeeded: min(UInt64(AttemptBudget.capacity), UInt64(left) &+ refills))
            lastRefill &+= refills &* AttemptBudget.refillMicroseconds
        }
        if left == 0 { throw .tooManyAttempts }
        spent = 0
    }

    /// Each check takes an attempt, a good one too: a stranger's own key signs as well as any.
    @inline(never)
    mutating func noteCheck() {
        if left == 0 { return }
        left &-= 1
        spent &+= 1
    }

    /// The message was accepted, so its checks were none of a stranger's.
    @inline(never)
    mutating func refund() {
        left &+= spent
        spent = 0
    }
}
