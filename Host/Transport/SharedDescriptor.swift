// A file descriptor that one thread reads and closes while others write to it.
import Foundation
import Synchronization

/// Keeps writers from a descriptor that is closed, whose number may be another file's by then.
final class SharedDescriptor: Sendable {
    /// For the thread that reads; it calls `close` at its end and uses the number no more.
    let number: Int32
    private let isWritable = Mutex(true)

    init(_ number: Int32) { self.number = number }

    /// What `body` returns, which may write to the descriptor; nil when it is closed or about to be.
    func write<R>(_ body: (Int32) -> R) -> R? { isWritable.withLock { $0 ? body(number) : nil } }

    /// No more writes from now on.
    func refuseWrites() { isWritable.withLock { $0 = false } }

    /// Once, by the reading thread.
    func close() {
        refuseWrites()
        _ = Foundation.close(number)
    }
}
