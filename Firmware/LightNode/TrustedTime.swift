// What the device knows of the time. It has no clock that it could trust, only signed statements of others and its own uptime.
//
// The floor never decreases and is kept in flash: the time is at least that. The time is *known* only when a signed statement answered
// this boot's one-time token: then the true time lies between the statement and the statement plus what passed since the token
// was issued. Rights that expire are refused while it is not known; a sender's own claim is never a reason to believe it.

import HAL

struct TrustedTime: ~Copyable {
    private let inMemory = InMemory()
    /// Seconds since 1970: the time is at least this.
    private(set) var floor: UInt64 = 0
    /// What was last written to flash.
    var savedFloor: UInt64 = 0
    private(set) var isKnown = false
    /// Seconds since 1970 as stated, and the uptime range (microseconds) in which that was true.
    private var statement: UInt64 = 0
    private var tokenIssued: UInt64 = 0
    private var received: UInt64 = 0

    /// The floor is written again when it has risen by this much: 15 minutes, at most 96 record writes a day.
    static var floorGranularity: UInt64 { 900 }

    @inline(never)
    mutating func load(floor: UInt64) {
        self.floor = floor
        savedFloor = floor
    }

    /// Takes a signed statement. `tokenIssued` is the uptime at which the token in it was issued, nil when it had none.
    @inline(never)
    mutating func accept(seconds: UInt64, tokenIssued: UInt64?, uptime: UInt64) {
        floor = max(floor, seconds)
        guard let tokenIssued else { return }
        if isKnown && seconds < earliest(uptime: uptime) { return }
        (statement, self.tokenIssued, received, isKnown) = (seconds, tokenIssued, uptime, true)
    }

    /// The time is at least this, in seconds since 1970.
    @inline(never)
    func earliest(uptime: UInt64) -> UInt64 {
        isKnown ? max(floor, statement &+ (uptime &- received) / 1_000_000) : floor
    }

    /// The time is at most this; nil while it is not known.
    @inline(never)
    func latest(uptime: UInt64) -> UInt64? {
        isKnown ? max(floor, statement &+ (uptime &- tokenIssued &+ 999_999) / 1_000_000) : nil
    }

    /// Throws unless a right that ends at `expiry` still holds for certain.
    @inline(never)
    func checkExpiry(_ expiry: UInt64, uptime: UInt64) throws(Refusal) {
        if floor >= expiry { throw .expired }
        guard let latest = latest(uptime: uptime) else { throw .timeUnknown }
        if latest >= expiry { throw .expired }
    }

    /// Throws unless a right that begins at `start` has begun for certain.
    @inline(never)
    func checkStart(_ start: UInt64, uptime: UInt64) throws(Refusal) {
        if earliest(uptime: uptime) < start { throw isKnown ? .notYetValid : .timeUnknown }
    }

    /// The floor, raised by the time that passed since it was known. Saved when `needsSaving`.
    mutating func advance(uptime: UInt64) {
        if isKnown { floor = max(floor, earliest(uptime: uptime)) }
    }

    var needsSaving: Bool { floor >= savedFloor &+ TrustedTime.floorGranularity }
}
