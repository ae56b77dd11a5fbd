// Whether a person is at the node: presses of its button. What nobody can undo from afar, nobody can do from afar.

/// A press counts that began after power-on, so the button that is held for a reset does not, and in the present epoch; once, for a minute.
struct Presence {
    /// True until the button was seen up: it may have been held from power-on, or from another epoch, on.
    private var isHeld = true
    /// Uptime in microseconds at which the last press began.
    private var pressed: UInt64?

    private static var microseconds: UInt64 { 60_000_000 }

    /// The button is up or down now.
    mutating func note(isDown: Bool, uptime: UInt64) {
        if isDown, !isHeld { pressed = uptime }
        isHeld = isDown
    }

    /// Another epoch has begun: presses before it say nothing of its owner.
    mutating func forget() { self = Presence() }

    /// True when a press is there to be used.
    func isGiven(uptime: UInt64) -> Bool {
        guard let pressed else { return false }
        return uptime &- pressed < Presence.microseconds
    }

    /// A press serves one message.
    mutating func use() { pressed = nil }
}
