// Tells repeated requests from new ones, by message id (RFC 7252 section 4.5).

/// Remembers the ids of the last `capacity` messages received, for as long as a peer may repeat them.
///
/// A datagram that comes twice must not act twice; the server answers the second one as it did the first. What it answered it keeps
/// itself, in `capacity` places that `slot` numbers.
public struct CoAPExchanges<let capacity: Int>: Sendable {
    /// EXCHANGE_LIFETIME: after so many seconds an id may be used again (RFC 7252 section 4.8.2).
    public static var lifetime: UInt32 { 247 }

    private struct Entry: Sendable {
        var id: UInt16 = 0
        var isUsed = false
        var endpoint: UInt32 = 0
        var since: UInt32 = 0
    }

    private var entries = InlineArray<capacity, Entry>(repeating: Entry())
    private var next = 0

    /// No message has been received yet.
    public init() {}

    /// Whether a message was seen before, and the place of what belongs to it.
    public struct Match: Equatable, Sendable {
        /// True when id and endpoint were received less than `lifetime` seconds ago.
        public var isDuplicate: Bool
        /// 0..<capacity. A new message takes the place of the oldest one.
        public var slot: Int
    }

    /// Looks a message up, and remembers it if it is new.
    ///
    /// - Parameters:
    ///   - endpoint: tells peers apart; ids of different peers have nothing to do with each other.
    ///   - now: seconds on any clock that does not go back; may wrap around.
    public mutating func receive(_ id: UInt16, from endpoint: UInt32 = 0, at now: UInt32) -> Match {
        for slot in 0..<capacity {
            let entry = entries[slot]
            if entry.isUsed && entry.id == id && entry.endpoint == endpoint && now &- entry.since < Self.lifetime {
                return Match(isDuplicate: true, slot: slot)
            }
        }
        let slot = next
        entries[slot] = Entry(id: id, isUsed: true, endpoint: endpoint, since: now)
        next = slot &+ 1 == capacity ? 0 : slot &+ 1
        return Match(isDuplicate: false, slot: slot)
    }

    /// Forgets everything, for instance because a serial line was opened anew by another peer.
    public mutating func removeAll() {
        self = Self()
    }
}
