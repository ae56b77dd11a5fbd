// What carries CoAP messages to a node: slipmux frames on a byte pipe, or UDP datagrams.
import CoAP
import Reporting
import Synchronization

/// A way to send and receive whole CoAP messages.
public protocol CoAPLink: Sendable {
    /// What arrives. It has one consumer, ends when the other side hangs up, and throws when the line breaks.
    var incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error> { get }
    /// What every request to the node begins with: the host and the path prefix that tell it from others behind the same address.
    var base: [Message.Option] { get }
    /// The longest message, in bytes, that the other side is known to take: a longer one would be lost without a word.
    var capacity: Int { get }
    /// What came of the bytes that arrived so far; nil where there are no frames to be damaged.
    var heard: LineHearing? { get }
    /// Sends one message, or throws a `Failure` of kind `unreachable`.
    func send(_ message: [UInt8]) async throws
    /// Hangs up; `incoming` ends. Closing twice is harmless.
    func close()
}

extension CoAPLink {
    /// Nothing: the other end is one node.
    public var base: [Message.Option] { [] }
    /// What a node on a line takes (`SlipmuxDecoder` in NodeRuntime).
    public var capacity: Int { 1024 }
    /// Nil: messages come whole or not at all.
    public var heard: LineHearing? { nil }
}

/// CoAP in slipmux frames on a byte pipe, between the node's log lines.
public final class SlipmuxLink: CoAPLink {
    /// CoAP messages and the node's log lines, in the order of the pipe; damaged frames are left out.
    public let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
    private let pipe: any BytePipe
    private let reader: Task<Void, Never>
    private let hearing: Hearing
    /// Counts from when the pipe was taken over.
    public var heard: LineHearing? { hearing.state.withLock { $0 } }

    /// Shared with the task that reads.
    private final class Hearing: Sendable {
        let state = Mutex(LineHearing())
    }

    /// Takes over `pipe`.
    public init(_ pipe: any BytePipe) {
        self.pipe = pipe
        let (stream, continuation) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream()
        incoming = stream
        let hearing = Hearing()
        self.hearing = hearing
        reader = Task {
            var frames = SlipmuxFrames()
            do {
                for try await chunk in pipe.incoming {
                    let found = frames.push(chunk), dropped = frames.dropped
                    hearing.state.withLock { $0.take(chunk, found, dropped: Int(dropped.total)) }
                    for frame in found { continuation.yield(frame) }
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    /// Frames the message and hands it to the pipe, which may wait for its send limit.
    public func send(_ message: [UInt8]) async throws { try await pipe.send(SlipmuxFrames.coap(message)) }

    /// Closes the pipe as well.
    public func close() {
        reader.cancel()
        pipe.close()
    }

    deinit { close() }
}
