// Ctrl-C while flashing: a flag that is asked between blocks, so that a device is never left in the middle of a request.
import Synchronization

/// Set once, by a signal handler's thread; asked by the flashing threads.
public final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Not set.
    public init() {}

    /// Asks all that hold it to stop at the next block. Cannot be taken back; may be called from any thread, and does not wait.
    public func cancel() { flag.store(true, ordering: .releasing) }
    /// Whether `cancel` was called, from any thread.
    public var isCancelled: Bool { flag.load(ordering: .acquiring) }
}

/// Thrown when a `Cancellation` was set.
struct Interrupted: Error {}
