// A resource that is being observed (RFC 7641): its representations, as they change.
import Reporting

/// The representations of an observed resource: the present one first, then each new one. One task iterates it.
///
///     for try await answer in try await client.observe("devices") { … }
///
/// Each representation comes whole, whatever blocks it came in, and no older one comes after a newer one. When the node says nothing
/// for longer than its last answer was fresh (Max-Age), the observation is asked for anew, so that one that restarted is not waited for
/// in vain. Iteration ends when the node ends the observation, and throws a `Failure` when the connection breaks. Leaving the loop,
/// cancelling its task or calling `cancel` ends the observation on the node as well.
public struct Observation: AsyncSequence, Sendable {
    /// A whole representation, also one with an error code of the node's.
    public typealias Element = Response

    let stream: AsyncThrowingStream<Response, any Error>
    let end: @Sendable () -> Void

    /// Iterators share one stream: each representation goes to one of them.
    public func makeAsyncIterator() -> AsyncThrowingStream<Response, any Error>.Iterator { stream.makeAsyncIterator() }

    /// Ends the observation; iteration ends.
    public func cancel() { end() }
}

/// Which of two notifications is the newer one (RFC 7641, section 3.4).
struct NotificationOrder {
    private(set) var number: UInt32?
    private var arrived = ContinuousClock.now

    /// True if a notification with `number` that arrives at `now` is newer than all before it, which it then takes the place of.
    mutating func accept(_ number: UInt32, at now: ContinuousClock.Instant = .now) -> Bool {
        if let last = self.number {
            let ahead = (number &- last) & 0xff_ffff
            // The numbers wrap around after 24 bits; after 128 s they say nothing any more.
            guard (ahead != 0 && ahead < 1 << 23) || now - arrived > .seconds(128) else { return false }
        }
        restart(number, at: now)
        return true
    }

    /// Begins anew with `number`: the answer to a registration is always the present state.
    mutating func restart(_ number: UInt32, at now: ContinuousClock.Instant = .now) {
        self.number = number
        arrived = now
    }
}
