// Limits how much CPU time strangers can spend: a signature check costs tens of milliseconds, so failed ones are rationed.

/// A bucket of attempts: failed signature checks empty it, time fills it.
struct AttemptBudget {
    static var capacity: UInt32 { 16 }
    static var refillMicroseconds: UInt64 { 250_000 }

    private var left: UInt32 = AttemptBudget.capacity
    private var lastRefill: UInt64 = 0

    /// Throws when no attempt is left at `uptime` microseconds.
    @inline(never)
    mutating func check(uptime: UInt64) throws(Refusal) {
        let refills = (uptime &- lastRefill) / AttemptBudget.refillMicroseconds
        if refills > 0 {
            left = UInt32(truncatingIfNeeded: min(UInt64(AttemptBudget.capacity), UInt64(left) &+ refills))
            lastRefill &+= refills &* AttemptBudget.refillMicroseconds
        }
        if left == 0 { throw .tooManyAttempts }
    }

    @inline(never)
    mutating func noteFailure() {
        if left > 0 { left &-= 1 }
    }
}
