// A file descriptor that one thread reads and closes while others write to it.
import Foundation
import Synchronization

/// Keeps writers from a descriptor that is closed, whose number may be another file's by then.
final class SharedDescriptor: Sendable {
    /// For the thread that reads; it calls `close` at its end and uses the number no more.
    let number: Int32
    private let isWritable = Mutex(true)
    private let wake: (read: Int32, write: Int32)
    private let hasHungUp = Mutex(false)

    /// - Parameter pipe: the two ends of a pipe of its own, by which `hangUp` wakes the reading thread.
    init(_ number: Int32, pipe: [Int32]) {
        self.number = number
        wake = (pipe[0], pipe[1])
        for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    /// Waits until there is something to read; false when the reading thread is to end. For that thread.
    func waitForInput() -> Bool {
        while true {
            var waiting = [
                pollfd(fd: number, events: Int16(POLLIN), revents: 0), pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&waiting, 2, -1) >= 0 { return waiting[1].revents == 0 }
            if errno != EINTR { return false }
        }
    }

    /// From any thread, and more than once: no more writes, and the reading thread is told to end. It closes the descriptor itself, whose number
    /// cannot be another file's meanwhile.
    func hangUp() {
        hasHungUp.withLock { done in
            guard !done else { return }
            done = true
            refuseWrites()
            Foundation.close(wake.write)
        }
    }

    /// What `body` returns, which may write to the descriptor; nil when it is closed or about to be.
    func write<R>(_ body: (Int32) -> R) -> R? { isWritable.withLock { $0 ? body(number) : nil } }

    /// No more writes from now on.
    func refuseWrites() { isWritable.withLock { $0 = false } }

    /// Once, by the reading thread.
    func close() {
        refuseWrites()
        _ = Foundation.close(number)
        _ = Foundation.close(wake.read)
    }
}
