// A byte pipe over a file descriptor: a thread waits for input, sending never blocks for longer than its limit.
import Foundation
import Reporting

/// A `BytePipe` over a descriptor that can be polled: socket, serial line, pseudo-terminal.
public final class DescriptorPipe: BytePipe {
    /// Chunks as the descriptor gave them, at most 4096 bytes each; read by a thread of the pipe's own, and never dropped.
    public let incoming: AsyncThrowingStream<[UInt8], any Error>
    /// What the descriptor leads to, for messages.
    public let name: String
    private let descriptor: SharedDescriptor
    private let sendLimit: Duration

    /// Takes over `descriptor`, which becomes non-blocking and is closed with the pipe.
    /// - Parameter sendLimit: how long the other side may take no bytes before a send is given up.
    /// - Throws: `Failure` of kind `environment`; `descriptor` is closed then.
    public init(descriptor: Int32, name: String, sendLimit: Duration = .seconds(5)) throws {
        var ends: [Int32] = [0, 0]
        guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0, pipe(&ends) == 0 else {
            let reason = String(cString: strerror(errno))
            Foundation.close(descriptor)
            throw Failure(
                .environment, "\(name) could not be prepared: \(reason)", about: "\(name)",
                advice: "Close other programs and try again")
        }
        let shared = SharedDescriptor(descriptor, pipe: ends)
        self.descriptor = shared
        self.name = name
        self.sendLimit = sendLimit
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        self.incoming = stream
        let thread = Thread { Self.readLoop(shared, name: name, into: continuation) }
        thread.name = "lightnode-read"
        thread.start()
    }

    /// Runs on its own thread, which closes the descriptor at the end.
    private static func readLoop(
        _ shared: SharedDescriptor, name: String,
        into continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
    ) {
        defer {
            // A serial line that another program has inherited, or waits for, is free again; anything else knows no such request.
            _ = ioctl(shared.number, UInt(TIOCNXCL))
            shared.close()
        }
        let descriptor = shared.number
        var buffer = [UInt8](repeating: 0, count: 4096)
        while shared.waitForInput() {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 {
                continuation.yield(Array(buffer[..<count]))
            } else if count == 0 {
                break
            } else if errno != EINTR && errno != EAGAIN {
                // EIO is how a terminal says that its other side is gone (an unplugged adapter, a closed pseudo-terminal).
                let reason = String(cString: strerror(errno))
                continuation.finish(
                    throwing: Failure(
                        .unreachable, "the line to \(name) broke: \(reason)", advice: "Check the cable, then try again"))
                return
            }
        }
        continuation.finish()
    }

    /// Returns once the system has taken all bytes, which is not when they have arrived.
    /// - Throws: `Failure` of kind `unreachable` when they were not all taken within the send limit or the line broke; some may
    ///   have gone. `CancellationError` when the task is cancelled.
    public func send(_ bytes: [UInt8]) async throws {
        let deadline = ContinuousClock.now + sendLimit
        var sent = 0
        while sent < bytes.count {
            let (count, code) =
                descriptor.write { descriptor -> (Int, Int32) in
                    let count = bytes.withUnsafeBytes { Self.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
                    return (count, errno)
                } ?? (-1, EPIPE)
            if count > 0 {
                sent += count
            } else if code == EAGAIN || code == EINTR {
                guard ContinuousClock.now < deadline else {
                    throw Failure(
                        .unreachable, "\(name) takes no more bytes", about: "\(name)",
                        advice: "Check that the node runs, and that no other program uses the line")
                }
                try await Task.sleep(for: .milliseconds(2))
            } else {
                throw Failure(
                    .unreachable, "the line to \(name) broke: \(String(cString: strerror(code)))",
                    advice: "Check that the node is running and plugged in, then try again")
            }
        }
    }

    /// `write`, without the signal that ends the process when the other side of a socket is gone.
    private static func write(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
        let sent = Foundation.send(descriptor, base, count, Int32(MSG_NOSIGNAL))
        return sent < 0 && errno == ENOTSOCK ? Foundation.write(descriptor, base, count) : sent
    }

    /// From any thread. The descriptor itself is closed a moment later, by the reading thread.
    public func close() { descriptor.hangUp() }

    deinit { close() }
}
