// What carries CoAP messages to a node: slipmux frames on a byte pipe, or UDP datagrams.
import CoAP
import Reporting

/// A way to send and receive whole CoAP messages.
public protocol CoAPLink: Sendable {
    /// What arrives. It has one consumer, ends when the other side hangs up, and throws when the line breaks.
    var incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error> { get }
    /// What every request to the node begins with: the host and the path prefix that tell it from others behind the same address.
    var base: [Message.Option] { get }
    /// The longest message, in bytes, that the other side is known to take: a longer one would be lost without a word.
    var capacity: Int { get }
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
}

/// CoAP in slipmux frames on a byte pipe, between the node's log lines.
public final class SlipmuxLink: CoAPLink {
    /// CoAP messages and the node's log lines, in the order of the pipe; damaged frames are left out.
    public let incoming: AsyncThrowingStream<SlipmuxFrames.Frame, any Error>
    private let pipe: any BytePipe
    private let reader: Task<Void, Never>

    /// Takes over `pipe`.
    public init(_ pipe: any BytePipe) {
        self.pipe = pipe
        let (stream, continuation) = AsyncThrowingStream<SlipmuxFrames.Frame, any Error>.makeStream()
        incoming = stream
        reader = Task {
            var frames = SlipmuxFrames()
            do {
                for try await chunk in pipe.incoming {
                    for frame in frames.push(chunk) { continuation.yield(frame) }
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
