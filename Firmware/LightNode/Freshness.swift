// The one-time token: 8 random bytes that a sender must sign to prove that the message was made after the device asked for it.

struct Freshness {
    private var token: UInt64 = 0
    private(set) var issuedAt: UInt64 = 0
    private var isValid = false

    /// Replaces the token. `uptime` in microseconds.
    mutating func issue(_ token: UInt64, uptime: UInt64) {
        (self.token, issuedAt, isValid) = (token, uptime, true)
    }

    /// The token while it is so young that whoever asks again gets the same one: else anybody could take it from whoever is about to use it.
    func young(uptime: UInt64) -> UInt64? {
        isValid && uptime &- issuedAt < Freshness.youthMicroseconds ? token : nil
    }
    static var youthMicroseconds: UInt64 { 30_000_000 }

    func matches(_ other: UInt64) -> Bool { isValid && other == token }

    /// After this the token is worthless. Called once a message that carries it has a valid signature.
    mutating func consume() { isValid = false }
}
